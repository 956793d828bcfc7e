// Wakes a thread that waits on file descriptors, from any other one: an eventfd(2).

#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

class WakeEvent {
 public:
  [[nodiscard]] static absl::StatusOr<WakeEvent> Create();

  // Readable from Signal to Clear. Non-blocking.
  [[nodiscard]] int fd() const { return file_.get(); }

  // From any thread.
  void Signal() const;

  // From the thread that waits; best before it looks for what there is, so that a signal that comes
  // meanwhile is not lost.
  void Clear() const;

 private:
  explicit WakeEvent(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;
};

}  // namespace tapswitch
