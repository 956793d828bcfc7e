#include "ports/ring_factory.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ports/file_descriptor.h"
#include "ports/poll_ring.h"
#include "ports/uring_poll_ring.h"
#include "ports/uring_ring.h"
#include "switch/forwarding/buffer_pool.h"

namespace tapswitch {
namespace {

// How long a frame may take through a ring that works: it takes microseconds.
constexpr std::chrono::seconds kPatience(1);

// Waits for the next completion of a read.
absl::StatusOr<Completion> NextCompletion(Ring& ring) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    static_cast<void>(ring.SubmitAndWait(kPatience));  // a signal may end it early
    const std::span<const Completion> completions = ring.Reap();
    if (completions.empty()) continue;
    const Completion& first = completions.front();
    if (first.result >= 0) return first;
    return absl::ErrnoToStatus(-first.result, "a read failed");
  }
  return absl::UnavailableError("a read did not complete");
}

// Sends a frame through the ring, from one end of a socket pair to the other.
absl::Status SendFrame(Ring& ring, int sender, int receiver, BufferPool& pool) {
  const absl::StatusOr<FileSlot> from = ring.AddFile(sender, nullptr, FileKind::kFrames);
  if (!from.ok()) return from.status();
  const absl::StatusOr<FileSlot> to = ring.AddFile(receiver, &pool, FileKind::kFrames);
  if (!to.ok()) return to.status();
  const absl::Cleanup remove = [&] {
    ring.RemoveFile(*from);
    ring.RemoveFile(*to);
  };

  const std::array<std::byte, 64> bytes{};
  const Piece piece{.data = bytes.data(), .size = bytes.size()};
  const WireFrame frame{.pieces = {&piece, 1}, .size = bytes.size()};
  if (ring.QueueWrites(*from, {&frame, 1}, {.operation = Operation::kWrite}) != 1) {
    return absl::UnavailableError("a write was not taken");
  }
  const Tag tag{.operation = Operation::kRead};
  ring.StartRead(*to, tag);
  const absl::StatusOr<Completion> received = NextCompletion(ring);
  if (!received.ok()) return received.status();
  if (received->result != static_cast<int32_t>(bytes.size()) || !received->more) {
    return absl::UnavailableError("a read ended early");
  }
  ring.StopRead(*to, tag);
  const absl::StatusOr<Completion> end = NextCompletion(ring);
  if (end.ok() || end.status().code() == absl::ErrnoToStatusCode(ECANCELED)) {
    return absl::OkStatus();
  }
  return end.status();
}

absl::Status Try(Ring& ring) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  const FileDescriptor sender(ends[0]);
  const FileDescriptor receiver(ends[1]);
  constexpr BufferId kBuffers = 2;
  constexpr size_t kSize = 256;
  std::array<std::byte, kBuffers * kSize> memory{};
  BufferPool pool(memory, kBuffers, kSize, kSize);
  return SendFrame(ring, sender.get(), receiver.get(), pool);
}

template <typename ConcreteRing, typename Options>
absl::StatusOr<std::unique_ptr<Ring>> MakeWorking() {
  absl::StatusOr<std::unique_ptr<ConcreteRing>> ring = ConcreteRing::Create(Options{});
  if (!ring.ok()) return ring.status();
  if (absl::Status status = Try(**ring); !status.ok()) return status;
  return *std::move(ring);
}

absl::StatusOr<ChosenRing> MakeUring() {
  auto multishot = MakeWorking<UringRing, UringQueue::Options>();
  if (multishot.ok()) {
    return ChosenRing{.ring = *std::move(multishot),
                      .explanation = "io_uring with multishot reads"};
  }
  auto polled = MakeWorking<UringPollRing, UringQueue::Options>();
  if (!polled.ok()) return polled.status();
  return ChosenRing{.ring = *std::move(polled),
                    .explanation = absl::StrCat("io_uring with poll and read(2): ",
                                                multishot.status().message())};
}

absl::StatusOr<ChosenRing> MakeEpoll(std::string explanation) {
  auto ring = MakeWorking<PollRing, PollRing::Options>();
  if (!ring.ok()) return ring.status();
  return ChosenRing{.ring = *std::move(ring), .explanation = std::move(explanation)};
}

}  // namespace

absl::StatusOr<ChosenRing> MakeRing(IoMode mode) {
  if (mode == IoMode::kEpoll) return MakeEpoll("epoll, as asked for");
  absl::StatusOr<ChosenRing> uring = MakeUring();
  if (uring.ok()) return uring;
  if (mode == IoMode::kAuto) return MakeEpoll(absl::StrCat("epoll: ", uring.status().message()));
  return absl::UnavailableError(
      absl::StrCat("io_uring cannot be had: ", uring.status().message(), "; epoll works without"));
}

}  // namespace tapswitch
