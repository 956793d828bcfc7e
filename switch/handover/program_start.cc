#include "switch/handover/program_start.h"

#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

bool IsOfChannel(std::string_view word) {
  return word.starts_with(kHandoverFlag) || word.starts_with(kKeeperFlag);
}

std::vector<char*> PointersTo(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::vector<std::string> PresentEnvironment() {
  std::vector<std::string> environment;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one)
    environment.emplace_back(*one);
  return environment;
}

absl::StatusOr<pid_t> StartProgram(const ProgramStart& start, const char* flag,
                                   const DescriptorChannel& channel) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const absl::Cleanup destroy = [&] { posix_spawn_file_actions_destroy(&actions); };
  // To itself: it stays open. Another number may be one that the switch was started with (fd=N).
  posix_spawn_file_actions_adddup2(&actions, channel.fd(), channel.fd());
  std::vector<std::string> words{start.program, fmt::format("{}={}", flag, channel.fd())};
  std::copy_if(start.arguments.begin(), start.arguments.end(), std::back_inserter(words),
               [](const std::string& word) { return !IsOfChannel(word); });
  std::vector<std::string> environment = start.environment;
  pid_t pid = -1;
  const int error = posix_spawn(&pid, start.program.c_str(), &actions, nullptr,
                                PointersTo(words).data(), PointersTo(environment).data());
  if (error == 0) return pid;
  return absl::FailedPreconditionError(
      fmt::format("{} cannot be started: {}: name a tapswitchd that this user may execute",
                  start.program, std::strerror(error)));
}

}  // namespace tapswitch
