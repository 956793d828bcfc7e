// One direction of a port that is impaired: which frames that is about, what becomes of them, and
// those that are held.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/impairment/held_frames.h"
#include "switch/forwarding/impairment/impairment.h"
#include "switch/forwarding/impairment/impairment_settings.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// Counters of what has become of frames and of copies of them. GSO frames that are cut count as
// their segments.
struct ImpairmentCounters {
  uint64_t passed = 0;      // were released, or are held
  uint64_t lost = 0;        // died as FrameDeath::kLost
  uint64_t over_limit = 0;  // died as FrameDeath::kOverLimit
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t corrupted = 0;

  bool operator==(const ImpairmentCounters&) const = default;
};

// The outcome of one frame that was admitted, with its copy if there was one.
struct AdmittedFrame {
  uint8_t came = 1;  // 2: it was doubled
  uint8_t lost = 0;
  uint8_t over_limit = 0;
  bool is_corrupt = false;
};

class ImpairedDirection {
 public:
  // A frame that comes: its bytes with the virtio-net header in front, and what that header says.
  struct Arrival {
    std::span<const Piece> pieces;
    size_t size = 0;  // without the virtio-net header
    OffloadSet needed;
    VirtioNetHeader offload;
  };

  ImpairedDirection(const ImpairmentPlan& plan, Nanoseconds now);

  // Whether a frame of this header is one of those that are impaired. `vlan`: the one that it
  // belongs to in the switch; kNoVlan: the one of its tag, if it has one.
  [[nodiscard]] bool Applies(const EthernetHeader& header, VlanId vlan) const;
  // Whether Applies asks for the VLAN.
  [[nodiscard]] bool asks_for_vlan() const { return plan_.match.vlan != kNoVlan; }
  [[nodiscard]] bool keeps_gso() const { return plan_.keeps_gso; }

  // Decides on a frame, and holds what lives of it.
  AdmittedFrame Admit(const Arrival& frame, Nanoseconds now);
  // Decides on each segment of a GSO frame: calls `each(AdmittedFrame, segment)`. False, and
  // without effect, where it cannot be cut.
  template <typename Each>
  [[nodiscard]] bool AdmitSegments(std::span<const std::byte> frame, const VirtioNetHeader& offload,
                                   Nanoseconds now, const Each& each);

  [[nodiscard]] HeldFrames& held() { return held_; }
  [[nodiscard]] const HeldFrames& held() const { return held_; }
  [[nodiscard]] const ImpairmentCounters& counters() const { return counters_; }
  [[nodiscard]] Nanoseconds began() const { return impairment_.began(); }
  [[nodiscard]] const ImpairmentPlan& plan() const { return plan_; }

 private:
  void Decide(const Arrival& frame, Nanoseconds now, bool is_copy, AdmittedFrame& admitted);
  [[nodiscard]] HeldFrame* Hold(const Arrival& frame, const FrameFate& fate, bool waits);

  ImpairmentPlan plan_;
  Impairment impairment_;
  HeldFrames held_;
  ImpairmentCounters counters_;
};

// Flips the bit that `choice` says, behind the Ethernet header, of a frame whose checksum is
// finished first: so the receiver notices. A frame that is nothing but header is left alone.
// Returns whether it was changed.
bool CorruptFrame(HeldFrame& frame, uint64_t choice);

}  // namespace tapswitch

#include "switch/forwarding/impairment/impaired_direction_inline.h"  // IWYU pragma: export
