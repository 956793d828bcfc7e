#include "switch/control/startup.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/status/statusor.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/control/methods/apply.h"
#include "switch/control/methods/command_file.h"

namespace tapswitch {
namespace {

absl::StatusOr<std::string> Read(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(fmt::format("--startup={}: {}", path, std::strerror(errno)));
  }
  std::string text;
  for (std::string line; std::getline(file, line);) text += line + '\n';
  if (!file.bad()) return text;
  // A folder can be opened, but not read.
  return absl::InvalidArgumentError(fmt::format("--startup={}: cannot be read", path));
}

}  // namespace

absl::Status CheckStartupFile(const std::string& path) {
  const auto text = Read(path);
  if (!text.ok()) return text.status();
  std::istringstream lines(*text);
  return ForEachCommand(lines, path, [](const Request&) { return absl::OkStatus(); });
}

absl::Status RunStartupFile(const std::string& path, const MethodContext& context) {
  const auto text = Read(path);
  if (!text.ok()) return text.status();
  std::istringstream lines(*text);
  return RunCommands(lines, path, context);
}

absl::Status ApplyStartupFile(const std::string& path, const MethodContext& context) {
  const auto text = Read(path);
  if (!text.ok()) return text.status();
  const auto applied = ApplyText(context, {.text = *text, .name = path, .base = context.initial});
  if (!applied.ok()) return applied.status();
  for (const std::string& command : applied->commands) spdlog::info("applied: {}", command);
  return absl::OkStatus();
}

}  // namespace tapswitch
