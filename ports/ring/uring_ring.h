// A ring on io_uring, which waits, writes and watches. TAPs are read by read(2), packet sockets by
// multishot receives where the kernel is new enough.
//
// Why TAPs are not read by io_uring: for each frame, a multishot read asks the TAP again whether it
// is readable, selects a buffer and posts a completion. By measurement this costs more than a
// system call, and 64-byte frames pass 15 to 30 % slower (bench/README.md). For packet sockets the
// reverse holds. A write by io_uring costs as much as write(2), but those of a turn are done in one
// call, during which the receivers that they wake do not take the processor. This makes a TCP
// connection faster.
//
// Theory of operation. A TAP is polled (multishot), and read in SubmitAndWait after the call that
// submits: see readiness_reader.h. A packet socket has a group of provided buffers and one
// operation, which completes once for each frame until the group is empty. Completion work is
// deferred to the caller (DEFER_TASKRUN), so frames are copied into buffers at two moments only:
//   (a) when the queue asks for completions, and it submits before it asks;
//   (b) when the entry that starts a read is issued, for the frames that wait then.
//
// Promise 2 of ring.h follows. ReturnBuffers shows buffers to the kernel at once. Case (a) comes
// after all queued writes: the kernel issues the entries of a call, with inline writes, before it
// does deferred work. Submit, too, asks for completions (rarely) only after it has submitted. Case
// (b) needs care: if a start were queued at once, it could stand in front of a write whose buffer
// is returned later in the turn, and receive into that buffer first. So StartRead only records the
// start, and SubmitAndWait queues the recorded starts behind all other entries. It may have to
// submit in between if the queue is full; by then every queued write is in front of every start.
//
// StopRead is recorded as well, so that it stays behind the start of its read.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/ring/completion_batch.h"
#include "ports/ring/multishot_receives.h"
#include "ports/ring/readiness_reader.h"
#include "ports/ring/ring.h"
#include "ports/ring/uring/uring_queue.h"

namespace tapswitch {

class UringRing final : public Ring {
 public:
  // Has the contract of UringQueue::Create.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringRing>> Create(
      const UringQueue::Options& options);

  [[nodiscard]] absl::StatusOr<FileSlot> AddFile(int fd, BufferPool* pool, FileKind kind) override;
  void RemoveFile(FileSlot file) override;
  void StartRead(FileSlot file, Tag tag) override;
  void StopRead(FileSlot file, Tag tag) override;
  void ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) override;
  [[nodiscard]] size_t QueueWrites(FileSlot file, std::span<const WireFrame> frames,
                                   Tag tag) override {
    return queue_->QueueWrites(file, frames, tag);
  }
  [[nodiscard]] absl::Status Watch(int fd, Tag tag) override { return queue_->Watch(fd, tag); }
  void Unwatch(int /*fd*/, Tag tag) override { queue_->Unwatch(tag); }
  void WatchWritability(int /*fd*/, Tag tag, bool wanted) override {
    queue_->WatchWritability(tag, wanted);
  }
  void Submit() override { queue_->Submit(); }
  WaitResult SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) override;
  // With TASKRUN_FLAG the kernel shows in shared memory that a poll has woken up, so this takes no
  // system call.
  [[nodiscard]] bool Peek() override { return queue_->has_news(); }
  std::span<const Completion> Reap() override;
  [[nodiscard]] bool is_drained() const override {
    return batch_.is_drained() && queue_->is_drained();
  }
  [[nodiscard]] uint64_t overflows() const override { return queue_->overflows(); }
  [[nodiscard]] std::string_view description() const override {
    return receives_multishot_ ? "io_uring, multishot receives" : "io_uring";
  }

 private:
  UringRing(std::unique_ptr<UringQueue> queue, const UringQueue::Options& options);

  void Collect(size_t most);
  [[nodiscard]] size_t TakeReceived(std::span<Completion> completions);

  std::unique_ptr<UringQueue> queue_;
  bool receives_multishot_;
  ReadinessReader reader_;
  MultishotReceives receives_;  // serves the files that the reader does not serve
  CompletionBatch batch_;
};

}  // namespace tapswitch
