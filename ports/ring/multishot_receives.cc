#include "ports/ring/multishot_receives.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "ports/ring/packet_frame.h"

namespace tapswitch {
namespace {

// The data that the kernel stores in front of each frame; nothing is written to it.
const msghdr kPacketMessage{.msg_name = nullptr,
                            .msg_namelen = 0,
                            .msg_iov = nullptr,
                            .msg_iovlen = 0,
                            .msg_control = nullptr,
                            .msg_controllen = kPacketControlSize,
                            .msg_flags = 0};

}  // namespace

MultishotReceives::MultishotReceives(UringQueue& queue, size_t capacity)
    : queue_(queue), files_(capacity) {
  notes_.reserve(2 * capacity);
}

absl::Status MultishotReceives::Add(FileSlot file, const BufferPool& pool) {
  const auto group = static_cast<uint16_t>(file.value);
  auto buffers = ProvidedBuffers::Create(queue_.handle(), group, pool);
  if (!buffers.ok()) return buffers.status();
  at(file).buffers = *std::move(buffers);
  at(file).pool = &pool;
  return absl::OkStatus();
}

// The sequence stays: it tells late completions from those of the slot's next file.
void MultishotReceives::Remove(FileSlot file) { at(file) = {.sequence = at(file).sequence}; }

void MultishotReceives::Start(FileSlot file, Tag tag) {
  File& started = at(file);
  ++started.sequence;
  started.tag = tag;
  started.going = true;
  started.stopping = false;
  notes_.push_back({.action = Note::Action::kStart, .file = file});
}

void MultishotReceives::Stop(FileSlot file) {
  at(file).stopping = true;
  notes_.push_back({.action = Note::Action::kStop, .file = file});
}

void MultishotReceives::Return(FileSlot file, std::span<const BufferId> buffers) {
  at(file).buffers->Return(buffers);
}

void MultishotReceives::QueuePending() {
  for (const Note& note : notes_) {
    if (note.action == Note::Action::kStart) {
      QueueStart(note.file);
    } else {
      queue_.CancelReceive(note.file, at(note.file).sequence, UringQueue::Answer::kNone);
    }
  }
  notes_.clear();
}

void MultishotReceives::QueueStart(FileSlot file) {
  File& started = at(file);
  // Its last completion has been reaped, so what is not out is at home or was lost.
  if (started.has_lost && started.pool->out() == 0) started.has_lost = !started.buffers->Renew();
  queue_.QueueReceive(file, started.sequence, kPacketMessage);
}

void MultishotReceives::OnLostCompletions() {
  for (uint32_t slot = 0; slot < files_.size(); ++slot) {
    File& file = files_[slot];
    if (file.buffers == nullptr) continue;
    file.has_lost = true;
    if (file.going) {
      queue_.CancelReceive(FileSlot{slot}, file.sequence, UringQueue::Answer::kWanted);
    }
  }
}

std::optional<Completion> MultishotReceives::Translate(const UringQueue::Received& received) {
  File& file = at(received.file);
  if (!file.going || file.sequence != received.sequence) return std::nullopt;
  Completion completion{
      .tag = file.tag, .result = received.result, .more = received.more, .buffer = received.buffer};
  if (received.is_answer) {
    if (received.result != -ENOENT) return std::nullopt;  // it was cancelled, and its end follows
    completion.result = -ENOBUFS;
  }
  if (completion.more) return completion;
  file.going = false;
  // Cancelled after a loss, not by the caller.
  if (completion.result == -ECANCELED && !file.stopping) completion.result = -ENOBUFS;
  return completion;
}

}  // namespace tapswitch
