// Reading of packet sockets by multishot receives: one operation of io_uring for each file, which
// completes once for each frame, into a buffer of the file's group, until the group is empty.
//
// A receive is known to the kernel by file and sequence, so that a completion of an earlier one is
// recognised.
//
// Lost completions. Where the kernel has no memory left for completions that find no room, it counts
// and forgets them. One of them may have been the last of a receive, which then would be believed to
// go on for ever, or one that brought a frame, whose buffer would never come back. So after a loss
// each receive is cancelled, and the kernel's answer is awaited: one that is not found has ended, and
// its end is told here. Before the file is read again its group of buffers is made anew.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "ports/ring/buffer_pool.h"
#include "ports/ring/provided_buffers.h"
#include "ports/ring/ring.h"
#include "ports/ring/uring_queue.h"

namespace tapswitch {

class MultishotReceives {
 public:
  // For files in slots 0 .. capacity - 1 of `queue`, which outlives it.
  MultishotReceives(UringQueue& queue, size_t capacity);

  // Hands the buffers of `pool`, which outlives the file, to the kernel.
  [[nodiscard]] absl::Status Add(FileSlot file, const BufferPool& pool);
  // Without effect on a file that was not added.
  void Remove(FileSlot file);
  [[nodiscard]] bool has(FileSlot file) const { return files_[file.value].buffers != nullptr; }

  // The contracts of Ring::StartRead, StopRead, ReturnBuffers. Starts and stops are only noted.
  void Start(FileSlot file, Tag tag);
  void Stop(FileSlot file);
  void Return(FileSlot file, std::span<const BufferId> buffers);

  // Queues what was noted, behind all that is queued.
  void QueuePending();

  // Completions were lost.
  void OnLostCompletions();

  // What has come from the queue, as a completion of Ring; nothing when it concerns nobody.
  [[nodiscard]] std::optional<Completion> Translate(const UringQueue::Received& received);

 private:
  struct File {
    std::unique_ptr<ProvidedBuffers> buffers;  // of the group whose id is the slot
    const BufferPool* pool = nullptr;
    Tag tag;
    uint32_t sequence = 0;  // of the present receive, or the last
    bool going = false;
    bool stopping = false;
    bool has_lost = false;  // buffers, perhaps
  };
  struct Note {
    enum class Action : uint8_t { kStart, kStop } action;
    FileSlot file;
  };

  [[nodiscard]] File& at(FileSlot file) { return files_[file.value]; }
  void QueueStart(FileSlot file);

  UringQueue& queue_;
  std::vector<File> files_;
  std::vector<Note> notes_;
};

}  // namespace tapswitch
