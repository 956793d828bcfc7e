// Frames that are held until their time has come: copies in memory that is taken once, in the order
// of their release.
//
// The memory is that of slots of two sizes, for ordinary frames and for long ones. Slots that were
// used last are used first, so that memory which is never needed is never touched.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "switch/forwarding/impairment/impairment_settings.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

struct HeldFrame {
  Nanoseconds release = 0;
  std::span<std::byte> wire;  // virtio-net header, then the frame
  OffloadSet needed;          // as in Frame
  VirtioNetHeader offload;
  bool is_copy = false;     // the second one of a frame that was doubled
  bool is_changed = false;  // a bit of it was flipped
  Piece whole{};            // `wire`, as a WireFrame refers to it

  [[nodiscard]] std::span<std::byte> bytes() const { return wire.subspan(kVirtioNetHeaderSize); }
};

class HeldFrames {
 public:
  // Frames that are due when they are added do not count towards the limit: so many may be there.
  static constexpr uint32_t kMostAtOnce = 8192;

  explicit HeldFrames(uint32_t limit);

  // Whether one more may be held for some time.
  [[nodiscard]] bool has_room() const { return waiting_ < limit_; }

  // Adds a frame of `wire_size` bytes, which the caller then fills in. Null when there is no memory
  // for it. `waits`: it is not due at once. The frame stays where it is until it is freed.
  [[nodiscard]] HeldFrame* Add(size_t wire_size, Nanoseconds release, bool waits);

  // Takes out the frame that is due first, in the order of release and then of arrival; null when
  // none is due. It stays in place until FreeTaken.
  [[nodiscard]] const HeldFrame* TakeDue(Nanoseconds now);
  void FreeTaken();

  // Drops all frames that are held; not those that are taken.
  void Clear();

  // All frames that are held now are due.
  void MakeAllDue() { all_are_due_ = true; }

  // When the next frame is due; kNoMoment: there is none.
  [[nodiscard]] Nanoseconds next_release() const {
    if (queue_.empty()) return kNoMoment;
    return all_are_due_ ? 0 : entries_[queue_.front()].frame.release;
  }
  [[nodiscard]] size_t size() const { return queue_.size(); }
  [[nodiscard]] bool has_taken() const { return !taken_.empty(); }

 private:
  struct Entry {
    HeldFrame frame;
    uint64_t number = 0;  // in order of arrival
    bool waits = false;
  };
  using Slots = std::vector<uint32_t>;

  void Free(Slots& slots);
  [[nodiscard]] std::byte* MemoryOf(uint32_t slot) const;
  [[nodiscard]] bool IsLater(uint32_t a, uint32_t b) const;

  uint32_t limit_;
  uint32_t small_count_;
  std::unique_ptr<std::byte[]> small_;
  std::unique_ptr<std::byte[]> large_;
  std::vector<Entry> entries_;  // by slot: small ones first
  Slots free_small_;
  Slots free_large_;
  Slots queue_;  // a heap
  Slots taken_;
  uint32_t waiting_ = 0;
  uint64_t added_ = 0;
  bool all_are_due_ = false;
};

}  // namespace tapswitch
