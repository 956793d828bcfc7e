#include "ports/os/wake_event.h"

#include <sys/eventfd.h>

#include <cerrno>

#include "absl/status/status.h"

namespace tapswitch {

absl::StatusOr<WakeEvent> WakeEvent::Create() {
  FileDescriptor file(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  return WakeEvent(std::move(file));
}

// It fails only when the counter is full, and then the reader is awake.
void WakeEvent::Signal() const { static_cast<void>(eventfd_write(file_.get(), 1)); }

void WakeEvent::Clear() const {
  eventfd_t count = 0;
  static_cast<void>(eventfd_read(file_.get(), &count));
}

}  // namespace tapswitch
