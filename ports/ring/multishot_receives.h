// Reads packet sockets by multishot receives. One io_uring operation per file completes once for
// each frame, into a buffer of the file's group, until the group is empty.
//
// The kernel knows a receive by file and sequence, so that completions of an earlier receive are
// recognised.
//
// Lost completions. If the completion queue is full and the kernel has no memory left for further
// completions, it counts them and drops them. A dropped completion may have been the last of a
// receive, which then would seem to go on for ever. Or it brought a frame, whose buffer would never
// come back. So after a loss every receive is cancelled, and the kernel's answer is awaited. If the
// kernel does not find the receive, it has ended, and its end is reported here. Before the file is
// read again, its group of buffers is registered anew.

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
#include "ports/ring/uring/uring_queue.h"

namespace tapswitch {

class MultishotReceives {
 public:
  // Serves files in slots 0 .. capacity - 1 of `queue`, which must outlive this object.
  MultishotReceives(UringQueue& queue, size_t capacity);

  // Hands the buffers of `pool`, which must outlive the file, to the kernel.
  [[nodiscard]] absl::Status Add(FileSlot file, const BufferPool& pool);
  // Has no effect on a file that was not added.
  void Remove(FileSlot file);
  [[nodiscard]] bool has(FileSlot file) const { return files_[file.value].buffers != nullptr; }

  // These have the contracts of Ring::StartRead, StopRead and ReturnBuffers. Starts and stops are
  // only recorded.
  void Start(FileSlot file, Tag tag);
  void Stop(FileSlot file);
  void Return(FileSlot file, std::span<const BufferId> buffers);

  // Queues the recorded starts and stops, behind all entries that are queued already.
  void QueuePending();

  // Cancels every receive, because completions were lost.
  void OnLostCompletions();

  // Translates a result of the queue to a completion of Ring; nothing if no read is concerned.
  [[nodiscard]] std::optional<Completion> Translate(const UringQueue::Received& received);

 private:
  struct File {
    std::unique_ptr<ProvidedBuffers> buffers;  // its group has the slot as its id
    const BufferPool* pool = nullptr;
    Tag tag;
    uint32_t sequence = 0;  // sequence of the present receive, or of the last
    bool going = false;
    bool stopping = false;
    bool has_lost = false;  // buffers may be lost
  };
  struct Note {
    enum class Action : uint8_t { kStart, kStop } action = Action::kStart;
    FileSlot file;
  };

  [[nodiscard]] File& at(FileSlot file) { return files_[file.value]; }
  void QueueStart(FileSlot file);

  UringQueue& queue_;
  std::vector<File> files_;
  std::vector<Note> notes_;
};

}  // namespace tapswitch
