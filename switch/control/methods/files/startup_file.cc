#include "switch/control/methods/files/startup_file.h"

#include <sstream>

#include "absl/status/statusor.h"
#include "ports/os/files/plain_file.h"
#include "spdlog/spdlog.h"
#include "switch/control/methods/files/command_file.h"

namespace tapswitch {
namespace {

absl::StatusOr<std::string> Read(const std::string& path) {
  return ReadPlainFile(path, "--startup=" + path);
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

absl::StatusOr<Applied> ApplyStartupFile(const std::string& path, const MethodContext& context,
                                         ApplyMode mode) {
  const auto text = Read(path);
  if (!text.ok()) return text.status();
  const bool is_dry_run = mode == ApplyMode::kDryRun;
  auto applied = ApplyText(
      context, {.text = *text, .name = path, .base = context.initial, .dry_run = is_dry_run});
  if (!applied.ok() || is_dry_run) return applied;
  for (const std::string& command : applied->commands) spdlog::info("applied: {}", command);
  return applied;
}

}  // namespace tapswitch
