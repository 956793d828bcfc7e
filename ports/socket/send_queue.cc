#include "ports/socket/send_queue.h"

#include <algorithm>
#include <cstring>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

bool SendQueue::Append(const WireFrame& frame, size_t done) {
  const size_t left = kStreamPrefixSize + frame.size - done;
  if (frames_ == kMaxFrames || left > kMaxBytes - bytes_) return false;
  const auto prefix = StreamPrefix(frame.size);
  size_t skip = done;
  const auto store = [&](const std::byte* data, size_t size) {
    const size_t skipped = std::min(skip, size);
    skip -= skipped;
    Store(data + skipped, size - skipped);
  };
  store(prefix.data(), prefix.size());
  size_t header = kVirtioNetHeaderSize;
  for (const Piece& piece : frame.pieces) {
    store(piece.data + header, piece.size - header);
    header = 0;
  }
  entries_[(first_ + frames_++) % kMaxFrames] = {.left = static_cast<uint32_t>(left),
                                                 .frame = static_cast<uint32_t>(frame.size)};
  return true;
}

// A frame, as far as it is still to be sent.
bool SendQueue::AppendRest(std::span<const std::byte> bytes, size_t frame) {
  const bool is_frame =
      frame <= kMaxSocketFrame && !bytes.empty() && bytes.size() <= kStreamPrefixSize + frame;
  if (!is_frame || frames_ == kMaxFrames || bytes_ + bytes.size() > kMaxBytes) return false;
  Store(bytes.data(), bytes.size());
  entries_[(first_ + frames_++) % kMaxFrames] = {.left = static_cast<uint32_t>(bytes.size()),
                                                 .frame = static_cast<uint32_t>(frame)};
  return true;
}

bool SendQueue::Restore(std::span<const std::byte> bytes, size_t first_left, size_t first_frame) {
  size_t left = first_left;
  size_t frame = first_frame;
  while (!bytes.empty()) {
    if (left > bytes.size() || !AppendRest(bytes.first(left), frame)) break;
    bytes = bytes.subspan(left);
    if (bytes.size() < kStreamPrefixSize) break;
    frame = FrameSizeIn(bytes.first<kStreamPrefixSize>());
    left = kStreamPrefixSize + frame;
  }
  if (bytes.empty()) return true;
  while (!empty()) PopFrame();
  return false;
}

void SendQueue::Store(const std::byte* data, size_t size) {
  const size_t at = (head_ + bytes_) % kMaxBytes;
  const size_t before_end = std::min(size, kMaxBytes - at);
  if (before_end > 0) std::memcpy(memory_.data() + at, data, before_end);
  if (size > before_end) std::memcpy(memory_.data(), data + before_end, size - before_end);
  bytes_ += size;
}

std::array<iovec, 2> SendQueue::Bytes(size_t from, size_t size) const {
  const size_t at = (head_ + from) % kMaxBytes;
  const size_t before_end = std::min(size, kMaxBytes - at);
  return {{{.iov_base = memory_.data() + at, .iov_len = before_end},
           {.iov_base = memory_.data(), .iov_len = size - before_end}}};
}

void SendQueue::Sent(size_t bytes) {
  while (bytes > 0) {
    Entry& entry = entries_[first_];
    const auto part = static_cast<uint32_t>(std::min<size_t>(bytes, entry.left));
    bytes -= part;
    if (part == entry.left) {
      PopFrame();
      continue;
    }
    entry.left -= part;
    head_ = (head_ + part) % kMaxBytes;
    bytes_ -= part;
  }
}

std::array<iovec, 2> SendQueue::FirstFrame() const {
  return Bytes(kStreamPrefixSize, entries_[first_].frame);
}

size_t SendQueue::PopFrame() {
  const Entry entry = entries_[first_];
  first_ = (first_ + 1) % kMaxFrames;
  --frames_;
  head_ = (head_ + entry.left) % kMaxBytes;
  bytes_ -= entry.left;
  return entry.frame;
}

}  // namespace tapswitch
