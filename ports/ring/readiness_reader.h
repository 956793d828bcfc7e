// Reads frames with read(2) or recvmsg(2) from files that a poll said are readable, and completes them as
// io_uring's multishot receive would. The real rings share it.
//
// Theory of operation. Readiness is reported once, when it begins (EPOLLET; multishot poll), so a
// file that was reported stays readable here until read(2) says EAGAIN. One call of Read serves the
// readable files in turn:
//   * a file is read until EAGAIN, an error, or the end of its free buffers, which ends its read
//     with -ENOBUFS. So the size of its pool is its quota in a turn, as it is with multishot;
//   * where the room for completions ends first, the file goes to the end of the line, and `pending`
//     tells the ring that it must not sleep.
// A read that was started begins as readable: nobody reports what arrived before.

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
  // For files in slots 0 .. capacity - 1.
  explicit ReadinessReader(size_t capacity);

  // `fd` is O_NONBLOCK and borrowed; all buffers of `pool` are free.
  void Add(FileSlot file, int fd, BufferPool& pool, FileKind kind = FileKind::kFrames);
  // Precondition: no read is going on. Without effect on a file that was not added.
  void Remove(FileSlot file);

  // The contracts of Ring::StartRead, StopRead, ReturnBuffers.
  void Start(FileSlot file, Tag tag);
  void Stop(FileSlot file);
  void Return(FileSlot file, std::span<const BufferId> buffers);

  // The file has become readable. Without effect on one that was not added.
  void MarkReadable(FileSlot file);

  // Whether Read has something to do.
  [[nodiscard]] bool pending() const { return !line_.empty(); }

  // Reads what there is. Returns how many of `completions` were filled.
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
