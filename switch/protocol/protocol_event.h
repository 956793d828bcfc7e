// The events that protocols tell those who watch the switch. Whoever carries one on its way names
// no protocol.

#pragma once

#include <variant>

#include "switch/protocol/stp/tree.h"

namespace tapswitch {

using ProtocolEvent = std::variant<stp::Event>;

}  // namespace tapswitch
