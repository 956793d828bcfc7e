#include "switch/command_queue.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<CommandQueue>> CommandQueue::Create() {
  FileDescriptor wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  return std::unique_ptr<CommandQueue>(new CommandQueue(std::move(wake)));
}

void CommandQueue::Post(Command command) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(command));
  }
  // It fails only when the counter is full, and then the worker is awake.
  const uint64_t one = 1;
  static_cast<void>(write(wake_.get(), &one, sizeof(one)));
}

void CommandQueue::RunAll() {
  // Before the commands are taken: what is posted afterwards makes it readable again.
  uint64_t count = 0;
  static_cast<void>(read(wake_.get(), &count, sizeof(count)));
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(waiting_);
  }
  for (const Command& command : commands) command();
}

void CommandQueue::WaitAndRunAll() {
  pollfd wake{.fd = wake_.get(), .events = POLLIN, .revents = 0};
  static_cast<void>(poll(&wake, 1, -1));
  RunAll();
}

}  // namespace tapswitch
