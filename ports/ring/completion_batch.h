// Common parts of the real rings: gather lists, a check of descriptors, and the completions that
// wait for Reap.

#pragma once

#include <fcntl.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ports/ring/ring.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

static_assert(sizeof(Piece) == sizeof(iovec) &&
              offsetof(Piece, data) == offsetof(iovec, iov_base) &&
              offsetof(Piece, size) == offsetof(iovec, iov_len));

// Converts pieces to a gather list for writing: nothing is stored through iov_base.
[[nodiscard]] inline const iovec* AsIovec(std::span<const Piece> pieces) {
  return reinterpret_cast<const iovec*>(pieces.data());
}

// The tag of a write in flight. Its slot is the frame's size, for the count of lost bytes.
[[nodiscard]] inline Tag WriteTag(Tag tag, const WireFrame& frame) {
  tag.slot = static_cast<uint32_t>(frame.size);
  return tag;
}

[[nodiscard]] inline absl::Status RequireNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return absl::ErrnoToStatus(errno, absl::StrCat("file descriptor ", fd));
  if ((flags & O_NONBLOCK) != 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("file descriptor ", fd, " would block the switch: open it with O_NONBLOCK"));
}

// The maximum of completions in one Reap for each kind that brings no frame: readiness of the
// program's files, readiness of the ports' files, failed writes. Half of all places stay free for
// files that are read by read(2).
inline constexpr size_t kMaxReapOfAKind = kMaxReap / 8;

// Completions between the kernel and the caller of Reap.
class CompletionBatch {
 public:
  // Invalidates the span that Take returned.
  void Reclaim() {
    if (std::exchange(taken_, false)) size_ = 0;
  }

  // Free places for further completions; Add then says how many were filled. Precondition: Reclaim
  // was called.
  [[nodiscard]] std::span<Completion> room() { return std::span(completions_).subspan(size_); }
  void Add(size_t count) { size_ += count; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Whether all completions have been handed out.
  [[nodiscard]] bool is_drained() const { return taken_ || empty(); }

  [[nodiscard]] std::span<const Completion> Take() {
    taken_ = true;
    return std::span(completions_).first(size_);
  }

 private:
  std::array<Completion, kMaxReap> completions_{};
  size_t size_ = 0;
  bool taken_ = false;
};

}  // namespace tapswitch
