#include "switch/handover/successor_process.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "switch/handover/program_start.h"

namespace tapswitch {

absl::StatusOr<SuccessorProcess> SuccessorProcess::Start(
    const std::string& program, const std::vector<std::string>& arguments) {
  auto ends = DescriptorChannel::MakePair();
  if (!ends.ok()) return ends.status();
  const auto pid = StartProgram(
      {.program = program, .arguments = arguments, .environment = PresentEnvironment()},
      kHandoverFlag, ends->second);
  if (!pid.ok()) return pid.status();
  return SuccessorProcess(*pid, std::move(ends->first));
}

SuccessorProcess::SuccessorProcess(SuccessorProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), channel_(std::move(other.channel_)) {}

void SuccessorProcess::Leave() {
  pid_ = -1;
  static const DescriptorChannel kept = std::move(channel_);
}

SuccessorProcess::~SuccessorProcess() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace tapswitch
