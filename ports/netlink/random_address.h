// A random MAC address for an interface or a bridge: locally administered, of one station
// (IEEE 802, 8.4).

#pragma once

#include <cstdint>
#include <random>

#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

inline MacAddress RandomAddress() {
  constexpr uint64_t kLocal = uint64_t{2} << 40U;
  constexpr uint64_t kGroup = uint64_t{1} << 40U;
  std::random_device random;
  const uint64_t number = (uint64_t{random()} << 32U) | random();
  return MacAddress::FromNumber((number | kLocal) & ~kGroup);
}

}  // namespace tapswitch
