#include "switch/workers/channels/command_queue.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<CommandQueue>> CommandQueue::Create() {
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  return std::unique_ptr<CommandQueue>(new CommandQueue(*std::move(wake)));
}

void CommandQueue::Post(Command command) {
  waiting_.Put(std::move(command));
  wake_.Signal();
}

void CommandQueue::RunAll() {
  // Before the commands are taken: what is posted afterwards makes it readable again.
  wake_.Clear();
  for (const Command& command : waiting_.TakeAll()) command();
}

}  // namespace tapswitch
