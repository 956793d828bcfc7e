// Where a capture branches off: workers show it all frames, it takes those that are wanted, and
// another thread reads them. What that thread does not read in time is lost and counted; frames never
// wait for it. Workers wait for each other while one copies a frame that is wanted, and not while its
// filter runs.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "ports/os/mutex.h"
#include "ports/os/wake_event.h"
#include "switch/capture/capture_ring.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/observers/packet_filter.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class CapturePoint {
 public:
  enum class Direction : uint8_t { kInbound, kOutbound };

  struct Options {
    PortSet ports;
    PacketFilter filter;
    uint32_t snap_length = 0;  // bytes of a frame that are kept at most
    size_t memory = 0;         // for what waits to be read
  };

  struct Record {
    PortId port;
    Direction direction = Direction::kInbound;
    uint64_t time = 0;    // nanoseconds since 1970
    uint32_t length = 0;  // of the frame
    uint32_t lost = 0;    // frames of this port, directly before this one
    std::span<const std::byte> bytes;
  };

  struct Counts {
    uint64_t seen = 0;
    uint64_t taken = 0;  // of them, those that the filter took
    uint64_t lost = 0;   // of them, those for which there was no room
  };

  // `wake`, which outlives this, is signalled when there is something to read for a reader that found
  // nothing before.
  CapturePoint(Options options, const WakeEvent& wake);

  // Of workers' threads.
  void Take(PortId port, Direction direction, uint64_t time, const WireFrame& frame);
  void WakeReader();

  // Of the reader's thread. Nothing: from now on it will be woken. What a record refers to stays until
  // Pop.
  [[nodiscard]] std::optional<Record> Front();
  void Pop() { ring_.Pop(); }
  // Positions, in the order of frames: of what is written next, and of what is read next.
  [[nodiscard]] uint64_t write_position() const { return ring_.end(); }
  [[nodiscard]] uint64_t read_position() const { return ring_.begin(); }

  // Once the workers have let go of it.
  [[nodiscard]] Counts counts(PortId port) const {
    const SharedCounts& counts = counts_[port.value];
    return {.seen = counts.seen, .taken = counts.taken, .lost = counts.lost};
  }

 private:
  struct SharedCounts {
    std::atomic<uint64_t> seen = 0;
    std::atomic<uint64_t> taken = 0;
    std::atomic<uint64_t> lost = 0;
  };

  void Keep(PortId port, Direction direction, uint64_t time, const WireFrame& frame);

  Options options_;
  const WakeEvent& wake_;
  Mutex writing_;  // among workers, to the ring
  CaptureRing ring_;
  std::vector<SharedCounts> counts_;                      // by port
  std::vector<uint32_t> lost_ ABSL_GUARDED_BY(writing_);  // by port, since its last record
  std::atomic<bool> has_news_ = false;
  std::atomic<bool> reader_sleeps_ = true;
};

}  // namespace tapswitch
