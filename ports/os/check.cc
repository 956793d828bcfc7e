#include "ports/os/check.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace tapswitch {

void CheckFailed(const char* condition, const char* file, int line) {
  pollfd standard_error{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&standard_error, 1, 0) == 1) {
    dprintf(STDERR_FILENO, "%s:%d: check failed: %s\n", file, line, condition);
  }
  std::abort();
}

}  // namespace tapswitch
