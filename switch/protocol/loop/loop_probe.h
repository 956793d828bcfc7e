// The frame that a bridge sends by its ports to find out whether one of them leads back to another.
//
// EtherType 88B5, which IEEE 802 sets aside for local experiments (clause 9.2.3), always untagged.
// Behind the Ethernet header, in network order:
//
//    0  "TSLP"                    what it is
//    4  version (1), subtype (1)  a byte each
//    6  address of the bridge     as in the Ethernet source
//   12  port that it was sent by
//   14  zero
//   16  sequence                  one for each round of probes
//   20  SipHash-2-4 of bytes 0 to 19, with a key that the bridge makes up when it starts
//   28  zeros, up to 46 bytes
//
// The destination is broadcast: a probe goes wherever a storm would go. The hash keeps stations
// from making up probes that shut ports of others down; who repeats one that it received can only
// blame the port that it is behind.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/protocol/sip_hash.h"

namespace tapswitch {

inline constexpr uint16_t kLoopProbeType = 0x88B5;
inline constexpr size_t kLoopProbeSize = 60;  // of the whole frame

struct LoopProbe {
  PortId port;
  uint32_t sequence = 0;

  bool operator==(const LoopProbe&) const = default;
};

// The sender of probes.
struct ProbeSender {
  MacAddress bridge{};
  SipKey key;
};

[[nodiscard]] std::array<std::byte, kLoopProbeSize> MakeLoopProbe(const ProbeSender& sender,
                                                                  const LoopProbe& probe);

// `payload` is what follows the type field. Nothing when it is no probe of this very sender.
[[nodiscard]] std::optional<LoopProbe> ReadLoopProbe(const ProbeSender& sender,
                                                     std::span<const std::byte> payload);

}  // namespace tapswitch
