// The method that answers with the configuration as commands.

#include <array>

#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/save.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

MethodResult SaveConfig(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  return ordered_json(SaveAsCommands(context.control));
}

// It reads: the client gets the commands, and the switch writes no file.
constexpr std::array kConfigMethods{Method{"config.save", MethodKind::kReads, SaveConfig}};

}  // namespace

std::span<const Method> ConfigMethods() { return kConfigMethods; }

}  // namespace tapswitch
