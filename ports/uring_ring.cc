#include "ports/uring_ring.h"

#include <cassert>
#include <utility>

#include "ports/packet_message.h"

namespace tapswitch {
namespace {

// What multishot reads of a packet socket store in front of each frame; nothing is written to it.
const msghdr kPacketMessage{.msg_name = nullptr,
                            .msg_namelen = 0,
                            .msg_iov = nullptr,
                            .msg_iovlen = 0,
                            .msg_control = nullptr,
                            .msg_controllen = kPacketControlSize,
                            .msg_flags = 0};

}  // namespace

absl::StatusOr<std::unique_ptr<UringRing>> UringRing::Create(UringQueue::Options options) {
  options.multishot_reads = true;
  absl::StatusOr<std::unique_ptr<UringQueue>> queue = UringQueue::Create(options);
  if (!queue.ok()) return queue.status();
  return std::unique_ptr<UringRing>(new UringRing(*std::move(queue), options.files));
}

UringRing::UringRing(std::unique_ptr<UringQueue> queue, uint32_t files)
    : queue_(std::move(queue)), readers_(files) {
  noted_.reserve(2 * size_t{files});
}

absl::StatusOr<FileSlot> UringRing::AddFile(int fd, BufferPool* pool, FileKind kind) {
  absl::StatusOr<FileSlot> file = queue_->AddFile(fd, kind);
  if (!file.ok() || pool == nullptr) return file;
  assert(pool->out() == 0);
  const auto group = static_cast<uint16_t>(file->value);
  auto buffers = ProvidedBuffers::Create(queue_->handle(), group, *pool);
  if (!buffers.ok()) {
    queue_->RemoveFile(*file);
    return buffers.status();
  }
  readers_[file->value] = {.buffers = *std::move(buffers), .kind = kind};
  return file;
}

void UringRing::RemoveFile(FileSlot file) {
  queue_->RemoveFile(file);
  readers_[file.value] = {};
}

void UringRing::StartRead(FileSlot file, Tag tag) {
  noted_.push_back({.action = NotedRead::Action::kStart, .file = file, .tag = tag});
}

void UringRing::StopRead(FileSlot file, Tag tag) {
  noted_.push_back({.action = NotedRead::Action::kStop, .file = file, .tag = tag});
}

void UringRing::QueueNotedReads() {
  for (const NotedRead& noted : noted_) {
    if (noted.action == NotedRead::Action::kStop) {
      queue_->Cancel(noted.tag.Pack());
      continue;
    }
    io_uring_sqe& entry = queue_->NextEntry();
    const int file = static_cast<int>(noted.file.value);
    if (readers_[noted.file.value].kind == FileKind::kPacketSocket) {
      io_uring_prep_recvmsg_multishot(&entry, file, const_cast<msghdr*>(&kPacketMessage), 0);
    } else {
      io_uring_prep_rw(kOpReadMultishot, &entry, file, nullptr, 0, 0);
    }
    entry.flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry.buf_group = static_cast<uint16_t>(noted.file.value);
    entry.user_data = noted.tag.Pack();
  }
  noted_.clear();
}

void UringRing::ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) {
  readers_[file.value].buffers->Return(buffers);
}

WaitResult UringRing::SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.Reclaim();
  QueueNotedReads();
  return queue_->SubmitAndWait(timeout);
}

std::span<const Completion> UringRing::Reap() {
  batch_.Reclaim();
  batch_.Add(queue_->Collect(batch_.room()));
  return batch_.Take();
}

}  // namespace tapswitch
