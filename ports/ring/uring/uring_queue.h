// One io_uring: its life, its registered files, its writes in order, and readiness. UringRing adds
// the ways of reading.
//
// Its set-up flags, and the reasons (kernel 6.1 has all of them):
//   SINGLE_ISSUER, DEFER_TASKRUN   completions are produced when this thread asks for them, by
//                                  SubmitAndWait, and at no other time. See uring_ring.h.
//   TASKRUN_FLAG                   the kernel shows that there is more to do
//   SUBMIT_ALL                     a refused operation does not delay those behind it
//   restrictions                   only the operations in use, only on registered files, so that a
//                                  compromised process cannot use more of io_uring
//
// Writes are issued inline, in order. A write that cannot be done at once fails; it does not wait
// with its bytes borrowed. Where `multishot` is available, RWF_NOWAIT asks for this, which TAPs and
// sockets understand there (TAPs since Linux 6.4; sockets refused it on 6.1 with EOPNOTSUPP). On
// older kernels, frames are sent to sockets with MSG_DONTWAIT. O_NONBLOCK makes a TAP's writes
// inline; they do not wait, because the TAP's send buffer is INT_MAX unless somebody lowered it.
//
// Failures. A failed write is issued inline but completed by deferred work, of which newer kernels
// do only a few items per call. Until then the write's memory is kept, and all other deferred work
// waits behind it. A completion that does not fit in the completion queue is kept in kernel memory.
// So when writes fail, the kernel is asked to work until nothing is left (TASKRUN_FLAG): once a
// turn, and whenever the failures could fill half of the queue (Settle). The queue is emptied after
// each call into lines of this process, one for each kind. The lines are bounded: failed writes are
// added up, a file is in the line of readiness once, and each received frame has a buffer.
//
// The kernel drops completions if it has no memory for them, and counts them. Then polls are
// started anew, which report the present state. TakeLoss tells the caller, whose other operations
// are in doubt.

#pragma once

