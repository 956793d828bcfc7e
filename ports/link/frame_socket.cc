#include "ports/link/frame_socket.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "ports/os/unix/hang_up.h"
#include "switch/forwarding/offload/received_offload.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

// The frame itself begins at a multiple of 16. The stride spreads the headers over the cache.
constexpr size_t kHeaderPlace = 16 - kVirtioNetHeaderSize;
constexpr size_t kLongestMessage = kVirtioNetHeaderSize + FrameSocket::kLongestFrame;
constexpr size_t kFrameStride = size_t{17} * 4096 + 128;
static_assert(kHeaderPlace + kLongestMessage <= kFrameStride);
constexpr size_t kReceiveMemory = FrameSocket::kMaxFrames * kFrameStride;
static_assert(kReceiveMemory % 4096 == 0);

constexpr size_t kMostSentAtOnce = 64;

static_assert(sizeof(Piece) == sizeof(iovec) && alignof(Piece) == alignof(iovec) &&
              offsetof(Piece, data) == offsetof(iovec, iov_base) &&
              offsetof(Piece, size) == offsetof(iovec, iov_len));

mmsghdr MessageOf(iovec* pieces, size_t count) {
  mmsghdr message{};
  message.msg_hdr.msg_iov = pieces;
  message.msg_hdr.msg_iovlen = count;
  return message;
}

// The kernel only reads the pieces.
mmsghdr MessageOf(const WireFrame& frame) {
  return MessageOf(const_cast<iovec*>(reinterpret_cast<const iovec*>(frame.pieces.data())),
                   frame.pieces.size());
}

// Returns what sendmmsg(2) does, with -errno.
int SendMessages(int fd, std::span<mmsghdr> messages) {
  for (;;) {
    const int sent = sendmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

DropReason ReasonForLoss(int error) {
  if (error == ENOMEM || error == ENOBUFS) return DropReason::kNoMemory;
  const bool is_gone =
      error == EPIPE || error == ECONNRESET || error == ECONNREFUSED || error == ENOTCONN;
  return is_gone ? DropReason::kLinkDown : DropReason::kWriteFailed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FrameSocket>> FrameSocket::Make() {
  auto memory = BufferMemory::Allocate(kReceiveMemory + FrameQueue::kMaxBytes);
  if (!memory.ok()) return memory.status();
  return std::unique_ptr<FrameSocket>(new FrameSocket(*std::move(memory)));
}

FrameSocket::FrameSocket(BufferMemory memory)
    : memory_(std::move(memory)),
      queue_(memory_.bytes().subspan(kReceiveMemory, FrameQueue::kMaxBytes)) {
  for (size_t i = 0; i < kMaxFrames; ++i) {
    places_[i] = {.iov_base = memory_.bytes().data() + i * kFrameStride + kHeaderPlace,
                  .iov_len = kLongestMessage};
    messages_[i] = MessageOf(&places_[i], 1);
  }
}

void FrameSocket::Close(PortCounters& counters) {
  // The ring may keep it open for a while.
  if (is_open()) shutdown(fd(), SHUT_RDWR);
  socket_ = FileDescriptor();
  for (; !queue_.empty(); queue_.Pop()) {
    counters.sent.Remove(queue_.at(0).size() - kVirtioNetHeaderSize);
    counters.Drop(DropReason::kLinkDown);
  }
}

FrameSocket::Input FrameSocket::Receive(const PortIdentity& identity, size_t limit,
                                        FrameBatch& received) {
  const size_t wanted = std::min({received.room(), kMaxFrames, limit});
  if (wanted == 0) return Input::kMore;
  const int count =
      recvmmsg(fd(), messages_.data(), static_cast<unsigned>(wanted), MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno == EAGAIN) return Input::kEmpty;
    // ECONNRESET is reported once: the other end was closed before it had read all. What it has
    // sent is read first.
    const bool is_passing = errno == EINTR || errno == ECONNRESET || errno == ENOMEM;
    return is_passing ? Input::kMore : Input::kEnded;
  }
  for (size_t slot = 0; slot < static_cast<size_t>(count); ++slot) {
    if (messages_[slot].msg_len == 0 && HasHungUp(fd())) return Input::kEnded;
    TakeFrame(slot, identity, received);
  }
  return static_cast<size_t>(count) == wanted ? Input::kMore : Input::kEmpty;
}

void FrameSocket::TakeFrame(size_t slot, const PortIdentity& identity, FrameBatch& received) {
  PortCounters& counters = *identity.counters;
  const size_t size = messages_[slot].msg_len;
  counters.received.Add(size - std::min(size, kVirtioNetHeaderSize));
  if ((static_cast<uint32_t>(messages_[slot].msg_hdr.msg_flags) & MSG_TRUNC) != 0) {
    return counters.Drop(DropReason::kTruncated);
  }
  if (size < kVirtioNetHeaderSize + kEthernetHeaderSize) return counters.Drop(DropReason::kRunt);
  const std::span wire(static_cast<std::byte*>(places_[slot].iov_base), size);
  if (const auto reason = AppendReceived(wire, identity.id, received)) counters.Drop(*reason);
}

void FrameSocket::Send(std::span<const WireFrame> frames, PortCounters& counters) {
  if (queue_.empty()) frames = SendNow(frames, counters);
  for (const WireFrame& frame : frames) {
    if (queue_.Append(frame)) {
      counters.sent.Add(frame.size);
    } else {
      counters.Drop(DropReason::kQueueFull);
    }
  }
}

// Returns the frames that have to be queued.
std::span<const WireFrame> FrameSocket::SendNow(std::span<const WireFrame> frames,
                                                PortCounters& counters) const {
  // NOLINTNEXTLINE(*-member-init): it is filled in as far as it is used
  std::array<mmsghdr, kMostSentAtOnce> messages;
  while (!frames.empty()) {
    const size_t count = std::min(frames.size(), kMostSentAtOnce);
    for (size_t i = 0; i < count; ++i) messages[i] = MessageOf(frames[i]);
    const int sent = SendMessages(fd(), std::span(messages).first(count));
    if (sent == -EAGAIN) return frames;
    if (sent < 0) {
      counters.Drop(ReasonForLoss(-sent));
      frames = frames.subspan(1);
      continue;
    }
    for (const WireFrame& frame : frames.first(static_cast<size_t>(sent))) {
      counters.sent.Add(frame.size);
    }
    frames = frames.subspan(static_cast<size_t>(sent));
  }
  return {};
}

void FrameSocket::SendQueued(PortCounters& counters) {
  std::array<iovec, kMostSentAtOnce> pieces{};
  std::array<mmsghdr, kMostSentAtOnce> messages{};
  while (!queue_.empty()) {
    const size_t count = std::min(queue_.size(), kMostSentAtOnce);
    for (size_t i = 0; i < count; ++i) {
      pieces[i] = {.iov_base = queue_.at(i).data(), .iov_len = queue_.at(i).size()};
      messages[i] = MessageOf(&pieces[i], 1);
    }
    const int sent = SendMessages(fd(), std::span(messages).first(count));
    if (sent == -EAGAIN) return;
    if (sent < 0) {
      counters.sent.Remove(queue_.at(0).size() - kVirtioNetHeaderSize);
      counters.Drop(ReasonForLoss(-sent));
    }
    for (int i = 0; i < std::max(sent, 1); ++i) queue_.Pop();
  }
}

}  // namespace tapswitch
