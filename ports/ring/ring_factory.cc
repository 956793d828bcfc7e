#include "ports/ring/ring_factory.h"

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
#include "ports/os/file_descriptor.h"
#include "ports/ring/buffer_pool.h"
#include "ports/ring/packet_frame.h"
#include "ports/ring/poll_ring.h"
#include "ports/ring/uring_ring.h"

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
absl::Status SendFrame(Ring& ring, int sender, int receiver, BufferPool& pool, FileKind kind) {
  const absl::StatusOr<FileSlot> from = ring.AddFile(sender, nullptr, kind);
  if (!from.ok()) return from.status();
  const absl::StatusOr<FileSlot> to = ring.AddFile(receiver, &pool, kind);
  if (!to.ok()) return to.status();
  const absl::Cleanup remove = [&] {
    ring.RemoveFile(*from);
    ring.RemoveFile(*to);
  };

  const std::array<std::byte, 64> bytes{};
  const size_t expected =
      bytes.size() + (kind == FileKind::kPacketSocket ? kPacketPreambleSize : 0);
  const Piece piece{.data = bytes.data(), .size = bytes.size()};
  const WireFrame frame{.pieces = {&piece, 1}, .size = bytes.size()};
  if (ring.QueueWrites(*from, {&frame, 1}, {.operation = Operation::kWrite}) != 1) {
    return absl::UnavailableError("a write was not taken");
  }
  const Tag tag{.operation = Operation::kRead};
  ring.StartRead(*to, tag);
  const absl::StatusOr<Completion> received = NextCompletion(ring);
  if (!received.ok()) return received.status();
  if (received->result != static_cast<int32_t>(expected) || !received->more) {
    return absl::UnavailableError("a read ended early");
  }
  ring.StopRead(*to, tag);
  const absl::StatusOr<Completion> end = NextCompletion(ring);
  if (end.ok() || end.status().code() == absl::ErrnoToStatusCode(ECANCELED)) {
    return absl::OkStatus();
  }
  return end.status();
}

absl::Status Try(Ring& ring, FileKind kind) {
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
  return SendFrame(ring, sender.get(), receiver.get(), pool, kind);
}

template <typename ConcreteRing, typename Options>
absl::StatusOr<std::unique_ptr<Ring>> MakeWorking(const Options& options) {
  absl::StatusOr<std::unique_ptr<ConcreteRing>> ring = ConcreteRing::Create(options);
  if (!ring.ok()) return ring.status();
  for (const FileKind kind : {FileKind::kFrames, FileKind::kPacketSocket}) {
    if (absl::Status status = Try(**ring, kind); !status.ok()) return status;
  }
  return *std::move(ring);
}

absl::StatusOr<ChosenRing> MakeUring() {
  auto multishot = MakeWorking<UringRing>(UringQueue::Options{.multishot = true});
  if (multishot.ok()) {
    return ChosenRing{.ring = *std::move(multishot),
                      .explanation = "io_uring with multishot receives"};
  }
  auto plain = MakeWorking<UringRing>(UringQueue::Options{});
  if (!plain.ok()) return plain.status();
  return ChosenRing{.ring = *std::move(plain),
                    .explanation = absl::StrCat("io_uring without multishot receives: ",
                                                multishot.status().message())};
}

absl::StatusOr<ChosenRing> MakeEpoll(std::string explanation) {
  auto ring = MakeWorking<PollRing>(PollRing::Options{});
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
