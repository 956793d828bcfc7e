// Methods that take over a bridge of the kernel, and give it back.

#include <array>
#include <string>
#include <utility>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/adoption/take_over.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

MethodResult AdoptBridge(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string name = reader.Text("name");
  const bool dry_run = reader.MaybeFlag("dry_run").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  static_cast<void>(context.control.TakeWarnings());  // of ports that came by themselves
  auto adopted = TakeOver(context, name, dry_run);
  if (!adopted.ok()) return adopted.status();
  ordered_json answer{{"commands", std::move(adopted->commands)},
                      {"lost", std::move(adopted->lost)},
                      {"refused", std::move(adopted->refused)}};
  std::vector<std::string> warnings = context.control.TakeWarnings();
  if (!warnings.empty()) answer["warnings"] = std::move(warnings);
  return answer;
}

MethodResult ReleaseBridge(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const bool dry_run = reader.MaybeFlag("dry_run").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  auto lines = Release(context, dry_run);
  if (!lines.ok()) return lines.status();
  ordered_json answer = ordered_json::object();
  if (!lines->empty()) answer[dry_run ? "steps" : "warnings"] = *std::move(lines);
  return answer;
}

constexpr std::array kAdoptMethods{
    Method{"bridge.adopt", MethodKind::kChanges, AdoptBridge, MethodUse::kOnlyByClients},
    Method{"bridge.release", MethodKind::kChanges, ReleaseBridge, MethodUse::kOnlyByClients},
};

}  // namespace

std::span<const Method> AdoptMethods() { return kAdoptMethods; }

}  // namespace tapswitch
