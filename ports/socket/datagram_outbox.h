// The arguments of sendmmsg(2) for frames: messages of one frame each, or of a run.

#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

#include "ports/socket/datagram_runs.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// NOLINTNEXTLINE(*-member-init): its lists are filled in as far as they are used
class DatagramOutbox {
 public:
  static constexpr size_t kMaxFrames = 64;

  // Makes messages of up to kMaxFrames of the first frames, which go where `destination` says. The
  // frames and the outbox stay in place until they are sent. Precondition: !frames.empty().
  void Pack(std::span<const WireFrame> frames, const DatagramRuns& runs, const msghdr& destination);

  // At least one.
  [[nodiscard]] std::span<mmsghdr> messages() { return std::span(messages_).first(count_); }
  // How many frames each message has.
  [[nodiscard]] std::span<const size_t> lengths() const {
    return std::span(lengths_).first(count_);
  }

 private:
  // The maximum of pieces of a frame: see EgressBuilder.
  static constexpr size_t kMaxPieces = 16;

  [[nodiscard]] static size_t Gather(const WireFrame& frame, std::span<iovec> list);

  // NOLINTBEGIN(*-member-init): they are filled in as far as they are used
  std::array<iovec, kMaxFrames * kMaxPieces> pieces_;
  std::array<mmsghdr, kMaxFrames> messages_;
  std::array<DatagramRuns::Mark, kMaxFrames> marks_;
  std::array<size_t, kMaxFrames> lengths_;
  // NOLINTEND(*-member-init)
  size_t count_ = 0;
};

}  // namespace tapswitch
