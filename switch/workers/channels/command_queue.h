// How other threads reach a worker: commands that its thread carries out between two batches. The
// worker never waits for who posts them (mailbox.h).

#pragma once

#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "ports/os/wake_event.h"
#include "switch/workers/channels/mailbox.h"

namespace tapswitch {

class CommandQueue {
 public:
  using Command = std::function<void()>;

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<CommandQueue>> Create();

  // Readable once commands wait. Non-blocking; RunAll reads it.
  [[nodiscard]] int fd() const { return wake_.fd(); }

  // From any thread. Commands run in the order they are posted.
  void Post(Command command);

  // Has the worker's thread call `function`, and waits for its result. From any thread but the
  // worker's, which would wait for itself.
  template <typename Function>
  std::invoke_result_t<Function> Call(Function&& function);

  // Runs what waits. From the worker's thread.
  void RunAll();

  // Sets a function that is called after each command that somebody waits for, before that one is
  // told the result. To be called before there are commands.
  void set_after_call(std::function<void()> after) { after_call_ = std::move(after); }

 private:
  explicit CommandQueue(WakeEvent wake) : wake_(std::move(wake)) {}

  WakeEvent wake_;
  Mailbox<Command> waiting_;
  std::function<void()> after_call_;
};

template <typename Function>
std::invoke_result_t<Function> CommandQueue::Call(Function&& function) {
  // Shared, as the worker may still be leaving the task when the caller has its result.
  using Result = std::invoke_result_t<Function>;
  const auto task = std::make_shared<std::packaged_task<Result()>>([this, &function]() -> Result {
    const absl::Cleanup after = [this] {
      if (after_call_) after_call_();
    };
    return function();
  });
  auto result = task->get_future();
  Post([task] { (*task)(); });
  return result.get();
}

}  // namespace tapswitch
