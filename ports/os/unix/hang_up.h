// Whether the other end of a connection is there.

#pragma once

#include <poll.h>

namespace tapswitch {

// Whether the other end of the connection is closed, or sends no more. What it sent before may
// still be unread.
[[nodiscard]] inline bool HasHungUp(int fd) {
  pollfd state{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return poll(&state, 1, 0) == 1 && (state.revents & (POLLRDHUP | POLLHUP)) != 0;
}

}  // namespace tapswitch
