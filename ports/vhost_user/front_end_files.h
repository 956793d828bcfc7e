// Open files that a front end sends.
//
// One of a file system that the front end serves (FUSE) answers when it likes: whoever asks for its
// size, reads mapped memory of it or closes it waits, and not even SIGKILL ends that. So nothing is
// done with a file before the kernel itself has said what it is, and those that are neither events
// nor memory are closed by a thread that nobody waits for.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

enum class FrontEndFile : uint8_t {
  kEvent,   // an eventfd
  kMemory,  // of a memfd, tmpfs or hugetlbfs
  kOther
};

// Asks no file system.
[[nodiscard]] FrontEndFile KindOfFrontEndFile(int fd);

// Closes what front ends of a port have sent and is of no use.
class UnwantedFiles {
 public:
  // A port takes nobody's files while so many of its threads have not ended.
  static constexpr int kMostThreads = 4;

  // Returns at once.
  void Close(std::vector<FileDescriptor> files);
  [[nodiscard]] bool has_room() const { return *threads_ < kMostThreads; }

 private:
  // Threads may outlive the port.
  std::shared_ptr<std::atomic<int>> threads_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace tapswitch
