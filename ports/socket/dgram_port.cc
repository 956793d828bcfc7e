#include "ports/socket/dgram_port.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

// Frames of one turn.
constexpr size_t kSlots = 64;
// A frame, its header, and enough to spread the headers over the cache and keep them aligned.
constexpr size_t kHeaderRoom = 16;
constexpr size_t kStride = size_t{17} * 4096 + 128;
static_assert(kHeaderRoom + kMaxSocketFrame <= kStride && kHeaderRoom >= kVirtioNetHeaderSize);
static_assert(kSlots * kStride % 4096 == 0 && SendQueue::kMaxBytes % 4096 == 0);

constexpr uint32_t kSocketSlot = 0;
constexpr uint32_t kWaiterSlot = 1;

bool IsWritable(int fd) {
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

}  // namespace

std::string DgramPort::Address::path() const {
  const size_t length = size - offsetof(sockaddr_un, sun_path);
  return {name.sun_path, strnlen(name.sun_path, length)};
}

bool DgramPort::Address::operator==(const Address& other) const {
  return size == other.size && std::memcmp(&name, &other.name, size) == 0;
}

// The arguments of recvmmsg(2), made once: the places of the frames and of the senders' names.
struct DgramPort::Inbox {
  explicit Inbox(std::span<std::byte> memory) {
    for (size_t i = 0; i < kSlots; ++i) {
      places[i] = {.iov_base = memory.data() + i * kStride + kHeaderRoom,
                   .iov_len = kMaxSocketFrame};
    }
  }

  void Prepare(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      messages[i].msg_hdr = {.msg_name = &senders[i],
                             .msg_namelen = sizeof(senders[i]),
                             .msg_iov = &places[i],
                             .msg_iovlen = 1,
                             .msg_control = nullptr,
                             .msg_controllen = 0,
                             .msg_flags = 0};
    }
  }

  std::array<iovec, kSlots> places{};
  std::array<sockaddr_un, kSlots> senders{};
  std::array<mmsghdr, kSlots> messages{};
};

DgramPort::DgramPort(PortIdentity identity, FileDescriptor connected, uint32_t mtu)
    : identity_(std::move(identity)), connected_(std::move(connected)), socket_(connected_.get()) {
  lost_.Begin(socket_);
  runs_.Begin(socket_);
  status_.mtu = mtu;
  status_.link_up = true;
}

DgramPort::DgramPort(PortIdentity identity, UnixListener socket, const std::string& remote,
                     uint32_t mtu)
    : identity_(std::move(identity)),
      bound_(std::move(socket)),
      socket_(bound_->fd()),
      learns_(remote.empty()) {
  status_.mtu = mtu;
  if (learns_) {
    status_.reason = fmt::format("nobody has sent anything to {} yet", bound_->path());
    return;
  }
  remote_.name.sun_family = AF_UNIX;
  remote.copy(remote_.name.sun_path, sizeof(remote_.name.sun_path) - 1);
  remote_.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + remote.size() + 1);
  status_.link_up = true;
}

DgramPort::~DgramPort() = default;

Tag DgramPort::MakeTag(uint32_t slot) const {
  return {.operation = Operation::kPoll,
          .port = identity_.id,
          .generation = identity_.generation,
          .slot = slot};
}

absl::Status DgramPort::Start(Ring& ring) {
  auto memory = BufferMemory::Allocate(kSlots * kStride + SendQueue::kMaxBytes);
  if (!memory.ok()) return memory.status();
  memory_.emplace(*std::move(memory));
  inbox_ = std::make_unique<Inbox>(memory_->bytes());
  queue_.emplace(memory_->bytes().subspan(kSlots * kStride, SendQueue::kMaxBytes));
  if (absl::Status watched = ring.Watch(socket_, MakeTag(kSocketSlot)); !watched.ok()) {
    return watched;
  }
  ring_ = &ring;
  return absl::OkStatus();
}

void DgramPort::OnCompletions(std::span<const Completion> completions, FrameBatch& /*received*/) {
  if (closing_ || pause_wanted_) return;
  if (!completions.empty() && !queue_->empty()) SendQueued();
}

bool DgramPort::Receive(FrameBatch& received) {
  if (pause_wanted_) return false;
  const size_t wanted = std::min({received.room(), kSlots, limit_});
  if (closing_ || wanted == 0) return !closing_;
  inbox_->Prepare(wanted);
  const int count = recvmmsg(socket_, inbox_->messages.data(), static_cast<unsigned>(wanted),
                             MSG_DONTWAIT, nullptr);
  if (count < 0) return MayHaveMore(errno);
  failures_ = 0;
  for (size_t slot = 0; slot < static_cast<size_t>(count); ++slot) TakeFrame(slot, received);
  if (learns_ && count > 0) {
    const auto last = static_cast<size_t>(count) - 1;
    Learn({.name = inbox_->senders[last], .size = inbox_->messages[last].msg_hdr.msg_namelen});
  }
  return static_cast<size_t>(count) == wanted;
}

