// Turns the copies that leave by a port into finished frames: checked against the port's MTU, with
// their VLAN tag as it has to be, and with the work done that the port does not take (checksums,
// segmentation).
//
// Each form of a frame is made once however many ports need it: a flood to sixty ports without
// offloads segments once, and once more if some of them want a tag. What is made stands in a
// scratch memory of fixed size, the headers only; the original payload is referenced, not copied,
// unless it is small.
//
// Copies that stand one behind the other and are of one flow leave as one GSO frame where the port
// takes those (offload/coalescing.h). Only neighbours join, so the port's order is kept, also
// between flows.
//
// Use, per turn:
//     Begin(batch)
//     for each port:  Append(copies, limits) takes some from the front, ... until none is left
//                     hand frames() to the port, ClearFrames()
// When Append says kNoRoom: hand over frames(), have the ring carry the writes out, ClearFrames(),
// ClearScratch(), and append again, which then cannot say kNoRoom.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "switch/forwarding/egress/egress_lists.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/offload/coalescing.h"
#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/tunnel_runs.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// The limits of what a port takes.
struct EgressLimits {
  OffloadSet accepted;
  uint32_t mtu = 1500;  // bytes behind the Ethernet header; the outermost VLAN tag is not counted
  bool join = false;    // frames of a flow to GSO frames
};

// Returns how many bytes of a frame, from its destination address on, a port of this MTU takes. As
// with the Linux bridge (net/core/dev.c, is_skb_forwardable): the outermost tag, whatever its TPID
// and whoever it is for, is out of the frame there, and so never counted; one more is allowed.
[[nodiscard]] constexpr size_t LongestFrame(uint32_t mtu, bool is_tagged) {
  return mtu + kEthernetHeaderSize + (is_tagged ? 2 : 1) * kVlanTagSize;
}

class EgressBuilder {
 public:
  enum class Result : uint8_t { kAppended, kNoRoom, kTooLong, kUnsegmentable };

  // Segments that one frame may be cut into, and frames that can wait for a hand-over. 64 KiB of
  // TCP payload at the smallest MSS that Linux sends (48, TCP_MIN_SND_MSS) make 1,366.
  static constexpr size_t kMaxFrames = 4096;

  EgressBuilder();

  // Starts a turn. `batch`, and the receivers that copies name, stay in place until the turn ends.
  void Begin(std::span<const Frame> batch, std::span<const MacAddress> receivers = {});

  // Appends the first of `copies`, and in the same frame as many of those behind it as join it.
  struct Appended {
    Result result = Result::kAppended;
    size_t count = 0;  // of copies this is about; at least one
  };
  Appended Append(std::span<const EgressFrame> copies, const EgressLimits& limits);
  Result Append(EgressFrame copy, const EgressLimits& limits);

  [[nodiscard]] std::span<const WireFrame> frames() const { return frames_; }
  void ClearFrames() { frames_.clear(); }

  // Precondition: frames() is empty and all writes queued before have been carried out.
  void ClearScratch();

 private:
  // The result of making a batch frame anew: a run of finished_frames_.
  struct Finished {
    uint16_t first = 0;
    uint16_t count = 0;  // 0: not made yet
  };

  // The forms that one frame can leave in, besides as it came. Of tags there are two, as it is
  // either tagged or not; that it came with a priority tag makes both an edit.
  // And a tunnel's segments leave one by one, or in runs.
  enum class Work : uint8_t { kNone, kFinish, kFinishToRuns };
  static constexpr size_t kForms = 9;
  [[nodiscard]] static size_t FormOf(TagEdit edit, Work work);
  [[nodiscard]] static Work WorkFor(const Frame& frame, const EgressLimits& limits);

  size_t Join(std::span<const EgressFrame> copies, const EgressLimits& limits);
  Result AddJoined(std::span<const EgressFrame> copies);
  Result Make(const Frame& frame, EgressFrame copy, Work work, Finished& result);
  Result EditOnly(const Frame& frame, EgressFrame copy, Finished& result);
  Result FinishChecksum(const Frame& frame, EgressFrame copy, Finished& result);
  Result FinishSegments(const Frame& frame, EgressFrame copy, Work work, Finished& result);
  void AddSegments(const Frame& frame, EgressFrame copy, const SegmentPlan& plan);
  void AddRuns(const Frame& frame, EgressFrame copy, const SegmentPlan& plan,
               const TunnelRuns& runs);
  void AddRun(const Frame& frame, EgressFrame copy, const SegmentPlan& plan, const TunnelRuns& runs,
              size_t first, size_t count);
  [[nodiscard]] bool HasRoom(size_t frames, size_t pieces, size_t bytes) const;
  std::span<std::byte> TakeHeader(size_t frame_header_size);
  void AddFrame(std::span<std::byte> header, EgressFrame copy, const VirtioNetHeader& offload,
                std::span<const std::byte> payload);
  void AddFrame(size_t first_piece);
  [[nodiscard]] Piece FinishHeader(std::span<std::byte> header, EgressFrame copy,
                                   const VirtioNetHeader& offload) const;

  std::span<const Frame> batch_;
  std::span<const MacAddress> receivers_;
  Coalescer coalescer_;
  std::vector<WireFrame> frames_;  // for the port at hand
  std::array<std::array<Finished, kForms>, FrameBatch::kCapacity> finished_{};

  // The scratch. Its vectors never grow beyond what the constructor reserved: spans point into
  // them.
  std::vector<WireFrame> finished_frames_;
  std::vector<Piece> pieces_;
  std::unique_ptr<std::byte[]> headers_;
  size_t headers_used_ = 0;
};

}  // namespace tapswitch
