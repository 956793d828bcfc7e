// The messages between a switch and its keeper: the switch calls, and the keeper answers each call.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "ports/os/unix/descriptor_channel.h"
#include "ports/port_handover.h"
#include "switch/handover/handover_files.h"

namespace tapswitch {

// All that is kept for a switch, by name: a part for each port, under the port's name, and those
// below, which no port can be called.
using KeptParts = std::map<std::string, PortHandover, std::less<>>;

// The bridge as a whole: the files attempts, control, locks and metrics. Its state as text is in
// parts of its own (sealed_state.h).
inline constexpr const char* kBridgePart = "/bridge";
// The programs and maps of forwarding by the kernel.
inline constexpr const char* kKernelPart = "/kernel";
// The shadow ports of VNIs, by the port of each (switch/control/evpn/README.md). They have routes
// to this machine announced, so they are kept for a moment only while nobody forwards.
inline constexpr const char* kOverlayPart = "/overlay";

struct KeeperCall {
  enum class Kind : uint8_t {
    kHello,   // a switch begins; the answer has all that is kept
    kKeep,    // the part, in place of one of that name
    kForget,  // the part
    kGiveUp,  // all parts: they are of no use
    kReady,   // the switch forwards and serves clients
    kEnd,     // the switch ends because it was told to: nothing is to be kept any longer
  };
  Kind kind = Kind::kHello;
  std::string part{};
  PortHandover files{};
};

struct KeeperAnswer {
  KeptParts parts{};                   // of Hello alone
  std::chrono::nanoseconds died_at{};  // of the monotonic clock; 0: no switch was there before
};

[[nodiscard]] OutgoingMessage EncodeCall(const KeeperCall& call);
[[nodiscard]] absl::StatusOr<KeeperCall> DecodeCall(DescriptorChannel::Message message);
[[nodiscard]] OutgoingMessage EncodeKeeperAnswer(const KeptParts& parts,
                                                 std::chrono::nanoseconds died_at);
[[nodiscard]] absl::StatusOr<KeeperAnswer> DecodeKeeperAnswer(DescriptorChannel::Message message);

}  // namespace tapswitch
