#include "ports/os/thread_start.h"

#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::Status NoThread(std::string_view what, const std::system_error& error) {
  return absl::ResourceExhaustedError(
      fmt::format("cannot start {}: {}: raise ulimit -u, and pids.max of the control group "
                  "(TasksMax= of a unit)",
                  what, error.code().message()));
}

}  // namespace tapswitch
