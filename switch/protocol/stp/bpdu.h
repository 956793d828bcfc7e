// The messages of spanning trees (IEEE 802.1D-2004, clause 9): Configuration, Topology Change
// Notification, and RST BPDUs, as whole Ethernet frames.
//
// Messages of version 3 and later (MST and further) are read as RST BPDUs: the first 36 octets of
// them are one (9.3.4).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/protocol/stp/priority_vector.h"

namespace tapswitch::stp {

// The bridge group address (7.12.3), which no bridge forwards.
inline constexpr MacAddress kBridgeGroup = MacAddress::FromNumber(0x0180C2000000);

// 9.3.3. The values of the role in an RST BPDU.
enum class BpduRole : uint8_t {
  kUnknown = 0,  // to be taken for kDesignated of a Configuration BPDU
  kAlternateOrBackup = 1,
  kRoot = 2,
  kDesignated = 3,
};

struct Bpdu {
  enum class Kind : uint8_t { kConfig, kTcn, kRst };

  Kind kind = Kind::kRst;
  BpduRole role = BpduRole::kDesignated;  // of a Configuration BPDU: kDesignated
  bool topology_change = false;
  bool topology_change_ack = false;  // of a Configuration BPDU
  bool proposal = false;             // of an RST BPDU, as the next three
  bool learning = false;
  bool forwarding = false;
  bool agreement = false;
  PriorityVector priority;
  Times times;

  bool operator==(const Bpdu&) const = default;
};

// The least that a receiver accepts of what `frame` has: see ReadBpdu.
struct TimeLimits {
  static constexpr WireTime kLeastHello = kWireSecond;
  static constexpr WireTime kMostHello = 10 * kWireSecond;
  static constexpr WireTime kLeastMaxAge = 6 * kWireSecond;
  static constexpr WireTime kMostMaxAge = 40 * kWireSecond;
  static constexpr WireTime kLeastForwardDelay = 2 * kWireSecond;
  static constexpr WireTime kMostForwardDelay = 30 * kWireSecond;
};

// Reads what follows the length field of a frame to kBridgeGroup. Nothing if it is malformed: the
// length, the LLC, the protocol, the version or the type is wrong, or its information is too old
// (9.3.4). Times out of the range of table 17-1 are brought into it (forward_delay from 2 s on, as
// with the Linux bridge): a message that were thrown away for them would leave two bridges that
// both think themselves in charge.
[[nodiscard]] std::optional<Bpdu> ReadBpdu(std::span<const std::byte> payload, size_t length);

inline constexpr size_t kBpduFrameSize = 60;

// Returns the frame, from `source`, padded to the least size of one.
[[nodiscard]] std::array<std::byte, kBpduFrameSize> WriteBpdu(const Bpdu& bpdu, MacAddress source);

}  // namespace tapswitch::stp
