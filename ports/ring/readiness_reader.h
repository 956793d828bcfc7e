// Reads frames with read(2) or recvmsg(2) from files that a poll reported readable. It completes
// reads as io_uring's multishot receive would. The real rings share it.
//
// Theory of operation. Readiness is reported once, when it begins (EPOLLET; multishot poll). So a
// file that was reported is considered readable until read(2) returns EAGAIN. One call of Read
// serves the readable files in turn:
//   * a file is read until EAGAIN, an error, or the end of its free buffers, which ends its read
//     with -ENOBUFS. So the size of its pool is its quota in a turn, as it is with multishot;
//   * if there is no place left for completions, the file moves to the end of the line, and
//     `pending` tells the ring not to sleep.
// A read begins as readable, because data that arrived before is not reported.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ports/ring/buffer_pool.h"
#include "ports/ring/ring.h"

namespace tapswitch {

class ReadinessReader {
 public:
  // Serves files in slots 0 .. capacity - 1.
  explicit ReadinessReader(size_t capacity);

  // Adds a file. `fd` is O_NONBLOCK and borrowed; all buffers of `pool` are free.
  void Add(FileSlot file, int fd, BufferPool& pool, FileKind kind = FileKind::kFrames);
  // Removes a file; has no effect on one that was not added. Precondition: no read is in progress.
  void Remove(FileSlot file);

  // These have the contracts of Ring::StartRead, StopRead and ReturnBuffers.
  void Start(FileSlot file, Tag tag);
  void Stop(FileSlot file);
  void Return(FileSlot file, std::span<const BufferId> buffers);

  // Records that the file has become readable. Has no effect on a file that was not added.
  void MarkReadable(FileSlot file);

  // Whether Read has work to do.
  [[nodiscard]] bool pending() const { return !line_.empty(); }

  // Reads frames. Returns how many of `completions` were filled.
  [[nodiscard]] size_t Read(std::span<Completion> completions);

 private:
  struct File {
    int fd = -1;
    BufferPool* pool = nullptr;
    FileKind kind = FileKind::kFrames;
    std::vector<BufferId> free;  // a stack: the buffer used last is still in the cache
    Tag tag;
    bool reading = false;
    bool stopping = false;
    bool readable = false;
    bool in_line = false;
  };

  [[nodiscard]] File& at(FileSlot file) { return files_[file.value]; }
  void Enqueue(FileSlot file);
  [[nodiscard]] static size_t ReadFile(File& file, std::span<Completion> completions);
  [[nodiscard]] static std::optional<Completion> ReadFrame(File& file);
  [[nodiscard]] static Completion End(File& file, int32_t result);

  std::vector<File> files_;
  std::vector<FileSlot> line_;  // files to serve, the next one first
};

}  // namespace tapswitch
