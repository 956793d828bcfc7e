// Counters: what came, what went, and one reason for every way a frame can die.
//
// Two identities hold at any time between batches, and tests check them:
//   per ingress port  received.frames == forwarded + drops of the ingress reasons
//   per egress port   every copy handed to it is in sent, or in one drop of an egress reason
//                     (a frame that is segmented for the port is sent as several; several that
//                     are joined count as one, see JoinCounter)
// Frames that an impairment holds are on their way: the identities count them besides. A copy that
// it makes of a frame on its way in counts as received, and of one that is cut, its segments do.
// What is counted of a port in several places, by the bridge and by each of its queues, has one
// writer each and is summed when it is shown; the identities hold of the sums.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/guards/alarms.h"

namespace tapswitch {

// Why a frame, or one copy of it, went no further. The order is that of kDropReasons.
enum class DropReason : uint8_t {
  // Counted on the port that the frame came in by.
  kRunt,                // shorter than an Ethernet header (and its tag)
  kTruncated,           // did not fit in the receive buffer, or its end is missing
  kBadOffloadHeader,    // the virtio-net header contradicts the frame
  kUnsupportedOffload,  // neither switch nor kernel can hand on its kind of unfinished work
  kReceiveQueueFull,    // the kernel's queue for the port was full; the bytes are not known
  kBadFraming,          // of a stream: a length that no frame has; the connection ends
  kImpairedLossIn,      // lost on purpose (impair), on the way in
  kImpairedLimitIn,     // beyond the frames that an impairment holds, on the way in
  kSourceMulticast,     // a source address with the group bit
  kSourceZero,          // source 00:00:00:00:00:00
  kReservedAddress,     // to 01:80:C2:00:00:00 .. 0F
  kLocked,              // the port is locked, and the source is not known to be behind it
  kPortState,           // the port is not in a state that forwards
  kMirrorPort,          // the port is where a mirror copies to
  kShutDown,            // the port was shut down by one of its guards
  kReservedVid,         // tagged with VID 4095
  kNoPvid,              // untagged or priority-tagged, and the port has no PVID
  kNotMember,           // of a VLAN that the port is not a member of
  kStorm,               // beyond the rate that the port's storm control allows
  kSpoofed,             // from an address that is not on the port's allow list
  kLearnLimit,          // from an address too many, on a port that drops these
  kLoopProbe,           // a probe of loop detection: consumed
  kNeighbourAnswered,   // a question for a neighbour that the bridge answered itself
  kBpdu,                // a BPDU, while there is a spanning tree: consumed
  kLocalAddress,        // to the bridge itself: consumed
  kSamePort,            // the destination is behind the port it came from
  kEgressBlocked,       // the destination's port may not send it (its state, isolation)
  kNoListener,          // to a group that no other port wants, or a report that no router waits for
  kNoEgress,            // flooding found no port to go to
  kNoRoute,             // a packet of a layer-3 device, of which no next hop is known
  kNoNeighbour,         // the same, and the next hop does not answer
  // Counted on the port that the copy should have left by.
  kImpairedLoss,     // lost on purpose (impair), on the way out
  kImpairedLimit,    // beyond the frames that an impairment holds, on the way out
  kTooLong,          // longer than the port's MTU allows
  kUnsegmentable,    // the port needs segments that this frame cannot be cut into
  kLinkDown,         // the kernel says that the interface is down or gone; nobody is connected
  kQueueFull,        // the receiver does not take them fast enough
  kNoMemory,         // the kernel had no memory for it
  kEgressQueueFull,  // the interface dropped what the kernel had carried to it
  kWriteFailed,      // any other error of the write
  kOtherStation,     // of a layer-3 device: to another station
  kNotIp,            // of a layer-3 device, which takes nothing else
};

inline constexpr size_t kDropReasonCount = 42;

struct DropReasonInfo {
  std::string_view name;  // as shown to users and in metrics
  bool at_egress;
};

inline constexpr std::array<DropReasonInfo, kDropReasonCount> kDropReasons{{
    {"runt", false},
    {"truncated", false},
    {"bad_offload_header", false},
    {"unsupported_offload", false},
    {"receive_queue_full", false},
    {"bad_framing", false},
    {"impaired_loss_in", false},
    {"impaired_limit_in", false},
    {"source_multicast", false},
    {"source_zero", false},
    {"reserved_address", false},
    {"locked", false},
    {"port_state", false},
    {"mirror_port", false},
    {"shut_down", false},
    {"reserved_vid", false},
    {"no_pvid", false},
    {"not_member", false},
    {"storm", false},
    {"spoofed", false},
    {"learn_limit", false},
    {"loop_probe", false},
    {"neighbour_answered", false},
    {"bpdu", false},
    {"local_address", false},
    {"same_port", false},
    {"egress_blocked", false},
    {"no_listener", false},
    {"no_egress", false},
    {"no_route", false},
    {"no_neighbour", false},
    {"impaired_loss", true},
    {"impaired_limit", true},
    {"too_long", true},
    {"unsegmentable", true},
    {"link_down", true},
    {"queue_full", true},
    {"no_memory", true},
    {"egress_queue_full", true},
    {"write_failed", true},
    {"other_station", true},
    {"not_ip", true},
}};

struct LearnResultInfo {
  LearnResult result;
  std::string_view name;  // as shown to users and in metrics
};

// All but kRefreshed, the ordinary case, which is not counted.
inline constexpr std::array<LearnResultInfo, kLearnResultCount - 1> kCountedLearnResults{{
    {LearnResult::kLearned, "learned"},
    {LearnResult::kMoved, "moved"},
    {LearnResult::kPinned, "pinned"},
    {LearnResult::kLocal, "local"},
    {LearnResult::kLimited, "limited"},
    {LearnResult::kRefused, "no_room"},
}};

struct FrameCounter {
  uint64_t frames = 0;
  uint64_t bytes = 0;

