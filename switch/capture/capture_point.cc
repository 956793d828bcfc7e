#include "switch/capture/capture_point.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {
namespace {

// The header of a record in the ring, in front of the bytes.
struct Head {
  uint64_t time = 0;
  uint32_t length = 0;
  uint32_t lost = 0;
  uint16_t port = 0;
  CapturePoint::Direction direction = CapturePoint::Direction::kInbound;
  CapturePoint::Note note = CapturePoint::Note::kNone;
};

// The first `size` bytes of a frame, without the virtio-net header.
void CopyBytes(const WireFrame& frame, size_t size, std::byte* to) {
  size_t skip = kVirtioNetHeaderSize;
  for (const Piece& piece : frame.pieces) {
    const size_t count = std::min(piece.size - skip, size);
    std::memcpy(to, piece.data + skip, count);
    to += count;
    size -= count;
    skip = 0;
  }
}

}  // namespace

CapturePoint::CapturePoint(Options options, const WakeEvent& wake)
    : options_(std::move(options)),
      wake_(wake),
      ring_(options_.memory),
      counts_(kMaxPorts),
      lost_(kMaxPorts) {}

void CapturePoint::Take(PortId port, Direction direction, uint64_t time, const WireFrame& frame,
                        Note note) {
  if (!options_.ports.contains(port)) return;
  SharedCounts& counts = counts_[port.value];
  counts.seen.fetch_add(1, std::memory_order_relaxed);
  if (!options_.filter.Takes(frame)) return;
  counts.taken.fetch_add(1, std::memory_order_relaxed);
  Keep(port, direction, time, frame, note);
}

void CapturePoint::Keep(PortId port, Direction direction, uint64_t time, const WireFrame& frame,
                        Note note) {
  const MutexLock lock(writing_);
  const size_t kept = std::min<size_t>(frame.size, options_.snap_length);
  std::byte* const room = ring_.Reserve(sizeof(Head) + kept);
  if (room == nullptr) {
    counts_[port.value].lost.fetch_add(1, std::memory_order_relaxed);
    ++lost_[port.value];
    return;
  }
  const Head head{.time = time,
                  .length = static_cast<uint32_t>(frame.size),
                  .lost = std::exchange(lost_[port.value], 0),
                  .port = port.value,
                  .direction = direction,
                  .note = note};
  std::memcpy(room, &head, sizeof(head));
  CopyBytes(frame, kept, room + sizeof(head));
  ring_.Commit();
  has_news_ = true;
}

// The reader says that it sleeps and then looks once more; here it is the other way round. So one
// of the two notices the other, as all four accesses are sequentially consistent.
void CapturePoint::WakeReader() {
  if (!has_news_ || !has_news_.exchange(false)) return;
  if (reader_sleeps_.exchange(false)) wake_.Signal();
}

std::optional<CapturePoint::Record> CapturePoint::Front() {
  auto bytes = ring_.Front();
  if (bytes.empty()) {
    reader_sleeps_ = true;
    bytes = ring_.Front();
    if (bytes.empty()) return std::nullopt;
    reader_sleeps_ = false;
  }
  Head head;
  std::memcpy(&head, bytes.data(), sizeof(head));
  return Record{.port = {head.port},
                .direction = head.direction,
                .time = head.time,
                .length = head.length,
                .lost = head.lost,
                .note = head.note,
                .bytes = bytes.subspan(sizeof(head))};
}

}  // namespace tapswitch
