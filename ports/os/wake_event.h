// An eventfd(2) by which any thread wakes one that waits on file descriptors.

#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

class WakeEvent {
 public:
  [[nodiscard]] static absl::StatusOr<WakeEvent> Create();

  // The descriptor, which is readable from Signal until Clear, and non-blocking.
  [[nodiscard]] int fd() const { return file_.get(); }

  // Makes the descriptor readable. Thread-safe.
  void Signal() const;

  // Makes the descriptor unreadable. The waiting thread calls it before it looks for work, so that
  // a signal that arrives meanwhile is not lost.
  void Clear() const;

 private:
  explicit WakeEvent(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;
};

}  // namespace tapswitch
