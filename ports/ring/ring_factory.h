// Chooses the best ring that the kernel, and any confinement of this process, allow.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ports/ring/ring.h"

namespace tapswitch {

enum class IoMode : uint8_t {
  kAuto,   // the best there is
  kUring,  // io_uring, or an error
  kEpoll,
};

struct ChosenRing {
  std::unique_ptr<Ring> ring;
  std::string explanation;  // one line for the log: what was chosen, and why nothing better
};

// Makes a ring for the calling thread, which is the only one that may use it. The candidates, in
// order:
//   1. io_uring with multishot receives    Linux 6.7
//   2. io_uring without                    Linux 6.1
//   3. epoll                               where io_uring is forbidden: kernel.io_uring_disabled,
//                                          the seccomp profile of a container
// A ring is chosen only after a frame has passed through it, over a socket pair: successful set-up
// does not prove that all its operations are allowed. Unavailable if `mode` is kUring and io_uring
// cannot be used; the message says why.
[[nodiscard]] absl::StatusOr<ChosenRing> MakeRing(IoMode mode);

}  // namespace tapswitch
