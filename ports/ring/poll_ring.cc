#include "ports/ring/poll_ring.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ports/os/check.h"

namespace tapswitch {
namespace {

// Descriptors that one call asks epoll about; more wait for the next turn.
constexpr size_t kMaxEvents = 64;

constexpr uint32_t kEpollMask = EPOLLIN | EPOLLRDHUP | EPOLLET;
// Errors of a file that is not read are reported once, not in each turn.
constexpr uint32_t kErrorsOnly = EPOLLET;

timespec ToTimespec(std::chrono::nanoseconds span) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(span);
  return {.tv_sec = seconds.count(), .tv_nsec = (span - seconds).count()};
}

// No other readiness has this operation.
Tag ReadinessTag(FileSlot file) { return {.operation = Operation::kRead, .slot = file.value}; }

// Returns 0, or the errno of the write. A frame is written whole or not at all.
int WriteFrame(int fd, const WireFrame& frame) {
  ssize_t written = 0;
  do {
    written = frame.pieces.size() == 1
                  ? write(fd, frame.pieces[0].data, frame.pieces[0].size)
                  : writev(fd, AsIovec(frame.pieces), static_cast<int>(frame.pieces.size()));
  } while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PollRing>> PollRing::Create(const Options& options) {
  FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1");
  return std::unique_ptr<PollRing>(new PollRing(std::move(epoll), options));
}

PollRing::PollRing(FileDescriptor epoll, const Options& options)
    : epoll_(std::move(epoll)), files_(options.files), reader_(options.files) {}

absl::StatusOr<FileSlot> PollRing::AddFile(int fd, BufferPool* pool, FileKind kind) {
  TAPSWITCH_CHECK(pool == nullptr || pool->out() == 0);
  if (absl::Status status = RequireNonBlocking(fd); !status.ok()) return status;
  const auto free =
      std::find_if(files_.begin(), files_.end(), [](const File& file) { return file.fd < 0; });
  if (free == files_.end()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", files_.size(), " files of the ring are in use: remove a port first"));
  }
  const FileSlot slot{static_cast<uint32_t>(free - files_.begin())};
  if (pool != nullptr) {
    if (absl::Status status = Poll(fd, ReadinessTag(slot), kErrorsOnly); !status.ok())
      return status;
    reader_.Add(slot, fd, *pool, kind);
  }
  *free = {.fd = fd, .can_be_read = pool != nullptr};
  return slot;
}

void PollRing::RemoveFile(FileSlot file) {
  File& removed = files_[file.value];
  if (removed.can_be_read) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, removed.fd, nullptr);
    reader_.Remove(file);
  }
  removed = {};
}

void PollRing::StartRead(FileSlot file, Tag tag) {
  reader_.Start(file, tag);
  ChangePoll(files_[file.value].fd, ReadinessTag(file), kEpollMask);
}

void PollRing::StopRead(FileSlot file, Tag /*tag*/) {
  reader_.Stop(file);
  ChangePoll(files_[file.value].fd, ReadinessTag(file), kErrorsOnly);
}

void PollRing::ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) {
  reader_.Return(file, buffers);
}

size_t PollRing::QueueWrites(FileSlot file, std::span<const WireFrame> frames, Tag tag) {
  for (const WireFrame& frame : frames) {
    if (const int error = WriteFrame(files_[file.value].fd, frame); error != 0) {
      failed_writes_.Add(WriteTag(tag, frame), -error);
    }
  }
  return frames.size();
}

absl::Status PollRing::Watch(int fd, Tag tag) { return Poll(fd, tag, kEpollMask); }

void PollRing::Unwatch(int fd, Tag /*tag*/) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void PollRing::WatchWritability(int fd, Tag tag, bool wanted) {
  ChangePoll(fd, tag, kEpollMask | (wanted ? EPOLLOUT : 0U));
}

absl::Status PollRing::Poll(int fd, Tag tag, uint32_t mask) const {
  epoll_event event{.events = mask, .data = {.u64 = tag.Pack()}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("epoll: file descriptor ", fd));
}

// A file that is ready at the time is reported, too.
void PollRing::ChangePoll(int fd, Tag tag, uint32_t mask) const {
  epoll_event event{.events = mask, .data = {.u64 = tag.Pack()}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

WaitResult PollRing::SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.Reclaim();
  CollectFailedWrites();
  if (!batch_.empty() || !failed_writes_.empty() || reader_.pending())
    timeout = std::chrono::nanoseconds(0);
  const int events = CollectEvents(timeout);
  batch_.Add(reader_.Read(batch_.room()));
  if (!batch_.empty() || events > 0) return WaitResult::kCompletions;
  return events == -EINTR ? WaitResult::kInterrupted : WaitResult::kTimeout;
}

// An epoll descriptor is readable while a file is ready; asking does not take the event.
bool PollRing::Peek() {
  pollfd any{.fd = epoll_.get(), .events = POLLIN, .revents = 0};
  return poll(&any, 1, 0) != 0;
}

int PollRing::CollectEvents(std::optional<std::chrono::nanoseconds> timeout) {
  std::array<epoll_event, kMaxEvents> events{};
  const size_t wanted = std::min(events.size(), batch_.room().size());
  if (wanted == 0) return 0;
  const timespec limit = ToTimespec(timeout.value_or(std::chrono::nanoseconds(0)));
  const int count = epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(wanted),
                                 timeout ? &limit : nullptr, nullptr);
  if (count < 0) return -errno;
  for (const epoll_event& event : std::span(events).first(static_cast<size_t>(count))) {
    const Tag tag = Tag::Unpack(event.data.u64);
    if (tag.operation == Operation::kRead) {
      reader_.MarkReadable(FileSlot{tag.slot});
      continue;
    }
    batch_.room()[0] = {.tag = tag, .result = static_cast<int32_t>(event.events), .more = true};
    batch_.Add(1);
  }
  return count;
}

void PollRing::CollectFailedWrites() {
  const std::span<Completion> room = batch_.room();
  batch_.Add(failed_writes_.Take(room.first(std::min(room.size(), kMaxReapOfAKind))));
}

std::span<const Completion> PollRing::Reap() {
  batch_.Reclaim();
  CollectFailedWrites();
  return batch_.Take();
}

}  // namespace tapswitch
