// Frames on their way from one worker to another: a port that has one queue belongs to one worker,
// and what others have for it is copied, handed over and sent there.
//
// Bounded: a worker that is not quick enough loses frames, and holds up nobody. Order is kept.

#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "ports/os/mutex.h"
#include "ports/os/wake_event.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class FrameRelay {
 public:
  // A turn's frames several times over, and the largest ones of two full queues of a TAP.
  static constexpr size_t kMaxFrames = 1024;
  static constexpr size_t kMaxBytes = size_t{4} << 20U;

  // `wake`, which outlives this, is signalled when there is something to take after there was not.
  explicit FrameRelay(const WakeEvent& wake);

  // Takes copies of as many frames as there is room for, from the front, and returns their number.
  // The thread that has the frames calls it.
  size_t Append(PortId to, std::span<const WireFrame> frames);

  // Hands over what has come since the last call, as runs of frames for one port. Their bytes stay
  // in place until the next call. The thread that has the ports calls it.
  using Sink = std::function<void(PortId to, std::span<const WireFrame> frames)>;
  void Take(const Sink& sink);

 private:
  struct Entry {
    PortId to;
    size_t size = 0;  // of the frame behind its virtio-net header
  };
  struct Batch {
    std::vector<std::byte> bytes;
    std::vector<Entry> entries;
  };

  [[nodiscard]] bool Store(PortId to, const WireFrame& frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const WakeEvent& wake_;
  Mutex mutex_;
  Batch filling_ ABSL_GUARDED_BY(mutex_);
  // So that looking for what is not there takes no lock.
  std::atomic<bool> has_frames_ = false;
  Batch taken_;
  std::vector<Piece> pieces_;      // of taken_
  std::vector<WireFrame> frames_;  // of pieces_
};

}  // namespace tapswitch
