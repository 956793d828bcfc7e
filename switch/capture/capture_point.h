// The point at which a capture branches off. Workers show it every frame, it copies those that are
// wanted, and another thread reads the copies. Frames never wait for that thread; copies that it
// does not read in time are lost and counted. Workers wait for each other while one copies a wanted
// frame, but not while its filter runs.

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

  // The comment at a frame of a port that is impaired, by what became of it.
  enum class Note : uint8_t { kNone, kImpairedLoss, kImpairedLimit, kDuplicated, kCorrupted };

  struct Options {
    PortSet ports;
    PacketFilter filter;
    uint32_t snap_length = 0;  // maximum of bytes kept of a frame
    size_t memory = 0;         // bytes for unread records
  };

  struct Record {
    PortId port;
    Direction direction = Direction::kInbound;
    uint64_t time = 0;    // nanoseconds since 1970
    uint32_t length = 0;  // of the frame
    uint32_t lost = 0;    // frames of this port lost directly before this one
    Note note = Note::kNone;
    std::span<const std::byte> bytes;
  };

  struct Counts {
    uint64_t seen = 0;
    uint64_t taken = 0;  // those that the filter accepted
    uint64_t lost = 0;   // those accepted for which there was no room
  };

  // `wake`, which must outlive this object, is signalled when a record is written for a reader that
  // found none before.
  CapturePoint(Options options, const WakeEvent& wake);

  // Called by the workers' threads.
  void Take(PortId port, Direction direction, uint64_t time, const WireFrame& frame,
            Note note = Note::kNone);
  void WakeReader();

  // Called by the reader's thread. Returns nothing if there is no record; from then on the next
  // record wakes the reader. The bytes of a record stay valid until Pop.
  [[nodiscard]] std::optional<Record> Front();
  void Pop() { ring_.Pop(); }
  // Positions in the stream of records: of the next to be written, and of the next to be read.
  [[nodiscard]] uint64_t write_position() const { return ring_.end(); }
  [[nodiscard]] uint64_t read_position() const { return ring_.begin(); }

  // The counts of a port. Precondition: no worker uses this object any more.
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

  void Keep(PortId port, Direction direction, uint64_t time, const WireFrame& frame, Note note);

  Options options_;
  const WakeEvent& wake_;
  Mutex writing_;  // workers take it to write to the ring
  CaptureRing ring_;
  std::vector<SharedCounts> counts_;                      // by port
  std::vector<uint32_t> lost_ ABSL_GUARDED_BY(writing_);  // by port, since its last record
  std::atomic<bool> has_news_ = false;
  std::atomic<bool> reader_sleeps_ = true;
};

}  // namespace tapswitch
