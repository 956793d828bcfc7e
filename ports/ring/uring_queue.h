// One io_uring: its life, its registered files, writes in order, and readiness. UringRing adds its
// ways of reading to it.
//
// What it is set up with, and why (kernel 6.1 has all of it):
//   SINGLE_ISSUER, DEFER_TASKRUN   completions are produced when this thread asks for them, by
//                                  SubmitAndWait, and at no other time. See uring_ring.h.
//   TASKRUN_FLAG                   the kernel shows that there is more to do
//   SUBMIT_ALL                     an operation that is refused does not hold up those behind it
//   restrictions                   only the operations in use, only on registered files; whatever
//                                  a frame may do to this process, it gets no more of io_uring
//
// Writes are issued inline, in order, and a write that cannot be done at once fails instead of
// waiting, with its bytes borrowed: it is asked for by RWF_NOWAIT, which TAPs and sockets understand
// wherever `multishot` can be had (TAPs since Linux 6.4; sockets refused it on 6.1 with EOPNOTSUPP).
// Before that, sockets are sent to with MSG_DONTWAIT; O_NONBLOCK makes a TAP's writes inline, and
// that none waits rests on its send buffer: INT_MAX, unless somebody lowered it.
//
// Failures. A write that fails is issued inline but completed by deferred work, of which newer kernels
// do a few pieces a call; until then its memory is kept, and all else that is deferred stands behind it.
// And a completion that finds no room in the completion queue is kept in memory of the kernel. So
// where writes fail, the kernel is asked to work until nothing is left (TASKRUN_FLAG), once a turn and
// whenever the failures could fill half of the queue (Settle), and the queue is emptied after each call,
// into lines of this process, one for each kind. The lines are bounded: failed writes are added up, a
// file is in the line of readiness once, and what was received has a buffer.
//
// Completions are lost where that memory cannot be had (overflows of the kernel's count). Then polls are
// begun anew, which looks for what is there already; TakeLoss tells who else has to doubt.

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
    // A full submission queue costs a system call more, no frames; 512 entries hold the writes of a
    // turn that floods, in 32 KiB of cache.
    uint32_t submission_entries = 512;
    // A port has at most one completion for each of its buffers. Where many ports are busy at once
    // this overflows, and their reads start again.
    uint32_t completion_entries = 4096;
    uint32_t files = 1100;  // every port of a full bridge, and what is watched besides
    // Receives that complete once for each frame, and writes that are asked not to wait.
    bool multishot = false;
  };

  // Sets up the ring for the calling thread, the only one that may use it. The message of an error
  // names the system call, and what probably forbids it.
  // Unimplemented: `multishot` is wanted, but the kernel is older than Linux 6.7.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringQueue>> Create(const Options& options);
  ~UringQueue();
  UringQueue(const UringQueue&) = delete;
  UringQueue& operator=(const UringQueue&) = delete;

  // Fills the next free slot. The contracts of Ring::AddFile and RemoveFile; a poll that is going
  // on ends.
  [[nodiscard]] absl::StatusOr<FileSlot> AddFile(int fd, FileKind kind);
  void RemoveFile(FileSlot file);

  // Reports each time the file becomes readable, with `tag`, until RemoveFile.
  void StartPoll(FileSlot file, Tag tag);

  // What has become of a multishot receive.
  struct Received {
    FileSlot file;
    uint32_t sequence = 0;
    int32_t result = 0;
    bool more = false;
    bool is_answer = false;  // to CancelReceive; not a completion of the receive
    std::optional<BufferId> buffer;
  };
  enum class Answer : uint8_t { kNone, kWanted };

  // Receives each message with what `message` asks for in front, into buffers of the group whose id is
  // the slot. `sequence`, of which 32 bits count, comes back with what is received.
  void QueueReceive(FileSlot file, uint32_t sequence, const msghdr& message);
  // Ends it. An answer is Received as well: 0, or -ENOENT when it had ended before.
  void CancelReceive(FileSlot file, uint32_t sequence, Answer answer);

  // The contracts of Ring.
  [[nodiscard]] size_t QueueWrites(FileSlot file, std::span<const WireFrame> frames, Tag tag);
  [[nodiscard]] absl::Status Watch(int fd, Tag tag);
  void Unwatch(Tag tag);
  void WatchWritability(Tag tag, bool wanted);
  void Submit();
  WaitResult SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout);
  [[nodiscard]] uint64_t overflows() const;

  // An entry to fill, by io_uring_prep_rw and its kin; submits when the queue is full. Its flags
  // have IOSQE_FIXED_FILE, or the operation is refused.
  [[nodiscard]] io_uring_sqe& NextEntry();

  // Empties the completion queue. Returns how many there were, of any kind.
  size_t Drain();

  // Calls function(FileSlot) for each file that StartPoll found readable for reading (kRead).
  template <typename Function>
  void TakeReadable(Function function) {
    for (; !readable().empty(); readable().Pop()) {
      files_[readable().front().value].ready = 0;
      function(readable().front());
    }
  }
  // Move completions to `completions`, oldest first. Return how many were filled.
  [[nodiscard]] size_t TakeReadiness(Operation operation, std::span<Completion> completions);
  [[nodiscard]] size_t TakeFailedWrites(std::span<Completion> completions) {
    return failed_writes_.Take(completions);
  }
  // The front is to be popped by the caller.
  [[nodiscard]] WaitingLine<Received>& received() { return received_; }

  // Whether something waits to be taken.
  [[nodiscard]] bool has_waiting() const;
  // The contract of Ring, as far as this goes.
  [[nodiscard]] bool is_drained() const;

  // Whether completions were lost since the last call.
  [[nodiscard]] bool TakeLoss();

  [[nodiscard]] io_uring& handle() { return ring_; }

 private:
  struct File {
    bool used = false;
    bool is_sent_to = false;      // by SENDMSG, not WRITE
    std::optional<Tag> poll_tag;  // a poll is going on
    uint32_t poll_mask = 0;
    uint32_t poll_sequence = 0;   // of the present poll: completions of earlier ones are ignored
    bool is_to_be_armed = false;  // then it is in ended_polls_
    int32_t ready = 0;            // what was reported and not taken; if not 0, it is in a line
  };
  static constexpr size_t kOperations = 4;

  explicit UringQueue(const Options& options);

  [[nodiscard]] absl::Status SetUp();
  [[nodiscard]] absl::Status RequireMultishot();
  [[nodiscard]] absl::Status Restrict();
  [[nodiscard]] absl::StatusOr<FileSlot> AddAny(int fd);
  void PrepareWrite(io_uring_sqe& entry, FileSlot file, const WireFrame& frame);
  void PrepareSend(io_uring_sqe& entry, FileSlot file, const WireFrame& frame);
  [[nodiscard]] unsigned ring_fd() const { return static_cast<unsigned>(ring_.ring_fd); }
  [[nodiscard]] unsigned Publish();
  [[nodiscard]] std::optional<FileSlot> FindWatch(Tag tag) const;
  void ArmPoll(FileSlot file);
  void ArmLater(FileSlot file);
  void ArmEndedPolls();
  void RenewPolls();
  // Ends the operation with this user_data. Where there is none, it has completed already.
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
  uint32_t lost_ = 0;       // completions, by the kernel's count, of which TakeLoss has told

  FailedWrites failed_writes_;
  WaitingLine<Received> received_;
  std::array<WaitingLine<FileSlot>, kOperations> ready_;  // by operation
  WaitingLine<FileSlot> ended_polls_;
};

}  // namespace tapswitch
