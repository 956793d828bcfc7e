// Frames of a stream as a list for sendmsg(2), so that many are sent in one call.

#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>

#include "ports/socket/stream_framer.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// A list for sendmsg(2): prefix, frame, prefix, frame, ... without virtio-net headers.
// NOLINTNEXTLINE(*-member-init): it is filled in as far as it is used
class GatherList {
 public:
  // Adds as many frames as there is room for, and returns how many.
  size_t Add(std::span<const WireFrame> frames) {
    size_t count = 0;
    for (const WireFrame& frame : frames) {
      if (count == kMaxFramesAtOnce || size_ + 1 + frame.pieces.size() > kMaxPieces) break;
      prefixes_[count] = StreamPrefix(frame.size);
      AddPiece(prefixes_[count].data(), kStreamPrefixSize);
      size_t header = kVirtioNetHeaderSize;
      for (const Piece& piece : frame.pieces) {
        AddPiece(piece.data + header, piece.size - header);
        header = 0;
      }
      ++count;
    }
    return count;
  }

  [[nodiscard]] std::span<iovec> pieces() { return std::span(pieces_).first(size_); }

 private:
  static constexpr size_t kMaxPieces = 1024;  // UIO_MAXIOV, the limit of one call
  static constexpr size_t kMaxFramesAtOnce = 256;

  void AddPiece(const std::byte* data, size_t size) {
    if (size > 0) pieces_[size_++] = {.iov_base = const_cast<std::byte*>(data), .iov_len = size};
  }

  // Filled in as far as they are used.
  std::array<std::array<std::byte, kStreamPrefixSize>, kMaxFramesAtOnce> prefixes_;
  std::array<iovec, kMaxPieces> pieces_;
  size_t size_ = 0;
};

// Returns what sendmsg(2) does, with -errno.
inline ssize_t SendPieces(int fd, std::span<iovec> pieces) {
  const msghdr message{.msg_name = nullptr,
                       .msg_namelen = 0,
                       .msg_iov = pieces.data(),
                       .msg_iovlen = pieces.size(),
                       .msg_control = nullptr,
                       .msg_controllen = 0,
                       .msg_flags = 0};
  for (;;) {
    const ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace tapswitch
