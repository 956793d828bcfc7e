// How many ports of the switch under test are up.

#pragma once

#include <cstddef>

#include "tests/support/control_client.h"

namespace tapswitch {

inline size_t CountPortsUp() {
  ControlClient client;
  size_t up = 0;
  for (const auto& port : client.Call("port.list")) up += port["link"] == "up" ? 1 : 0;
  return up;
}

}  // namespace tapswitch