// Whatever the error is, it may concern a datagram that was sent: nobody was there, or a router has
// refused it. It is told once, and what was received lies behind it.
bool DgramPort::MayHaveMore(int error) {
  failures_ = error == EAGAIN ? 0 : std::min(failures_ + 1, kMostSocketErrors);
  return failures_ > 0 && failures_ < kMostSocketErrors;
}

bool DgramPort::Pause() {
  pause_wanted_ = true;
  return true;
}

// A new watch reports again what was reported meanwhile. Where there is no room for one, the port
// is not read any more, as where there is none at the start.
void DgramPort::Resume() {
  if (!std::exchange(pause_wanted_, false) || closing_ || ring_ == nullptr) return;
  ring_->Unwatch(socket_, MakeTag(kSocketSlot));
  if (const absl::Status watched = ring_->Watch(socket_, MakeTag(kSocketSlot)); !watched.ok()) {
    spdlog::error("port {}: it is not read any more: {}: add it again", identity_.name,
                  std::string(watched.message()));
    status_.link_up = false;
    status_.reason = "it cannot be read: add it again";
    return;
  }
  StopWaiting();
  SendQueued();
}

bool DgramPort::HandOver(size_t /*queue*/, PortHandover& to) const {
  return to.AddCopy("socket", socket_);
}

bool DgramPort::HandOverPaused(PortHandover& to) const {
  bool is_complete = true;
  if (learns_ && remote_.size > 0) {
    is_complete =
        to.AddBytes("remote", std::as_bytes(std::span(&remote_.name, 1)).first(remote_.size));
  }
  if (queue_->empty()) return is_complete;
  std::vector<std::byte> unsent;
  for (const iovec& piece : queue_->AllBytes()) {
    const auto* const bytes = static_cast<const std::byte*>(piece.iov_base);
    unsent.insert(unsent.end(), bytes, bytes + piece.iov_len);
  }
  to.numbers["first_left"] = queue_->first_left();
  to.numbers["first_frame"] = queue_->first_frame();
  return is_complete && to.AddBytes("unsent", unsent);
}

void DgramPort::TakeOverPaused(PortHandover& from) {
  if (closing_ || ring_ == nullptr || !queue_->empty()) return;
  const auto unsent = from.TakeBytes("unsent", SendQueue::kMaxBytes);
  static_cast<void>(queue_->Restore(unsent, from.number("first_left"), from.number("first_frame")));
  const auto remote = from.TakeBytes("remote", sizeof(sockaddr_un));
  if (!learns_ || remote.empty()) return;
  Address sender{.size = static_cast<socklen_t>(remote.size())};
  std::memcpy(&sender.name, remote.data(), remote.size());
  if (sender.name.sun_family == AF_UNIX) Learn(sender);
}

void DgramPort::TakeFrame(size_t slot, FrameBatch& received) {
  PortCounters& counters = *identity_.counters;
  const mmsghdr& message = inbox_->messages[slot];
  const size_t size = message.msg_len;
  counters.received.Add(size);
  if ((static_cast<uint32_t>(message.msg_hdr.msg_flags) & MSG_TRUNC) != 0) {
    return counters.Drop(DropReason::kTruncated);
  }
  if (size < kEthernetHeaderSize) return counters.Drop(DropReason::kRunt);
  const auto* const frame = static_cast<const std::byte*>(inbox_->places[slot].iov_base);
  received.push_back(
      {.wire = {.data = frame - kVirtioNetHeaderSize, .size = kVirtioNetHeaderSize + size},
       .ingress = identity_.id,
       .needed = {},
       .offload = {}});
}

void DgramPort::Learn(const Address& sender) {
  const bool has_name = sender.size > offsetof(sockaddr_un, sun_path);
  if (!has_name || sender == remote_) return;
  remote_ = sender;
  StopWaiting();
  status_.link_up = true;
  status_.reason.clear();
  spdlog::info("port {}: up, sends to {}", identity_.name, remote_.path());
  if (!queue_->empty() && !pause_wanted_) SendQueued();
}

void DgramPort::RefreshCounters() {
  const uint32_t lost = lost_.Read(socket_);
  identity_.counters->received.frames += lost;
  identity_.counters->Drop(DropReason::kReceiveQueueFull, lost);
}

msghdr DgramPort::MessageFor(std::span<iovec> pieces) {
  return {.msg_name = remote_.size > 0 ? &remote_.name : nullptr,
          .msg_namelen = remote_.size,
          .msg_iov = pieces.data(),
          .msg_iovlen = pieces.size(),
          .msg_control = nullptr,
          .msg_controllen = 0,
          .msg_flags = 0};
}

