// A ring without io_uring, on epoll, read(2), write(2) and writev(2).
//
// It keeps the promises of ring.h as follows. QueueWrites carries out the writes itself, so they
// are in order, and done before any call that could reuse their bytes. Reads happen only in
// SubmitAndWait, so writes come before reads. The price is a system call per frame.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/ring/completion_batch.h"
#include "ports/ring/failed_writes.h"
#include "ports/ring/readiness_reader.h"
#include "ports/ring/ring.h"

namespace tapswitch {

class PollRing final : public Ring {
 public:
  struct Options {
    uint32_t files = 1100;  // every port of a full bridge
  };

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<PollRing>> Create(const Options& options);

  [[nodiscard]] absl::StatusOr<FileSlot> AddFile(int fd, BufferPool* pool, FileKind kind) override;
  void RemoveFile(FileSlot file) override;
  void StartRead(FileSlot file, Tag tag) override;
  void StopRead(FileSlot file, Tag tag) override;
  void ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) override;
  [[nodiscard]] size_t QueueWrites(FileSlot file, std::span<const WireFrame> frames,
                                   Tag tag) override;
  [[nodiscard]] absl::Status Watch(int fd, Tag tag) override;
  void Unwatch(int fd, Tag tag) override;
  void WatchWritability(int fd, Tag tag, bool wanted) override;
  void Submit() override {}
  WaitResult SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) override;
  [[nodiscard]] bool Peek() override;
  std::span<const Completion> Reap() override;
  [[nodiscard]] bool is_drained() const override { return batch_.is_drained(); }
  [[nodiscard]] uint64_t overflows() const override { return 0; }
  [[nodiscard]] std::string_view description() const override { return "epoll"; }

 private:
  struct File {
    int fd = -1;
    bool can_be_read = false;
  };

  PollRing(FileDescriptor epoll, const Options& options);

  [[nodiscard]] absl::Status Poll(int fd, Tag tag, uint32_t mask) const;
  void ChangePoll(int fd, Tag tag, uint32_t mask) const;
  // Takes at most as many events as `batch_` has room for. Returns their number, or -errno.
  [[nodiscard]] int CollectEvents(std::optional<std::chrono::nanoseconds> timeout);
  void CollectFailedWrites();

  FileDescriptor epoll_;
  std::vector<File> files_;
  ReadinessReader reader_;
  FailedWrites failed_writes_;
  CompletionBatch batch_;
};

}  // namespace tapswitch
