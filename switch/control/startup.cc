#include "switch/control/startup.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/batch_reader.h"
#include "switch/control/commands/parse_command.h"
#include "switch/control/methods/method_table.h"

namespace tapswitch {
namespace {

absl::StatusOr<Request> Understand(const absl::StatusOr<std::vector<std::string>>& words) {
  if (!words.ok()) return words.status();
  auto request = ParseCommand(*words);
  if (!request.ok()) return request;
  const std::string_view method = request->command->method;
  const bool is_for_a_client = method == "monitor.start" || method == "capture.start";
  if (!method.empty() && !is_for_a_client) return request;
  return absl::InvalidArgumentError(
      fmt::format("{}: it makes no sense at start: leave it out", request->command->object));
}

// Calls run(request) for each command, until one fails.
template <typename Run>
absl::Status ForEachCommand(const std::string& path, Run&& run) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(fmt::format("--startup={}: {}", path, std::strerror(errno)));
  }
  BatchReader batch(file);
  while (const auto words = batch.Next()) {
    const auto request = Understand(*words);
    const absl::Status ran = request.ok() ? run(*request) : request.status();
    if (ran.ok()) continue;
    return absl::Status(ran.code(),
                        fmt::format("{}:{}: {}", path, batch.line(), std::string(ran.message())));
  }
  if (!file.bad()) return absl::OkStatus();
  // A folder can be opened, but not read.
  return absl::InvalidArgumentError(fmt::format("--startup={}: cannot be read", path));
}

}  // namespace

absl::Status CheckStartupFile(const std::string& path) {
  return ForEachCommand(path, [](const Request&) { return absl::OkStatus(); });
}

absl::Status RunStartupFile(const std::string& path, const MethodContext& context) {
  return ForEachCommand(path, [&](const Request& request) {
    const MethodCall call{.client = {}, .params = request.params};
    return CallMethod(context, request.command->method, call).status();
  });
}

}  // namespace tapswitch
