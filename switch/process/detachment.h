// The process in the background, for --detach: it leaves the terminal, and whoever has started it
// goes on when it is ready.

#pragma once

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

class Detachment {
 public:
  // Forks. Returns in the child, which is the leader of a session of its own. The parent stays
  // until the child is ready, and then exits with 0, or until the child has ended, and exits with
  // its status: by then the child has said what is wrong. Call it before threads are started. The
  // working directory stays, because paths of flags may be relative to it.
  [[nodiscard]] static absl::StatusOr<Detachment> Fork();

  // Lets the parent exit, and has standard input, output and error lead nowhere.
  void Ready();

 private:
  explicit Detachment(FileDescriptor parent) : parent_(std::move(parent)) {}

  FileDescriptor parent_;  // a pipe
};

}  // namespace tapswitch
