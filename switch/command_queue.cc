#include "switch/command_queue.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<CommandQueue>> CommandQueue::Create() {
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  return std::unique_ptr<CommandQueue>(new CommandQueue(*std::move(wake)));
}

void CommandQueue::Post(Command command) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(command));
  }
  wake_.Signal();
}

void CommandQueue::RunAll() {
  // Before the commands are taken: what is posted afterwards makes it readable again.
  wake_.Clear();
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(waiting_);
  }
  for (const Command& command : commands) command();
}

}  // namespace tapswitch