  constexpr void Add(size_t size) {
    ++frames;
    bytes += size;
  }
  constexpr void Remove(size_t size) {
    --frames;
    bytes -= size;
  }
  constexpr void Remove(uint64_t some_frames, uint64_t their_bytes) {
    frames -= some_frames;
    bytes -= their_bytes;
  }
  constexpr FrameCounter& operator+=(const FrameCounter& other) {
    frames += other.frames;
    bytes += other.bytes;
    return *this;
  }
  bool operator==(const FrameCounter&) const = default;
};

// Frames of a flow that left as one GSO frame (GRO).
struct JoinCounter {
  uint64_t frames = 0;  // that were joined
  uint64_t into = 0;    // GSO frames that they became; these are what was sent, or dropped

  constexpr void Add(size_t joined) {
    frames += joined;
    ++into;
  }
  constexpr JoinCounter& operator+=(const JoinCounter& other) {
    frames += other.frames;
    into += other.into;
    return *this;
  }
  bool operator==(const JoinCounter&) const = default;
};

struct PortCounters {
  FrameCounter received;
  FrameCounter sent;
  JoinCounter joined;
  uint64_t forwarded = 0;  // received frames that were handed to at least one egress port
  std::array<uint64_t, kDropReasonCount> drops{};
  // Received frames by what they taught, in order of LearnResult; see kCountedLearnResults.
  std::array<uint64_t, kLearnResultCount> learning{};
  std::array<uint64_t, kStormKindCount> storm{};   // of DropReason::kStorm, by StormKind
  std::array<uint64_t, kAlarmKindCount> alarms{};  // by Alarm::Kind

  constexpr void Drop(DropReason reason, uint64_t frames = 1) {
    drops[static_cast<size_t>(reason)] += frames;
  }
  [[nodiscard]] constexpr uint64_t dropped(DropReason reason) const {
    return drops[static_cast<size_t>(reason)];
  }
  constexpr void Learned(LearnResult result) { ++learning[static_cast<size_t>(result)]; }
  [[nodiscard]] constexpr uint64_t learned(LearnResult result) const {
    return learning[static_cast<size_t>(result)];
  }
  constexpr PortCounters& operator+=(const PortCounters& other) {
    constexpr auto kAdd = [](auto& to, const auto& from) {
      for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    received += other.received;
    sent += other.sent;
    joined += other.joined;
    forwarded += other.forwarded;
    kAdd(drops, other.drops);
    kAdd(learning, other.learning);
    kAdd(storm, other.storm);
    kAdd(alarms, other.alarms);
    return *this;
  }
  bool operator==(const PortCounters&) const = default;
};

}  // namespace tapswitch