DropReason DgramPort::ReasonFor(int error) {
  if (error == ENOMEM || error == ENOBUFS) return DropReason::kNoMemory;
  const bool is_nobody = error == ECONNREFUSED || error == ENOENT || error == ECONNRESET ||
                         error == ENOTCONN || error == EPIPE;
  return is_nobody ? DropReason::kLinkDown : DropReason::kWriteFailed;
}

void DgramPort::Send(std::span<const WireFrame> frames) {
  PortCounters& counters = *identity_.counters;
  if (!status_.link_up || closing_) {
    for (size_t i = 0; i < frames.size(); ++i) counters.Drop(DropReason::kLinkDown);
    return;
  }
  const bool was_empty = queue_->empty();
  if (was_empty) frames = SendNow(frames);
  for (const WireFrame& frame : frames) {
    if (queue_->Append(frame)) {
      counters.sent.Add(frame.size);
    } else {
      counters.Drop(DropReason::kQueueFull);
    }
  }
  if (was_empty && !queue_->empty()) AwaitRoom();
}

// Returns the frames that have to be queued.
std::span<const WireFrame> DgramPort::SendNow(std::span<const WireFrame> frames) {
  PortCounters& counters = *identity_.counters;
  DatagramOutbox outbox;
  while (!frames.empty()) {
    outbox.Pack(frames, runs_, MessageFor({}));
    const std::span<mmsghdr> messages = outbox.messages();
    const int sent = sendmmsg(socket_, messages.data(), static_cast<unsigned>(messages.size()),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return frames;
    const size_t first = outbox.lengths().front();
    if (sent < 0) {
      if (first > 1 && runs_.Refused(frames.front().size, errno)) continue;
      counters.Drop(ReasonFor(errno), first);
      frames = frames.subspan(first);
      continue;
    }
    for (const size_t length : outbox.lengths().first(static_cast<size_t>(sent))) {
      for (const WireFrame& frame : frames.first(length)) counters.sent.Add(frame.size);
      frames = frames.subspan(length);
    }
  }
  return {};
}

void DgramPort::SendQueued() {
  while (!queue_->empty()) {
    auto pieces = queue_->FirstFrame();
    const msghdr message = MessageFor(pieces);
    const ssize_t sent = sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return AwaitRoom();
    const int error = errno;
    const size_t size = queue_->PopFrame();
    if (sent >= 0) continue;
    identity_.counters->sent.Remove(size);
    identity_.counters->Drop(ReasonFor(error));
  }
  StopWaiting();
}

// Either this socket's send buffer or the peer's queue is full. POLLOUT reports our own buffer. For
// the peer's queue, the kernel only notifies a socket that is connected to the peer and was polled
// while the queue was full, so it is polled once more each time.
void DgramPort::AwaitRoom() {
  const bool is_own = !bound_ || !IsWritable(socket_);
  ring_->WatchWritability(socket_, MakeTag(kSocketSlot), is_own);
  if (is_own) return;
  if (!waiter_.valid()) {
    FileDescriptor waiter(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const bool watched = waiter.valid() &&
                         connect(waiter.get(), reinterpret_cast<const sockaddr*>(&remote_.name),
                                 remote_.size) == 0 &&
                         ring_->Watch(waiter.get(), MakeTag(kWaiterSlot)).ok();
    if (!watched) return;  // Retry goes on
    waiter_ = std::move(waiter);
  }
  ring_->WatchWritability(waiter_.get(), MakeTag(kWaiterSlot), true);
}

// The peer's path may belong to another socket by now, so the waiting socket is connected anew.
void DgramPort::Retry() {
  if (!wants_retry()) return;
  failures_ = std::min(failures_, kMostSocketErrors - 1);  // it is read once more
  if (queue_->empty()) return;
  StopWaiting();
  SendQueued();
}

void DgramPort::StopWaiting() {
  if (ring_ == nullptr) return;
  ring_->WatchWritability(socket_, MakeTag(kSocketSlot), false);
  if (waiter_.valid()) ring_->Unwatch(waiter_.get(), MakeTag(kWaiterSlot));
  waiter_ = FileDescriptor();
}

void DgramPort::BeginClose() {
  if (std::exchange(closing_, true)) return;
  status_.link_up = false;
  status_.reason = "closing";
  if (ring_ == nullptr) return;
  StopWaiting();
  ring_->Unwatch(socket_, MakeTag(kSocketSlot));
  while (!queue_->empty()) {
    identity_.counters->sent.Remove(queue_->PopFrame());
    identity_.counters->Drop(DropReason::kLinkDown);
  }
}

}  // namespace tapswitch