#include <liburing.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/ring/failed_writes.h"
#include "ports/ring/ring.h"
#include "ports/ring/waiting_line.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class UringQueue {
 public:
  struct Options {
    // A full submission queue costs one more system call, but no frames. 512 entries hold the
    // writes of a turn that floods, in 32 KiB of cache.
    uint32_t submission_entries = 512;
    // Received frames have at most one completion for each buffer, and failed writes are limited by
    // Settle. If many ports are busy at once the queue overflows, and their reads start again.
    uint32_t completion_entries = 4096;
    uint32_t files = 1100;  // every port of a full bridge, and what is watched besides
    // Receives complete once for each frame, and writes are asked not to wait.
    bool multishot = false;
  };

  // Sets up the ring for the calling thread, which is the only one that may use it. The message of
  // an error names the system call, and the probable reason why it is forbidden. Unimplemented if
  // `multishot` is wanted but the kernel is older than Linux 6.7.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringQueue>> Create(const Options& options);
  ~UringQueue();
  UringQueue(const UringQueue&) = delete;
  UringQueue& operator=(const UringQueue&) = delete;

  // Add or remove a file, by the contracts of Ring::AddFile and RemoveFile. AddFile takes the
  // lowest free slot. RemoveFile ends a poll in progress.
  [[nodiscard]] absl::StatusOr<FileSlot> AddFile(int fd, FileKind kind);
  void RemoveFile(FileSlot file);

  // Reports each time the file becomes readable, with `tag`, until StopPoll or RemoveFile. Nothing
  // happens if it does so already.
  void StartPoll(FileSlot file, Tag tag);
  // Readiness that was not taken yet is not reported any more.
  void StopPoll(FileSlot file);

  // One result of a multishot receive.
  struct Received {
    FileSlot file;
    uint32_t sequence = 0;
    int32_t result = 0;
    bool more = false;
    bool is_answer = false;  // the answer to CancelReceive, not a completion of the receive
    std::optional<BufferId> buffer;
  };
  enum class Answer : uint8_t { kNone, kWanted };

  // Receives messages into buffers of the group whose id is the slot, each preceded by the data
  // that `message` asks for. `sequence`, of which 32 bits count, is returned with each result.
  void QueueReceive(FileSlot file, uint32_t sequence, const msghdr& message);
  // Ends the receive. If an answer is wanted, it arrives as a Received with result 0, or -ENOENT if
  // the receive had ended before.
  void CancelReceive(FileSlot file, uint32_t sequence, Answer answer);

  // These have the contracts of Ring.
  [[nodiscard]] size_t QueueWrites(FileSlot file, std::span<const WireFrame> frames, Tag tag);
  [[nodiscard]] absl::Status Watch(int fd, Tag tag);
  void Unwatch(Tag tag);
  void WatchWritability(Tag tag, bool wanted);
  void Submit();
  WaitResult SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout);
  [[nodiscard]] uint64_t overflows() const;

  // Returns an entry, to be filled by io_uring_prep_rw and its relatives. Submits if the queue is
  // full. The entry's flags must have IOSQE_FIXED_FILE, otherwise the operation is refused.
  [[nodiscard]] io_uring_sqe& NextEntry();

  // Empties the completion queue. Returns the number of completions of all kinds.
  size_t Drain();

  // Calls function(FileSlot) for each file that StartPoll found readable for reading (kRead).
  template <typename Function>
  void TakeReadable(Function function) {
    for (; !readable().empty(); readable().Pop()) {
      files_[readable().front().value].ready = 0;
      function(readable().front());
    }
  }
  // Move completions to `completions`, oldest first, and return how many were filled.
  [[nodiscard]] size_t TakeReadiness(Operation operation, std::span<Completion> completions);
  [[nodiscard]] size_t TakeFailedWrites(std::span<Completion> completions) {
    return failed_writes_.Take(completions);
  }
  // The line of received messages. The caller pops its front.
  [[nodiscard]] WaitingLine<Received>& received() { return received_; }

  // Whether the kernel has completions, or work that may become some: a look at shared memory.
  [[nodiscard]] bool has_news() const { return io_uring_cq_ready(&ring_) > 0 || has_work(); }

  // Whether a line holds something to take.
  [[nodiscard]] bool has_waiting() const;
  // Whether all received frames of this queue have been taken (Ring::is_drained).
  [[nodiscard]] bool is_drained() const;

  // Whether completions were lost since the last call.
  [[nodiscard]] bool TakeLoss();

  [[nodiscard]] io_uring& handle() { return ring_; }

 private:
  struct File {
    bool used = false;
    bool is_sent_to = false;      // frames are sent by SENDMSG, not WRITE
    bool was_polled = false;      // since it was added
    std::optional<Tag> poll_tag;  // set while a poll is in progress
    uint32_t poll_mask = 0;
    uint32_t poll_sequence = 0;   // of the present poll: completions of earlier ones are ignored
    bool is_to_be_armed = false;  // then it is in ended_polls_
    int32_t ready = 0;            // reported, but not taken yet; if not 0, the file is in a line
  };
  static constexpr size_t kOperations = 4;

  explicit UringQueue(const Options& options);

  [[nodiscard]] absl::Status SetUp();
  [[nodiscard]] absl::Status RequireMultishot();
  [[nodiscard]] absl::Status Restrict();
  [[nodiscard]] absl::StatusOr<FileSlot> AddAny(int fd);
  void PrepareWrite(io_uring_sqe& entry, FileSlot file, const WireFrame& frame) const;
  void PrepareSend(io_uring_sqe& entry, FileSlot file, const WireFrame& frame);
  [[nodiscard]] unsigned ring_fd() const { return static_cast<unsigned>(ring_.ring_fd); }
  [[nodiscard]] unsigned Publish();
  [[nodiscard]] std::optional<FileSlot> FindWatch(Tag tag) const;
  void ArmPoll(FileSlot file);
  void ArmLater(FileSlot file);
  void ArmEndedPolls();
  void RenewPolls();
  // Ends the operation with this user_data. Has no effect if it has completed already.
  void Cancel(uint64_t user_data);
  [[nodiscard]] WaitingLine<FileSlot>& readable() {
    return ready_[static_cast<size_t>(Operation::kRead)];
  }
  [[nodiscard]] WaitingLine<FileSlot>& LineOf(const File& file) {
    return ready_[static_cast<size_t>(file.poll_tag->operation)];
  }
  [[nodiscard]] uint64_t PollData(FileSlot file) const;
  [[nodiscard]] bool Goes(FileSlot file, uint64_t poll_data) const;
  void Dispatch(const io_uring_cqe& entry);
  void DispatchPoll(const io_uring_cqe& entry);
  void DispatchReceived(const io_uring_cqe& entry);
  void CountOverflow();
  [[nodiscard]] int Enter(unsigned wanted, std::optional<std::chrono::nanoseconds> timeout);
  [[nodiscard]] bool has_work() const;
  void Settle();
  void FailQueuedWrites(int error);

  Options options_;
  io_uring ring_{};
  bool is_set_up_ = false;
  std::vector<File> files_;
  std::vector<msghdr> messages_;  // by entry of the submission queue; read when it is submitted
  uint64_t overflows_ = 0;
  unsigned unsettled_ = 0;  // entries submitted since the kernel had no work left
  uint32_t lost_ = 0;       // lost completions that TakeLoss has reported, by the kernel's count

  FailedWrites failed_writes_;
  WaitingLine<Received> received_;
  std::array<WaitingLine<FileSlot>, kOperations> ready_;  // by operation
  WaitingLine<FileSlot> ended_polls_;
};

}  // namespace tapswitch
