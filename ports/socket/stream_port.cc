#include "ports/socket/stream_port.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "ports/os/clock.h"
#include "ports/os/unix/accept.h"
#include "ports/socket/stream_gather.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// The maximum that one call reads, plus the longest possible remainder, a frame less one byte. More
// data would be evicted from the cache before it is sent.
constexpr size_t kReadSize = size_t{128} * 1024;
static_assert(kReadSize >= kStreamPrefixSize + kMaxSocketFrame);
constexpr size_t kFramesSize = ReceivedFrames::MemoryFor(kReadSize);
constexpr size_t kPage = 4096;
constexpr size_t kMemorySize =
    (kReadSize + kFramesSize + SendQueue::kMaxBytes + kPage - 1) / kPage * kPage;

// The number of connections that ended before they began which one call of Accept discards.
constexpr int kMaxAccepts = 4;

bool HasEnded(int fd) {
  std::byte next{};
  return recv(fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace

StreamPort::Buffers::Buffers(BufferMemory pages)
    : memory(std::move(pages)),
      framer(memory.bytes().first(kReadSize)),
      frames(memory.bytes().subspan(kReadSize, kFramesSize)),
      queue(memory.bytes().subspan(kReadSize + kFramesSize, SendQueue::kMaxBytes)) {}

StreamPort::StreamPort(PortIdentity identity, std::shared_ptr<UnixListener> listener, uint32_t mtu)
    : identity_(std::move(identity)), listener_(std::move(listener)) {
  status_.mtu = mtu;
  status_.reason = fmt::format("nobody is connected to {}", listener_->path());
}

StreamPort::~StreamPort() = default;

Tag StreamPort::MakeTag() const {
  constexpr uint32_t kSlotMask = 0xFFFFFF;
  return {.operation = Operation::kPoll,
          .port = identity_.id,
          .generation = identity_.generation,
          .slot = watched_ & kSlotMask};
}

absl::Status StreamPort::Start(Ring& ring) {
  listening_ = FileDescriptor(fcntl(listener_->fd(), F_DUPFD_CLOEXEC, 0));
  if (!listening_.valid()) {
    return absl::ErrnoToStatus(errno, fmt::format("port {}: its socket", identity_.name));
  }
  ring_ = &ring;
  absl::Status watched = WatchListener();
  if (!watched.ok()) ring_ = nullptr;
  return watched;
}

absl::Status StreamPort::WatchListener() {
  ++watched_;
  absl::Status status = ring_->Watch(listening_.get(), MakeTag());
  watching_ = status.ok();
  return status;
}

void StreamPort::StopWatching() {
  if (!std::exchange(watching_, false)) return;
  ring_->Unwatch(connection_.valid() ? connection_.get() : listening_.get(), MakeTag());
}

void StreamPort::OnCompletions(std::span<const Completion> completions, FrameBatch& /*received*/) {
  for (const Completion& completion : completions) {
    if (completion.tag != MakeTag() || !connection_.valid()) continue;
    const auto events = static_cast<uint32_t>(completion.result);
    if ((events & (POLLHUP | POLLRDHUP | POLLERR)) != 0) ending_ = true;
    if ((events & POLLOUT) != 0 && !pause_wanted_) SendQueued();
  }
}

bool StreamPort::Receive(FrameBatch& received) {
  if (closing_) return false;
  if (!connection_.valid()) {
    return !pause_wanted_ && Accept();
  }
  buffers_->frames.Clear();
  // The frames that the last turn left go first, and alone: there is memory for the frames of one
  // read.
  if (TakeFrames(received)) return true;
  if (pause_wanted_) return false;
  if (!buffers_->frames.empty()) return true;
  const size_t room = buffers_->framer.Room().size();
  const ptrdiff_t result = buffers_->framer.bad_length() ? 0 : Read();
  const bool more = TakeFrames(received);
  if (buffers_->framer.bad_length() || (result <= 0 && result != -EAGAIN)) {
    EndOfStream(result);
    return false;
  }
  // A stream that returned less than was asked for is empty (epoll(7), "Questions and answers").
  // Its end is reported separately, possibly together with the last bytes.
  return more || ending_ || result == static_cast<ptrdiff_t>(room);
}

ptrdiff_t StreamPort::Read() {
  const std::span<std::byte> room = buffers_->framer.Room();
  for (;;) {
    const ssize_t size = recv(connection_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return -errno;
    buffers_->framer.Add(static_cast<size_t>(size));
    return size;
  }
}

// Returns true if whole frames were left for later.
bool StreamPort::TakeFrames(FrameBatch& received) {
  ReceivedFrames& frames = buffers_->frames;
  has_whole_frames_ = true;
  while (!received.full() && frames.count() < limit_) {
    const auto frame = buffers_->framer.Next();
    if (!frame) return has_whole_frames_ = false;
    frames.Take(*frame, identity_.id, *identity_.counters, received);
  }
  return true;
}

// Neither reads nor sends what is queued; whole frames that it has read are received.
bool StreamPort::Pause() {
  pause_wanted_ = true;
  return true;
}

// A new watch reports again what was reported meanwhile.
void StreamPort::Resume() {
  if (!std::exchange(pause_wanted_, false) || closing_ || ring_ == nullptr) return;
  if (watching_) WatchAgain();
  if (connection_.valid()) SendQueued();
}

void StreamPort::WatchAgain() {
  StopWatching();
  if (!connection_.valid()) return WaitForClient();
  ++watched_;
  if (absl::Status watched = ring_->Watch(connection_.get(), MakeTag()); !watched.ok()) {
    return Disconnect(std::string(watched.message()));
  }
  watching_ = true;
  if (std::exchange(awaits_writability_, false)) AwaitWritability(true);
}

void StreamPort::EndOfStream(ptrdiff_t result) {
  PortCounters& counters = *identity_.counters;
  const StreamFramer& framer = buffers_->framer;
  if (const auto length = framer.bad_length()) {
    counters.received.Add(0);
    counters.Drop(DropReason::kBadFraming);
    return Disconnect(fmt::format("it announced a frame of {} bytes, but {} are the most", *length,
                                  kMaxSocketFrame));
  }
  if (!framer.between_frames()) {
    counters.received.Add(0);
    counters.Drop(DropReason::kTruncated);
  }
  Disconnect(result == 0 ? "it hung up" : std::strerror(static_cast<int>(-result)));
}

// Data that were sent already are reported as soon as the connection is watched.
bool StreamPort::Accept() {
  for (int i = 0; i < kMaxAccepts; ++i) {
    if (!pace_.may_accept()) {
      status_.reason = fmt::format("clients of {} come and go too fast: {} a second are taken",
                                   listener_->path(), 10 * AcceptPace::kPerRetry);
      return false;  // Retry goes on
    }
    Accepted accepted = AcceptConnection(listening_.get());
    if (accepted.refused != 0) {
      LogStarvation(accepted.refused);
      return false;
    }
    if (!accepted.connection.valid()) {
      status_.reason = fmt::format("nobody is connected to {}", listener_->path());
      return false;
    }
    pace_.Count();
    if (HasEnded(accepted.connection.get())) continue;
    StopWatching();
    if (absl::Status connected = Connect(std::move(accepted.connection)); !connected.ok()) {
      logs_end_ = true;
      Disconnect(std::string(connected.message()));
    }
    return false;
  }
  return true;
}

// The client stays in the kernel's queue, and is served once there is room.
void StreamPort::LogStarvation(int error) {
  starved_ = true;
  status_.reason = fmt::format("cannot accept who connects to {}: {}; it is tried again",
                               listener_->path(), std::strerror(error));
  if (std::exchange(starvation_is_logged_, true)) return;
  spdlog::warn("port {}: {}{}", identity_.name, status_.reason,
               error == EMFILE ? " (raise the limit of open files: LimitNOFILE=, ulimit -n)" : "");
}

void StreamPort::Retry() {
  pace_.Refill();
  if (pause_wanted_ || !std::exchange(starved_, false) || closing_) return;
  if (connection_.valid()) {
    SendQueued();
  } else if (!watching_) {
    WaitForClient();
  }
}

absl::Status StreamPort::Connect(FileDescriptor connection) {
  connection_ = std::move(connection);
  if (buffers_ == nullptr) {
    auto memory = BufferMemory::Allocate(kMemorySize);
    if (!memory.ok()) return memory.status();
    buffers_ = std::make_unique<Buffers>(*std::move(memory));
  }
  ++watched_;
  if (absl::Status watched = ring_->Watch(connection_.get(), MakeTag()); !watched.ok()) {
    return watched;
  }
  watching_ = true;
  starvation_is_logged_ = false;
  status_.link_up = true;
  status_.reason.clear();
  LogConnection(MonotonicTime());
  return absl::OkStatus();
}

void StreamPort::LogConnection(std::chrono::nanoseconds now) {
  constexpr uint32_t kMostASecond = 5;
  if (now - log_second_ >= std::chrono::seconds(1)) {
    if (left_out_ > 0) {
      spdlog::info("port {}: {} connections that came and went are not logged", identity_.name,
                   left_out_);
    }
    log_second_ = now;
    logged_ = 0;
    left_out_ = 0;
  }
  logs_end_ = logged_ < kMostASecond;
  if (!logs_end_) {
    ++left_out_;
    return;
  }
  ++logged_;
  spdlog::info("port {}: up, connected to {}", identity_.name, DescribePeer(connection_.get()));
}

// Frames that were received in this turn stay where they are.
void StreamPort::Disconnect(std::string_view why) {
  StopWatching();
  awaits_writability_ = false;
  ending_ = false;
  // The ring may keep it open for a while.
  shutdown(connection_.get(), SHUT_RDWR);
  connection_ = FileDescriptor();
  if (buffers_ != nullptr) {
    buffers_->framer.Reset();
    while (!buffers_->queue.empty()) {
      identity_.counters->sent.Remove(buffers_->queue.PopFrame());
      identity_.counters->Drop(DropReason::kLinkDown);
    }
  }
  status_.link_up = false;
  if (closing_) return;
  if (std::exchange(logs_end_, false)) {
    spdlog::info("port {}: the connection has ended: {}", identity_.name, why);
  }
  starved_ = false;
  WaitForClient();
}

void StreamPort::WaitForClient() {
  absl::Status watched = WatchListener();
  if (watched.ok()) {
    status_.reason = fmt::format("nobody is connected to {}", listener_->path());
    return;
  }
  starved_ = true;
  status_.reason = fmt::format("cannot wait for connections: {}; it is tried again",
                               std::string(watched.message()));
  if (!std::exchange(starvation_is_logged_, true)) {
    spdlog::error("port {}: {}", identity_.name, status_.reason);
  }
}

void StreamPort::Send(std::span<const WireFrame> frames) {
  if (!status_.link_up || closing_) return DropAll(frames, DropReason::kLinkDown);
  // The frames go behind those that wait already.
  if (buffers_->queue.empty()) frames = SendNow(frames);
  for (const WireFrame& frame : frames) {
    if (buffers_->queue.Append(frame)) {
      identity_.counters->sent.Add(frame.size);
    } else {
      identity_.counters->Drop(DropReason::kQueueFull);
    }
  }
  if (!buffers_->queue.empty()) AwaitWritability(true);
}

// Returns the frames that have to be queued. A frame of which a part was sent is in the queue then.
std::span<const WireFrame> StreamPort::SendNow(std::span<const WireFrame> frames) {
  PortCounters& counters = *identity_.counters;
  while (!frames.empty()) {
    GatherList list;
    const size_t count = list.Add(frames);
    const ssize_t result = SendPieces(connection_.get(), list.pieces());
    if (result == -EAGAIN) return frames;
    if (result < 0) {
      // The watch reports an end of the connection, too.
      const bool no_memory = result == -ENOMEM || result == -ENOBUFS;
      DropAll(frames, no_memory ? DropReason::kNoMemory : DropReason::kLinkDown);
      return {};
    }
    auto sent = static_cast<size_t>(result);
    for (size_t i = 0; i < count && sent > 0; ++i) {
      const WireFrame& frame = frames.front();
      const size_t size = kStreamPrefixSize + frame.size;
      if (sent < size) static_cast<void>(buffers_->queue.Append(frame, sent));
      sent -= std::min(sent, size);
      counters.sent.Add(frame.size);
      frames = frames.subspan(1);
    }
    if (!buffers_->queue.empty()) return frames;
  }
  return {};
}

void StreamPort::SendQueued() {
  SendQueue& queue = buffers_->queue;
  while (!queue.empty()) {
    auto pieces = queue.AllBytes();
    const ssize_t sent = SendPieces(connection_.get(), pieces);
    if (sent <= 0) {
      // The watch reports the next change.
      starved_ = IsScarcity(static_cast<int>(-sent));
      return;
    }
    queue.Sent(static_cast<size_t>(sent));
  }
  AwaitWritability(false);
}

void StreamPort::AwaitWritability(bool wanted) {
  if (std::exchange(awaits_writability_, wanted) == wanted) return;
  ring_->WatchWritability(connection_.get(), MakeTag(), wanted);
}

void StreamPort::DropAll(std::span<const WireFrame> frames, DropReason reason) const {
  for (size_t i = 0; i < frames.size(); ++i) identity_.counters->Drop(reason);
}

void StreamPort::BeginClose() {
  if (std::exchange(closing_, true)) return;
  if (ring_ != nullptr) {
    if (connection_.valid()) {
      Disconnect("");
    } else {
      StopWatching();
    }
  }
  status_.link_up = false;
  status_.reason = "closing";
}

}  // namespace tapswitch
