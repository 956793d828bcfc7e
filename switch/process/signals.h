// Receives signals through a file descriptor, so that the ring waits for them as for other events.

#pragma once

#include <optional>

#include "absl/status/statusor.h"

namespace tapswitch {

// Receives SIGTERM and SIGINT, which ask the process to end. It also receives SIGHUP, SIGUSR1 and
// SIGUSR2, which would end the process though nobody meant that: a terminal closes, a log is
// rotated.
class StopSignals {
 public:
  // Blocks the signals in the calling thread (and in those it starts) for good: they are read from
  // fd(), and never delivered.
  [[nodiscard]] static absl::StatusOr<StopSignals> Block();

  ~StopSignals();
  StopSignals(StopSignals&& other) noexcept;
  StopSignals& operator=(StopSignals&&) = delete;
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  // Returns the next signal, or nothing if there is none. Does not wait.
  [[nodiscard]] std::optional<int> Next() const;

  [[nodiscard]] static bool IsStop(int signal);

 private:
  explicit StopSignals(int fd) : fd_(fd) {}

  int fd_;
};

// Lets SIGTERM and SIGINT end the process again, for work at its end that may wait.
void UnblockStopSignals();

}  // namespace tapswitch
