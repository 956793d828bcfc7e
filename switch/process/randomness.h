// Random numbers of the system, for what nobody outside is to guess.

#pragma once

#include <cstdint>
#include <random>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/protocol/sip_hash.h"

namespace tapswitch {

inline uint64_t RandomNumber() {
  std::random_device random;
  return (uint64_t{random()} << 32U) | random();
}

inline SipKey RandomKey() { return {.low = RandomNumber(), .high = RandomNumber()}; }

// Locally administered, of one station (IEEE 802, 8.4).
inline MacAddress RandomAddress() {
  constexpr uint64_t kLocal = uint64_t{2} << 40U;
  constexpr uint64_t kGroup = uint64_t{1} << 40U;
  return MacAddress::FromNumber((RandomNumber() | kLocal) & ~kGroup);
}

}  // namespace tapswitch
