// A received frame, and what was read from its header. The header is parsed once and handed on, as
// the bytes may lie in memory that somebody else can change.

#pragma once

#include <cstddef>
#include <span>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

struct ParsedFrame {
  PortId ingress;
  Classification as;
  const EthernetHeader& header;
  std::span<const std::byte> bytes;
  bool has_unfinished_checksum = false;  // whoever sends it on finishes it
};

}  // namespace tapswitch
