// Moves the writing of the log from the threads that log to another thread.

#pragma once

#include <spdlog/sinks/sink.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapswitch {

// Passes messages on to another sink, on a separate thread, in their order. A thread that logs
// never waits, neither for a lock nor for the separate thread. That thread may block for any time:
// in a pipe that is not read, a stopped terminal, a hanging file. Messages that arrive while the
// queue is full are lost; at their place a line tells how many. The first message of a burst wakes
// the thread by an eventfd, which does not block either; the thread sleeps while there is nothing
// to write.
class QueuedSink final : public spdlog::sinks::sink {
 public:
  // Starts the thread. Only that thread uses `target`, which outlives this object if the thread is
  // blocked for ever. `name` is the logger's name. Fails if no thread or descriptor can be had.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<QueuedSink>> Start(
      std::shared_ptr<spdlog::sinks::sink> target, std::string name);

  // Calls Close with a limit of one second.
  ~QueuedSink() override;
  QueuedSink(const QueuedSink&) = delete;
  QueuedSink& operator=(const QueuedSink&) = delete;

  void log(const spdlog::details::log_msg& message) override;

  // Waits until earlier messages are written, for one second at most. Only for threads that may
  // wait.
  void flush() override;

  // Formats are the target's business, which the thread uses already.
  void set_pattern(const std::string& /*pattern*/) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}

  // Writes the waiting messages and ends the thread. Waits for this until `limit` at most. Returns
  // false if the thread is blocked. It may then run as long as the process; the objects that it
  // uses stay alive.
  bool Close(std::chrono::milliseconds limit);

  // Calls `function` on the thread, for state that belongs to a thread (capabilities).
  // DeadlineExceeded if the thread is blocked; it makes the call later.
  [[nodiscard]] absl::Status Call(std::function<absl::Status()> function,
                                  std::chrono::milliseconds limit);

 private:
  struct Shared;

  explicit QueuedSink(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<Shared> shared_;
};

}  // namespace tapswitch
