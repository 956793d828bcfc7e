// One io_uring: its life, its registered files, writes in order, and readiness. UringRing adds its
// ways of reading to it.
//
// What it is set up with, and why (kernel 6.1 has all of it):
//   SINGLE_ISSUER, DEFER_TASKRUN   completions are produced when this thread asks for them, by
//                                  SubmitAndWait, and at no other time. See uring_ring.h.
//   SUBMIT_ALL                     an operation that is refused does not hold up those behind it
//   restrictions                   only the operations in use, only on registered files; whatever
//                                  a frame may do to this process, it gets no more of io_uring
//
// Writes are issued inline, in order, and a write that cannot be done at once fails instead of
// waiting, with its bytes borrowed: it is asked for by RWF_NOWAIT, which TAPs and sockets understand
// wherever `multishot` can be had (TAPs since Linux 6.4; sockets refused it on 6.1 with EOPNOTSUPP).
// Before that, sockets are sent to with MSG_DONTWAIT; O_NONBLOCK makes a TAP's writes inline, and
// that none waits rests on its send buffer: INT_MAX, unless somebody lowered it.

#pragma once

#include <liburing.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/ring.h"
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

  // Ends the operation with this user_data. Where there is none, it has completed already.
  void Cancel(uint64_t user_data);

  // Moves completions to `completions`, oldest first. Returns how many were filled.
  [[nodiscard]] size_t Collect(std::span<Completion> completions);

  [[nodiscard]] io_uring& handle() { return ring_; }

 private:
  struct File {
    bool used = false;
    bool is_sent_to = false;      // by SENDMSG, not WRITE
    std::optional<Tag> poll_tag;  // a poll is going on
    uint32_t poll_mask = 0;
    uint32_t poll_sequence = 0;  // of the present poll: completions of earlier ones are ignored
  };

  explicit UringQueue(const Options& options) : options_(options), files_(options.files) {}

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
  [[nodiscard]] uint64_t PollData(FileSlot file) const;
  [[nodiscard]] std::optional<Completion> Translate(const io_uring_cqe& entry);
  [[nodiscard]] std::optional<Completion> TranslatePoll(const io_uring_cqe& entry);
  void NoteOverflow();

  Options options_;
  io_uring ring_{};
  bool is_set_up_ = false;
  std::vector<File> files_;
  std::vector<msghdr> messages_;  // by entry of the submission queue; read when it is submitted
  uint64_t overflows_ = 0;
};

}  // namespace tapswitch
