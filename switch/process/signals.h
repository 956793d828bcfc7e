// Signals as a file descriptor, so that the ring waits for them like for anything else.

#pragma once

#include <optional>

#include "absl/status/statusor.h"

namespace tapswitch {

// SIGTERM and SIGINT, which ask the process to end, and SIGHUP, SIGUSR1 and SIGUSR2, which would end
// it though nobody meant that: a terminal closes, a log is rotated.
class StopSignals {
 public:
  // Blocks them in the calling thread (and in those it starts) for good: from here on they are read
  // from fd(), never delivered.
  [[nodiscard]] static absl::StatusOr<StopSignals> Block();

  ~StopSignals();
  StopSignals(StopSignals&& other) noexcept;
  StopSignals& operator=(StopSignals&&) = delete;
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  // The next that has come; nothing when there is none. Does not wait.
  [[nodiscard]] std::optional<int> Next() const;

  [[nodiscard]] static bool IsStop(int signal);

 private:
  explicit StopSignals(int fd) : fd_(fd) {}

  int fd_;
};

// Lets SIGTERM and SIGINT end the process again, for what is left to do at its end and may wait.
void UnblockStopSignals();

}  // namespace tapswitch
