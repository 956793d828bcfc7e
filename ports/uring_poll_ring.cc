#include "ports/uring_poll_ring.h"

#include <cassert>
#include <utility>

namespace tapswitch {

absl::StatusOr<std::unique_ptr<UringPollRing>> UringPollRing::Create(UringQueue::Options options) {
  options.multishot_reads = false;
  absl::StatusOr<std::unique_ptr<UringQueue>> queue = UringQueue::Create(options);
  if (!queue.ok()) return queue.status();
  return std::unique_ptr<UringPollRing>(new UringPollRing(*std::move(queue), options.files));
}

absl::StatusOr<FileSlot> UringPollRing::AddFile(int fd, BufferPool* pool, FileKind kind) {
  absl::StatusOr<FileSlot> file = queue_->AddFile(fd, kind);
  if (!file.ok() || pool == nullptr) return file;
  assert(pool->out() == 0);
  reader_.Add(*file, fd, *pool, kind);
  // Recognised by its operation in CollectFromQueue; no other readiness has it.
  queue_->StartPoll(*file, {.operation = Operation::kRead, .slot = file->value});
  return file;
}

void UringPollRing::RemoveFile(FileSlot file) {
  queue_->RemoveFile(file);
  reader_.Remove(file);
}

WaitResult UringPollRing::SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.Reclaim();
  if (!batch_.empty() || reader_.pending()) timeout = std::chrono::nanoseconds(0);
  const WaitResult result = queue_->SubmitAndWait(timeout);
  CollectFromQueue();
  batch_.Add(reader_.Read(batch_.room()));
  return batch_.empty() ? result : WaitResult::kCompletions;
}

void UringPollRing::CollectFromQueue() {
  const std::span<Completion> room = batch_.room();
  size_t kept = 0;
  for (const Completion& completion : room.first(queue_->Collect(room))) {
    if (completion.tag.operation == Operation::kRead) {
      reader_.MarkReadable(FileSlot{completion.tag.slot});
    } else {
      room[kept++] = completion;
    }
  }
  batch_.Add(kept);
}

std::span<const Completion> UringPollRing::Reap() {
  batch_.Reclaim();
  CollectFromQueue();
  return batch_.Take();
}

}  // namespace tapswitch
