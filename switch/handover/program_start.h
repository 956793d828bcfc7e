// Starting a program that gets one end of a channel.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/unix/descriptor_channel.h"

namespace tapswitch {

// The flags that tell a program which descriptor is its end: of the channel to the process that it
// takes over from, and of that to its keeper.
inline constexpr const char* kHandoverFlag = "--take_over";
inline constexpr const char* kKeeperFlag = "--kept_by";

struct ProgramStart {
  std::string program;
  std::vector<std::string> arguments;    // those behind its name; the flags above are left out
  std::vector<std::string> environment;  // "NAME=VALUE"
};

// The environment of this process.
[[nodiscard]] std::vector<std::string> PresentEnvironment();

// Starts the program with `flag` and the number of `channel`, which stays open here. It has the
// rights and the priority of the calling thread.
[[nodiscard]] absl::StatusOr<pid_t> StartProgram(const ProgramStart& start, const char* flag,
                                                 const DescriptorChannel& channel);

}  // namespace tapswitch
