// The process that is to take over, as the first one starts, watches and ends it.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/unix/descriptor_channel.h"

namespace tapswitch {

class SuccessorProcess {
 public:
  // Starts a program with arguments, those behind its name, and the flag. It has the rights and the
  // priority of the calling thread, also where these were given up for programs that are started.
  [[nodiscard]] static absl::StatusOr<SuccessorProcess> Start(
      const std::string& program, const std::vector<std::string>& arguments);

  // Kills the process, unless Leave was called, and waits until it has ended: from then on it has
  // no file of this one open.
  ~SuccessorProcess();
  SuccessorProcess(SuccessorProcess&& other) noexcept;
  SuccessorProcess& operator=(SuccessorProcess&&) = delete;
  SuccessorProcess(const SuccessorProcess&) = delete;
  SuccessorProcess& operator=(const SuccessorProcess&) = delete;

  [[nodiscard]] const DescriptorChannel& channel() const { return channel_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // It is the switch now, and outlives this process, whose end closes the channel.
  void Leave();

 private:
  SuccessorProcess(pid_t pid, DescriptorChannel channel)
      : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_;
  DescriptorChannel channel_;
};

}  // namespace tapswitch
