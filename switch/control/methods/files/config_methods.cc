// Methods about the configuration as a whole.

#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/files/apply.h"
#include "switch/control/methods/files/save.h"
#include "switch/control/methods/files/startup_file.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

MethodResult SaveConfig(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  return ordered_json(SaveAsCommands(context.control));
}

MethodResult AnswerOf(const MethodContext& context, absl::StatusOr<Applied> applied) {
  if (!applied.ok()) return applied.status();
  ordered_json answer{{"commands", std::move(applied->commands)}};
  std::vector<std::string> warnings = context.control.TakeWarnings();
  if (!warnings.empty()) answer["warnings"] = std::move(warnings);
  return answer;
}

// Without `merge` the text begins with a bridge as the flags have it, and without ports.
MethodResult ApplyConfig(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  ApplyRequest request{.text = reader.Text("text"), .name = reader.Text("name"), .base = {}};
  request.base.bridge = context.initial.bridge;
  request.merge = reader.MaybeFlag("merge").value_or(false);
  request.dry_run = reader.MaybeFlag("dry_run").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  static_cast<void>(context.control.TakeWarnings());  // of ports that came by themselves
  return AnswerOf(context, ApplyText(context, request));
}

// A service without a startup file is reloaded, too: then there is nothing to do.
MethodResult ReloadConfig(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const bool is_dry_run = reader.MaybeFlag("dry_run").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (context.startup_file.empty()) {
    return ordered_json{{"commands", ordered_json::array()},
                        {"warnings", {"there is no --startup file to apply again"}}};
  }
  static_cast<void>(context.control.TakeWarnings());  // of ports that came by themselves
  return AnswerOf(context,
                  ApplyStartupFile(std::string(context.startup_file), context,
                                   is_dry_run ? ApplyMode::kDryRun : ApplyMode::kCarryOut));
}

// The switch ends in order, as it does on a stop signal, and clients are told.
MethodResult StopSwitch(const MethodContext& /*context*/, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  kill(getpid(), SIGTERM);  // of the process: the thread that waits for it is another
  return nullptr;
}

// The process ends after the answer, and the new one serves clients.
MethodResult UpgradeSwitch(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto program = reader.MaybeText("program");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (context.upgrade == nullptr) {
    return absl::FailedPreconditionError("this switch cannot be handed over: restart it");
  }
  if (program && !program->starts_with('/')) {
    return absl::InvalidArgumentError(
        fmt::format("program '{}': give its whole path, which begins with '/'", *program));
  }
  return (*context.upgrade)(program);
}

// `config.save` reads: the client gets the commands, and the switch writes no file.
constexpr std::array kConfigMethods{
    Method{"config.save", MethodKind::kReads, SaveConfig},
    Method{"config.apply", MethodKind::kChanges, ApplyConfig, MethodUse::kOnlyByClients},
    Method{"config.reload", MethodKind::kChanges, ReloadConfig, MethodUse::kOnlyByClients},
    Method{"bridge.stop", MethodKind::kChanges, StopSwitch, MethodUse::kOnlyByClients},
    Method{"bridge.upgrade", MethodKind::kChanges, UpgradeSwitch, MethodUse::kOnlyByClients},
};

}  // namespace

std::span<const Method> ConfigMethods() { return kConfigMethods; }

}  // namespace tapswitch
