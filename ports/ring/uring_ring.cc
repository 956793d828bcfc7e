#include "ports/ring/uring_ring.h"

#include <algorithm>
#include <utility>

#include "ports/os/check.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<UringRing>> UringRing::Create(const UringQueue::Options& options) {
  absl::StatusOr<std::unique_ptr<UringQueue>> queue = UringQueue::Create(options);
  if (!queue.ok()) return queue.status();
  return std::unique_ptr<UringRing>(new UringRing(*std::move(queue), options));
}

UringRing::UringRing(std::unique_ptr<UringQueue> queue, const UringQueue::Options& options)
    : queue_(std::move(queue)),
      receives_multishot_(options.multishot),
      reader_(options.files),
      receives_(*queue_, options.files) {}

absl::StatusOr<FileSlot> UringRing::AddFile(int fd, BufferPool* pool, FileKind kind) {
  absl::StatusOr<FileSlot> file = queue_->AddFile(fd, kind);
  if (!file.ok() || pool == nullptr) return file;
  TAPSWITCH_CHECK(pool->out() == 0);
  if (receives_multishot_ && kind == FileKind::kPacketSocket) {
    const absl::Status added = receives_.Add(*file, *pool);
    if (added.ok()) return file;
    queue_->RemoveFile(*file);
    return added;
  }
  reader_.Add(*file, fd, *pool, kind);
  return file;
}

void UringRing::RemoveFile(FileSlot file) {
  queue_->RemoveFile(file);
  reader_.Remove(file);
  receives_.Remove(file);
}

void UringRing::StartRead(FileSlot file, Tag tag) {
  if (receives_.has(file)) return receives_.Start(file, tag);
  reader_.Start(file, tag);
  // No other readiness has this operation.
  queue_->StartPoll(file, {.operation = Operation::kRead, .slot = file.value});
}

void UringRing::StopRead(FileSlot file, Tag /*tag*/) {
  if (receives_.has(file)) return receives_.Stop(file);
  reader_.Stop(file);
  queue_->StopPoll(file);
}

void UringRing::ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) {
  if (receives_.has(file)) return receives_.Return(file, buffers);
  reader_.Return(file, buffers);
}

WaitResult UringRing::SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.Reclaim();
  // Completions may have been lost since, and nothing else would wake this thread.
  if (queue_->TakeLoss()) receives_.OnLostCompletions();
  receives_.QueuePending();
  if (!batch_.empty() || queue_->has_waiting() || reader_.pending()) {
    timeout = std::chrono::nanoseconds(0);
  }
  const WaitResult result = queue_->SubmitAndWait(timeout);
  if (queue_->TakeLoss()) receives_.OnLostCompletions();
  // Half of the places are kept for files that are read here, however busy the others are.
  Collect(kMaxReap / 2);
  batch_.Add(reader_.Read(batch_.room()));
  return batch_.empty() ? result : WaitResult::kCompletions;
}

// Commands and link states come first. Each of the first three kinds is limited, so that places are
// left for the next.
void UringRing::Collect(size_t most) {
  queue_->TakeReadable([this](FileSlot file) { reader_.MarkReadable(file); });
  std::span<Completion> room = batch_.room().first(std::min(most, batch_.room().size()));
  const auto take = [&](auto from_queue) {
    const size_t count = from_queue(room.first(std::min(room.size(), kMaxReapOfAKind)));
    batch_.Add(count);
    room = room.subspan(count);
  };
  for (const Operation operation : {Operation::kReadiness, Operation::kPoll}) {
    take([&](auto some) { return queue_->TakeReadiness(operation, some); });
  }
  take([&](auto some) { return queue_->TakeFailedWrites(some); });
  batch_.Add(TakeReceived(room));
}

size_t UringRing::TakeReceived(std::span<Completion> completions) {
  size_t count = 0;
  WaitingLine<UringQueue::Received>& received = queue_->received();
  for (; count < completions.size() && !received.empty(); received.Pop()) {
    if (const auto completion = receives_.Translate(received.front())) {
      completions[count++] = *completion;
    }
  }
  return count;
}

std::span<const Completion> UringRing::Reap() {
  batch_.Reclaim();
  queue_->Drain();
  Collect(kMaxReap);
  return batch_.Take();
}

}  // namespace tapswitch
