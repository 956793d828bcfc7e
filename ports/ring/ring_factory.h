// Chooses the ring that this kernel, and whoever confines this process, allow.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ports/ring/ring.h"

namespace tapswitch {

enum class IoMode : uint8_t {
  kAuto,   // the best there is
  kUring,  // io_uring or an error
  kEpoll,
};

struct ChosenRing {
  std::unique_ptr<Ring> ring;
  std::string explanation;  // one line for the log: what was chosen, and why nothing better
};

// Makes a ring for the calling thread, the only one that may use it. The ladder:
//   1. io_uring with multishot receives    Linux 6.7
//   2. io_uring without                    Linux 6.1
//   3. epoll                               where io_uring is forbidden: kernel.io_uring_disabled,
//                                          the seccomp profile of a container
// A ring is chosen only after a frame has gone through it, over a socket pair: that it could be set
// up does not yet mean that all it needs is allowed.
// Unavailable when `mode` is kUring and io_uring cannot be had; the message says why.
[[nodiscard]] absl::StatusOr<ChosenRing> MakeRing(IoMode mode);

}  // namespace tapswitch
