#include "switch/control/methods/files/command_file.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/batch_reader.h"
#include "switch/control/methods/method_table.h"

namespace tapswitch {
namespace {

absl::StatusOr<Request> Understand(const absl::StatusOr<std::vector<std::string>>& words) {
  if (!words.ok()) return words.status();
  auto request = ParseCommand(*words);
  if (!request.ok() || MayBeInFiles(request->command->method)) return request;
  return absl::InvalidArgumentError(
      fmt::format("{}: it makes no sense in a file: leave it out", request->command->object));
}

}  // namespace

absl::Status ForEachCommand(std::istream& text, std::string_view name,
                            const std::function<absl::Status(const Request&)>& run) {
  BatchReader batch(text);
  while (const auto words = batch.Next()) {
    const auto request = Understand(*words);
    const absl::Status ran = request.ok() ? run(*request) : request.status();
    if (ran.ok()) continue;
    return {ran.code(), fmt::format("{}:{}: {}", name, batch.line(), std::string(ran.message()))};
  }
  return absl::OkStatus();
}

absl::Status RunCommands(std::istream& text, std::string_view name, const MethodContext& context) {
  return ForEachCommand(text, name, [&](const Request& request) {
    const MethodCall call{.client = {}, .params = request.params};
    return CallMethod(context, request.command->method, call).status();
  });
}

}  // namespace tapswitch
