// The ring on io_uring without multishot reads (Linux 6.1 to 6.6): writes and readiness by
// io_uring, frames by read(2). A TAP of Linux 6.1 does not know non-blocking reads by io_uring.
//
// How the promises of ring.h are kept: frames are read in SubmitAndWait only, after the call that
// submits, so all writes queued are out before a buffer is written.

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
#include "ports/readiness_reader.h"
#include "ports/ring.h"
#include "ports/ring_support.h"
#include "ports/uring_queue.h"

namespace tapswitch {

class UringPollRing final : public Ring {
 public:
  // The contract of UringQueue::Create.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringPollRing>> Create(
      UringQueue::Options options);

  [[nodiscard]] absl::StatusOr<FileSlot> AddFile(int fd, BufferPool* pool, FileKind kind) override;
  void RemoveFile(FileSlot file) override;
  void StartRead(FileSlot file, Tag tag) override { reader_.Start(file, tag); }
  void StopRead(FileSlot file, Tag /*tag*/) override { reader_.Stop(file); }
  void ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) override {
    reader_.Return(file, buffers);
  }
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
  std::span<const Completion> Reap() override;
  [[nodiscard]] uint64_t overflows() const override { return queue_->overflows(); }
  [[nodiscard]] std::string_view description() const override {
    return "io_uring, poll and read(2)";
  }

 private:
  UringPollRing(std::unique_ptr<UringQueue> queue, uint32_t files)
      : queue_(std::move(queue)), reader_(files) {}

  void CollectFromQueue();

  std::unique_ptr<UringQueue> queue_;
  ReadinessReader reader_;
  CompletionBatch batch_;
};

}  // namespace tapswitch
