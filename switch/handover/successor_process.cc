#include "switch/handover/successor_process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The words of the command line, without those of an earlier handover.
std::vector<std::string> WordsFor(const std::string& program,
                                  const std::vector<std::string>& arguments, int channel) {
  std::vector<std::string> words{program, fmt::format("{}={}", kHandoverFlag, channel)};
  std::copy_if(arguments.begin(), arguments.end(), std::back_inserter(words),
               [](const std::string& word) { return !word.starts_with(kHandoverFlag); });
  return words;
}

}  // namespace

absl::StatusOr<SuccessorProcess> SuccessorProcess::Start(
    const std::string& program, const std::vector<std::string>& arguments) {
  auto ends = DescriptorChannel::MakePair();
  if (!ends.ok()) return ends.status();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const absl::Cleanup destroy = [&] { posix_spawn_file_actions_destroy(&actions); };
  // To itself: it stays open. Another number may be one that the switch was started with (fd=N).
  const int channel = ends->second.fd();
  posix_spawn_file_actions_adddup2(&actions, channel, channel);
  std::vector<std::string> words = WordsFor(program, arguments, channel);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, pointers.data(), environ);
  if (error != 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} cannot be started: {}: name a tapswitchd that this user may execute",
                    program, std::strerror(error)));
  }
  return SuccessorProcess(pid, std::move(ends->first));
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
