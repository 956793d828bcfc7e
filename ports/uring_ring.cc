#include "ports/uring_ring.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "ports/packet_message.h"

namespace tapswitch {
namespace {

// What multishot receives of a packet socket store in front of each frame; nothing is written to it.
const msghdr kPacketMessage{.msg_name = nullptr,
                            .msg_namelen = 0,
                            .msg_iov = nullptr,
                            .msg_iovlen = 0,
                            .msg_control = nullptr,
                            .msg_controllen = kPacketControlSize,
                            .msg_flags = 0};

// Of a file that is read here. A receive that goes on completes with a frame, one that ends does not
// go on.
bool IsReadiness(const Completion& completion) {
  return completion.tag.operation == Operation::kRead && completion.more && !completion.buffer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringRing>> UringRing::Create(const UringQueue::Options& options) {
  absl::StatusOr<std::unique_ptr<UringQueue>> queue = UringQueue::Create(options);
  if (!queue.ok()) return queue.status();
  return std::unique_ptr<UringRing>(new UringRing(*std::move(queue), options));
}

UringRing::UringRing(std::unique_ptr<UringQueue> queue, const UringQueue::Options& options)
    : queue_(std::move(queue)),
      receives_multishot_(options.multishot),
      reader_(options.files),
      provided_(options.files) {
  noted_.reserve(2 * size_t{options.files});
}

absl::StatusOr<FileSlot> UringRing::AddFile(int fd, BufferPool* pool, FileKind kind) {
  absl::StatusOr<FileSlot> file = queue_->AddFile(fd, kind);
  if (!file.ok() || pool == nullptr) return file;
  assert(pool->out() == 0);
  if (receives_multishot_ && kind == FileKind::kPacketSocket) {
    const absl::Status provided = Provide(*file, *pool);
    if (provided.ok()) return file;
    queue_->RemoveFile(*file);
    return provided;
  }
  reader_.Add(*file, fd, *pool, kind);
  // No other readiness has this operation.
  queue_->StartPoll(*file, {.operation = Operation::kRead, .slot = file->value});
  return file;
}

absl::Status UringRing::Provide(FileSlot file, const BufferPool& pool) {
  const auto group = static_cast<uint16_t>(file.value);
  auto buffers = ProvidedBuffers::Create(queue_->handle(), group, pool);
  if (!buffers.ok()) return buffers.status();
  provided_[file.value] = *std::move(buffers);
  return absl::OkStatus();
}

void UringRing::RemoveFile(FileSlot file) {
  queue_->RemoveFile(file);
  reader_.Remove(file);
  provided_[file.value].reset();
}

void UringRing::StartRead(FileSlot file, Tag tag) {
  if (!is_multishot(file)) return reader_.Start(file, tag);
  noted_.push_back({.action = NotedRead::Action::kStart, .file = file, .tag = tag});
}

void UringRing::StopRead(FileSlot file, Tag tag) {
  if (!is_multishot(file)) return reader_.Stop(file);
  noted_.push_back({.action = NotedRead::Action::kStop, .file = file, .tag = tag});
}

void UringRing::ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) {
  if (!is_multishot(file)) return reader_.Return(file, buffers);
  provided_[file.value]->Return(buffers);
}

void UringRing::QueueNotedReads() {
  for (const NotedRead& noted : noted_) {
    if (noted.action == NotedRead::Action::kStop) {
      queue_->Cancel(noted.tag.Pack());
      continue;
    }
    io_uring_sqe& entry = queue_->NextEntry();
    io_uring_prep_recvmsg_multishot(&entry, static_cast<int>(noted.file.value),
                                    const_cast<msghdr*>(&kPacketMessage), 0);
    entry.flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry.buf_group = static_cast<uint16_t>(noted.file.value);
    entry.user_data = noted.tag.Pack();
  }
  noted_.clear();
}

WaitResult UringRing::SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.Reclaim();
  QueueNotedReads();
  if (!batch_.empty() || reader_.pending()) timeout = std::chrono::nanoseconds(0);
  const WaitResult result = queue_->SubmitAndWait(timeout);
  // Half of the room is kept for files that are read here, however busy the others are.
  CollectFromQueue(kMaxReap / 2);
  batch_.Add(reader_.Read(batch_.room()));
  return batch_.empty() ? result : WaitResult::kCompletions;
}

void UringRing::CollectFromQueue(size_t most) {
  const std::span<Completion> room = batch_.room().first(std::min(most, batch_.room().size()));
  size_t kept = 0;
  for (const Completion& completion : room.first(queue_->Collect(room))) {
    if (IsReadiness(completion)) {
      reader_.MarkReadable(FileSlot{completion.tag.slot});
    } else {
      room[kept++] = completion;
    }
  }
  batch_.Add(kept);
}

std::span<const Completion> UringRing::Reap() {
  batch_.Reclaim();
  CollectFromQueue(kMaxReap);
  return batch_.Take();
}

}  // namespace tapswitch
