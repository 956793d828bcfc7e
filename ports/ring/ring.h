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
// Failures appear in return values, and the caller handles them explicitly:
//   a full submission queue   QueueWrites takes fewer than it was given: Submit, go on
//   EINTR                     WaitResult::kInterrupted: check the stop flag, go on
//   a full completion queue   overflows() grows; reads stop (Completion::more is false): StartRead
//   no buffer left            a completion with -ENOBUFS, more is false: StartRead after
//                             ReturnBuffers, never before (it would fail again at once)
//   lost completions          the kernel had no memory for them: reads end as if no buffer was
//                             left, and watches report once more
//
// The number of completions is bounded, however many operations fail, and however fast: failed
// writes are added up until they are reaped, and readiness is reported once. Each kind has its own
// places in the result of Reap, so that no kind waits for another.

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
  kReadiness,  // a file that the program watches
  kPoll,       // a file that a port watches, and reads and writes itself: a socket
};

// Identifies the operation that a completion belongs to. It travels through the kernel as the 64
// bits of user_data. `generation` differs between two successive ports with the same id, so that a
// late completion of the first is recognised and ignored.
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

// The frames and bytes of failed writes.
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
  LostFrames lost{};               // of kWrite: all that failed with `result` since the last report
};

// A registered file. Slots are numbered from 0 to the ring's capacity.
struct FileSlot {
  uint32_t value = 0;
  bool operator==(const FileSlot&) const = default;
};

// The form in which a file's data arrive.
enum class FileKind : uint8_t {
  kFrames,        // one frame a read, from the first byte of the buffer on
  kPacketSocket,  // AF_PACKET: the buffer begins with a preamble; see packet_frame.h
};

enum class WaitResult : uint8_t {
  kCompletions,  // there is something to reap; rarely, none of it concerns the caller
  kTimeout,      // the time is over, or a signal came while the same call carried out writes
  kInterrupted,  // a signal came
};

// The maximum of completions that one Reap returns. Each may bring a frame. The rest of a batch's
// places is for ports that read themselves.
inline constexpr size_t kMaxReap = 192;

class Ring {
 public:
  virtual ~Ring() = default;

  // Registers `fd`, which is O_NONBLOCK, so that a file's reads and writes never delay those of
  // another. `fd` is borrowed: the caller closes it after RemoveFile. With `pool`, the file can be
  // read by StartRead; the buffers of `pool` must all be at home, and the pool outlives the
  // registration. A file that is not read wakes nobody. InvalidArgument if `fd` is not O_NONBLOCK,
  // ResourceExhausted if the ring has no slot left.
  [[nodiscard]] virtual absl::StatusOr<FileSlot> AddFile(int fd, BufferPool* pool,
                                                         FileKind kind) = 0;

  // Unregisters a file. Precondition: no operation on it is in flight (its last read completion had
  // more == false).
  virtual void RemoveFile(FileSlot file) = 0;

  // Reads frame after frame, each into a buffer of the file's pool, until a completion has more ==
  // false. The ring may delay the start until the writes that are queued now are done.
  // Precondition: no read of this file is in progress.
  virtual void StartRead(FileSlot file, Tag tag) = 0;

  // Ends a read in progress. Its last completion follows, with more == false and -ECANCELED, unless
  // the read has ended for another reason.
  virtual void StopRead(FileSlot file, Tag tag) = 0;

  // Returns buffers to the kernel. They must be at home (BufferPool::BringHome) before the call.
  virtual void ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) = 0;

  // Queues one write per frame. Returns how many were queued, which is fewer than asked if the
  // submission queue is full. Only failed writes complete: those with the same tag and error
  // together, once a turn. The tag's slot is 0.
  [[nodiscard]] virtual size_t QueueWrites(FileSlot file, std::span<const WireFrame> frames,
                                           Tag tag) = 0;

  // Reports each time `fd` becomes readable, has an error, or is closed by its peer (POLLRDHUP,
  // POLLHUP), until Unwatch. As with EPOLLET, data that are left unread are not reported again:
  // read until EAGAIN. Not for files that were added by AddFile.
  [[nodiscard]] virtual absl::Status Watch(int fd, Tag tag) = 0;
  virtual void Unwatch(int fd, Tag tag) = 0;

  // Sets whether the watch also reports each time `fd` becomes writable. Each call with `wanted`
  // also reports the present state if it is writable. It is off at first, because a socket becomes
  // writable whenever its peer takes data.
  virtual void WatchWritability(int fd, Tag tag, bool wanted) = 0;

  // Carries out the queued operations without waiting.
  virtual void Submit() = 0;

  // Carries out the queued operations, then waits for a completion, for `timeout` at most (nullopt:
  // for ever; zero: does not wait).
  virtual WaitResult SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) = 0;

  // Whether the next SubmitAndWait may find a completion without waiting. It is cheap, to be called
  // again and again by who polls instead of sleeping. Precondition: the last call was
  // SubmitAndWait, which found nothing, or Peek.
  [[nodiscard]] virtual bool Peek() = 0;

  // Returns the completions, oldest first, at most kMaxReap; empty if there are none. The span is
  // valid until the next call of Reap or SubmitAndWait.
  virtual std::span<const Completion> Reap() = 0;

  // Whether all received frames have been reaped, so that no buffer holds a frame that is still to
  // come. Only calls of the ring change it.
  [[nodiscard]] virtual bool is_drained() const = 0;

  // How often completions did not fit in the completion queue since the start.
  [[nodiscard]] virtual uint64_t overflows() const = 0;

  // A description for people: "io_uring, multishot receives", "epoll", ...
  [[nodiscard]] virtual std::string_view description() const = 0;
};

}  // namespace tapswitch
