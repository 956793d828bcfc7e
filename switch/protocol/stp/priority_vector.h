// Identifiers, priority vectors and times, which bridges compare to agree on one tree (IEEE
// 802.1D-2004, 17.5, 17.6, 17.18). Less is better, everywhere.

#pragma once

#include <compare>
#include <cstdint>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch::stp {

// 9.2.5. A priority of 16 bits, as the Linux bridge has it; 802.1D-2004 uses the upper four.
struct BridgeIdentifier {
  uint16_t priority = 0x8000;
  MacAddress address{};

  auto operator<=>(const BridgeIdentifier&) const = default;
};

// 9.2.7. Six bits of priority and ten of number, as the Linux bridge has it.
using PortIdentifier = uint16_t;

inline constexpr unsigned kPortNumberBits = 10;

[[nodiscard]] constexpr PortIdentifier MakePortIdentifier(uint16_t priority, PortId port) {
  constexpr uint16_t kNumberMask = (1U << kPortNumberBits) - 1;
  const auto number = static_cast<uint16_t>((port.value + 1U) & kNumberMask);
  return static_cast<PortIdentifier>((static_cast<unsigned>(priority) << kPortNumberBits) | number);
}

// 17.5, without the port that receives it.
struct PriorityVector {
  BridgeIdentifier root;
  uint32_t root_path_cost = 0;
  BridgeIdentifier bridge;
  PortIdentifier port = 0;

  auto operator<=>(const PriorityVector&) const = default;
};

// 17.6: it is better, or it is what the sender of `held` says now.
[[nodiscard]] constexpr bool IsSuperior(const PriorityVector& message, const PriorityVector& held) {
  if (message < held) return true;
  constexpr PortIdentifier kNumberMask = (1U << kPortNumberBits) - 1;
  return message != held && message.bridge.address == held.bridge.address &&
         (message.port & kNumberMask) == (held.port & kNumberMask);
}

// A span of time in 1/256 s, the unit of BPDUs (9.2.8).
using WireTime = uint16_t;

inline constexpr WireTime kWireSecond = 256;

[[nodiscard]] constexpr Ticks TicksOf(WireTime time) {
  return {static_cast<uint64_t>(time) * 100 / kWireSecond};
}
[[nodiscard]] constexpr WireTime WireTimeOf(Ticks ticks) {
  return static_cast<WireTime>((ticks.centiseconds * kWireSecond + 50) / 100);
}

// 17.18.4 and others.
struct Times {
  WireTime message_age = 0;
  WireTime max_age = 20 * kWireSecond;
  WireTime forward_delay = 15 * kWireSecond;
  WireTime hello_time = 2 * kWireSecond;

  bool operator==(const Times&) const = default;
};

}  // namespace tapswitch::stp
