#include "switch/control/startup.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/batch_reader.h"
#include "switch/control/commands/parse_command.h"

namespace tapswitch {
namespace {

absl::Status RunCommand(const absl::StatusOr<std::vector<std::string>>& words, Methods& methods) {
  if (!words.ok()) return words.status();
  const auto request = ParseCommand(*words);
  if (!request.ok()) return request.status();
  const std::string method(request->command->method);
  if (method.empty() || method == "monitor.start") {
    return absl::InvalidArgumentError(
        fmt::format("{}: it makes no sense at start: leave it out", request->command->object));
  }
  return methods.Call(ClientId{}, method, request->params).status();
}

}  // namespace

absl::Status RunStartupFile(const std::string& path, Methods& methods) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(fmt::format("--startup={}: {}", path, std::strerror(errno)));
  }
  BatchReader batch(file);
  while (const auto words = batch.Next()) {
    if (absl::Status ran = RunCommand(*words, methods); !ran.ok()) {
      return absl::Status(ran.code(),
                          fmt::format("{}:{}: {}", path, batch.line(), std::string(ran.message())));
    }
  }
  if (file.bad()) {  // a folder can be opened, but not read
    return absl::InvalidArgumentError(fmt::format("--startup={}: cannot be read", path));
  }
  return absl::OkStatus();
}

}  // namespace tapswitch
