// Random numbers of the system, for what nobody outside is to guess.

#pragma once

#include <cstdint>
#include <random>

#include "switch/protocol/sip_hash.h"

namespace tapswitch {

inline uint64_t RandomNumber() {
  std::random_device random;
  return (uint64_t{random()} << 32U) | random();
}

inline SipKey RandomKey() { return {.low = RandomNumber(), .high = RandomNumber()}; }

}  // namespace tapswitch
