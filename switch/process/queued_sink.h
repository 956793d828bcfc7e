// Takes the log off the threads that log: another thread writes it.

#pragma once

#include <spdlog/sinks/sink.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapswitch {

// Passes messages on to another sink, by a thread of its own, in their order. Whoever logs never
// waits, not for a lock and not for that thread, which may stand still for as long as it likes: in a
// pipe that nobody reads, a stopped terminal, a hanging file. Messages that come while the queue is
// full are lost; a line tells how many, in the place where they are missing. The first message of a
// burst wakes that thread by an eventfd, which does not wait either; while there is nothing to write, it
// sleeps.
class QueuedSink final : public spdlog::sinks::sink {
 public:
  // `target` is used by that thread only, and outlives this where that thread stands still for ever.
  // `name` is that of the logger. An error: there is no room for another thread, or descriptor.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<QueuedSink>> Start(
      std::shared_ptr<spdlog::sinks::sink> target, std::string name);

  // As Close, for a second.
  ~QueuedSink() override;
  QueuedSink(const QueuedSink&) = delete;
  QueuedSink& operator=(const QueuedSink&) = delete;

  void log(const spdlog::details::log_msg& message) override;

  // Waits until what was said before is written, for a second at most: for threads that may wait.
  void flush() override;

  // They are the target's business: the thread uses it already.
  void set_pattern(const std::string& /*pattern*/) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}

  // Writes what was said and ends the thread, waiting for it until `limit` at most. False: it stands
  // still, and may run for as long as the process does; what it holds is kept for it.
  bool Close(std::chrono::milliseconds limit);

  // Has the thread call it, as what belongs to a thread wants (capabilities). DeadlineExceeded: it
  // stands still; it makes the call later.
  [[nodiscard]] absl::Status Call(std::function<absl::Status()> function,
                                  std::chrono::milliseconds limit);

 private:
  struct Shared;

  explicit QueuedSink(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<Shared> shared_;
};

}  // namespace tapswitch
