// Signals an eventfd that a front end has given.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

namespace tapswitch {

// Does not wait: a counter that is full has called the guest already. The front end has the same
// open file, and could make writes to it wait (O_NONBLOCK is a flag of the open file); then the
// guest is not called, as a worker must not wait for it.
inline void SignalGuest(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK) == 0) return;
  constexpr uint64_t kOne = 1;
  static_cast<void>(write(fd, &kOne, sizeof(kOne)) < 0);
}

}  // namespace tapswitch
