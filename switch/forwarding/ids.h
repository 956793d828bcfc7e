// The small strong types that all folders use: ports, VLANs, time.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace tapswitch {

// Ports a bridge can have. 1024 as in the Linux bridge (net/bridge/br_private.h, BR_PORT_BITS).
inline constexpr size_t kMaxPorts = 1024;

// Index of a port within one bridge, 0 .. kMaxPorts - 1; reused only after its port has closed.
struct PortId {
  uint16_t value = 0;

  auto operator<=>(const PortId&) const = default;
};

// "The bridge itself", as the port of a permanent entry of the MAC table; nowhere else is it a
// port.
inline constexpr PortId kBridgePort{kMaxPorts};

// An IEEE 802.1Q VLAN identifier, 0 .. 4095. Zero stands for "no VLAN": the one broadcast domain of
// a bridge that does not filter VLANs.
struct VlanId {
  uint16_t value = 0;

  auto operator<=>(const VlanId&) const = default;
};

inline constexpr size_t kVlanCount = 4096;
inline constexpr VlanId kNoVlan{0};
// Reserved (IEEE 802.1Q, table 9-2), so never a member of anything: frames with this VID, and those
// for which there is no VLAN, belong to it and go nowhere.
inline constexpr VlanId kReservedVlan{4095};
inline constexpr VlanId kLeastVlan{1};
inline constexpr VlanId kMostVlan{4094};

// A point in time in hundredths of a second (the unit of the kernel's bridge API, USER_HZ) on a
// clock that never goes back. The pure code is handed it; it never reads a clock.
struct Tick {
  uint64_t centiseconds = 0;

  auto operator<=>(const Tick&) const = default;
};

// A span of time in the same unit.
struct Ticks {
  uint64_t centiseconds = 0;

  auto operator<=>(const Ticks&) const = default;
};

[[nodiscard]] constexpr Tick operator+(Tick start, Ticks span) {
  return {start.centiseconds + span.centiseconds};
}

}  // namespace tapswitch
