// SIGTERM and SIGINT as a file descriptor, so that the ring waits for them like for anything else.

#pragma once

#include "absl/status/statusor.h"

namespace tapswitch {

class StopSignals {
 public:
  // Blocks both signals in the calling thread (and in those it starts) for good: from here on they
  // are read from fd(), never delivered.
  [[nodiscard]] static absl::StatusOr<StopSignals> Block();

  ~StopSignals();
  StopSignals(StopSignals&& other) noexcept;
  StopSignals& operator=(StopSignals&&) = delete;
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

 private:
  explicit StopSignals(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace tapswitch
