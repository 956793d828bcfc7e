// The seam to the kernel: submit and reap operations on file descriptors. The real rings are
// UringRing (io_uring) and PollRing (epoll), chosen by MakeRing; tests put a FakeRing here, which
// injects every fault.
//
// Theory of operation. One thread owns a ring. A turn of that thread is
//
//     SubmitAndWait -> Reap -> (frames are decided) -> QueueWrites... -> ReturnBuffers...
//
// and three promises make one call of the ring a turn enough:
//   1. Writes are carried out in the order they were queued, inline, at the next Submit or
//      SubmitAndWait. When that call returns they are done and their bytes may be reused.
//   2. A buffer given to ReturnBuffers is not written by the kernel before all writes queued
//      earlier have been carried out. So buffers go back *before* the call that sends from them.
//   3. Completions of one file arrive in the order of its operations.
//
// What can go wrong is in the return values, and is handled by the caller, in the open:
//   a full submission queue   QueueWrites takes fewer than it was given: Submit, go on
//   EINTR                     WaitResult::kInterrupted: look at the stop flag, go on
//   a full completion queue   overflows() grows; reads stop (Completion::more is false): StartRead
//   no buffer left            a completion with -ENOBUFS, more is false: StartRead after
//                             ReturnBuffers, never before (it would fail again at once)
//   completions that are lost the kernel had no memory for them: reads end as if no buffer was left,
//                             and watches report once more
//
// However much fails, and however fast, it is told in a bounded number of completions: failed writes
// are added up until they are reaped, and readiness is told once. Each kind has a place of its own in
// what Reap returns, so that none waits for room behind another.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/ring/buffer_pool.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

enum class Operation : uint8_t {
  kRead,
  kWrite,
  kReadiness,  // of a file that the program watches
  kPoll,       // of a file that a port watches, which reads and writes it by itself: a socket
};

// Names the operation that a completion ends. It travels through the kernel as 64 bits of
// user_data. `generation` differs between two ports that had the same id one after the other, so
// that a late completion for the first is recognised and ignored.
struct Tag {
  Operation operation = Operation::kRead;
  PortId port;
  uint16_t generation = 0;
  uint32_t slot = 0;  // 24 bits, free for the owner of the operation

  [[nodiscard]] constexpr uint64_t Pack() const {
    return static_cast<uint64_t>(operation) | (static_cast<uint64_t>(port.value) << 8U) |
           (static_cast<uint64_t>(generation) << 24U) | (static_cast<uint64_t>(slot) << 40U);
  }
  [[nodiscard]] static constexpr Tag Unpack(uint64_t packed) {
    return {.operation = static_cast<Operation>(packed & 0xFFU),
            .port = {static_cast<uint16_t>(packed >> 8U)},
            .generation = static_cast<uint16_t>(packed >> 24U),
            .slot = static_cast<uint32_t>(packed >> 40U)};
  }
  bool operator==(const Tag&) const = default;
};

// Frames that were written in vain.
struct LostFrames {
  uint64_t frames = 0;
  uint64_t bytes = 0;
  bool operator==(const LostFrames&) const = default;
};

struct Completion {
  Tag tag;
  int32_t result = 0;  // bytes, or -errno; for kReadiness and kPoll the poll mask
  bool more = false;   // the operation goes on; when false a read has to be started again
  std::optional<BufferId> buffer;  // set exactly when a read delivered bytes
  LostFrames lost{};  // of kWrite: all that failed with `result` since this was told last
};

// A registered file, 0 .. the ring's capacity.
struct FileSlot {
  uint32_t value = 0;
  bool operator==(const FileSlot&) const = default;
};

// What reading a file brings.
enum class FileKind : uint8_t {
  kFrames,        // one frame a read, from the first byte of the buffer on
  kPacketSocket,  // of AF_PACKET: the buffer begins with a preamble; see packet_frame.h
};

enum class WaitResult : uint8_t {
  kCompletions,  // there is something to reap; rarely, nothing that concerns the caller after all
  kTimeout,      // the time is up, or a signal came while writes were carried out by the same call
  kInterrupted,  // a signal came
};

// Completions that one Reap returns at most. Each may bring a frame; what a batch holds beyond that
// is left for ports that read by themselves.
inline constexpr size_t kMaxReap = 192;

class Ring {
 public:
  virtual ~Ring() = default;

  // Registers `fd` (borrowed: the caller closes it, after RemoveFile), which is O_NONBLOCK: one
  // file's reads and writes never hold up another's. With `pool`, whose buffers must all be at
  // home and which outlives the registration, the file can be read: StartRead.
  // InvalidArgument when fd is not O_NONBLOCK, ResourceExhausted when the ring has no slot left.
  [[nodiscard]] virtual absl::StatusOr<FileSlot> AddFile(int fd, BufferPool* pool,
                                                         FileKind kind) = 0;

  // Precondition: no operation is in flight on it (the last read completion had more == false).
  virtual void RemoveFile(FileSlot file) = 0;

  // Reads frame after frame, each into a buffer of the file's pool, until a completion says
  // more == false. The ring may hold the start back until the writes queued so far are out.
  // Precondition: no read of this file is going on.
  virtual void StartRead(FileSlot file, Tag tag) = 0;

  // Ends a read that is going on: its last completion, with more == false, follows (-ECANCELED, or
  // whatever came first).
  virtual void StopRead(FileSlot file, Tag tag) = 0;

  // Gives buffers back to the kernel. They are at home (BufferPool::BringHome) before the call.
  virtual void ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) = 0;

  // Queues one write per frame and returns how many were taken, fewer than asked when the
  // submission queue is full. Only writes that fail complete: those with the same tag and error
  // together, once a turn. The tag's slot is 0.
  [[nodiscard]] virtual size_t QueueWrites(FileSlot file, std::span<const WireFrame> frames,
                                           Tag tag) = 0;

  // Reports each time `fd` becomes readable, has an error, or its other side hangs up (POLLRDHUP,
  // POLLHUP), until Unwatch. As with EPOLLET, what
  // is left unread is not reported again: read until EAGAIN. Not for files added by AddFile.
  [[nodiscard]] virtual absl::Status Watch(int fd, Tag tag) = 0;
  virtual void Unwatch(int fd, Tag tag) = 0;

  // Whether the watch also reports each time `fd` becomes writable, and now, with each call, if it
  // is. Not at first: a socket becomes writable with each piece that the other side takes.
  virtual void WatchWritability(int fd, Tag tag, bool wanted) = 0;

  // Carries out what is queued without waiting.
  virtual void Submit() = 0;

  // Carries out what is queued, then waits for a completion, for `timeout` at most (nullopt:
  // for ever; zero: only looks).
  virtual WaitResult SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) = 0;

  // The completions there are, oldest first, at most kMaxReap; empty when there are none. The span
  // is valid until the next call of Reap or SubmitAndWait.
  virtual std::span<const Completion> Reap() = 0;

  // Whether all that was received has been reaped: no buffer holds a frame that is still to come.
  // Only calls of the ring change it.
  [[nodiscard]] virtual bool is_drained() const = 0;

  // How often completions did not fit in the completion queue since the start.
  [[nodiscard]] virtual uint64_t overflows() const = 0;

  // For people: "io_uring, multishot receives", "epoll", ...
  [[nodiscard]] virtual std::string_view description() const = 0;
};

}  // namespace tapswitch
