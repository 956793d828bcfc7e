// Methods about the spanning tree.

#include <array>
#include <string>

#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/tree/tree_json.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

MethodResult ListTree(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string dev = reader.MaybeText("dev").value_or("");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!dev.empty()) {
    if (const auto port = context.control.FindPort(dev); !port.ok()) return port.status();
  }
  const SwitchSnapshot snapshot = context.control.Snapshot();
  auto list = ordered_json::array();
  if (snapshot.protocols.tree) {
    list.push_back(ShowTree(context.control, *snapshot.protocols.tree, dev));
  }
  return list;
}

MethodResult CheckMigration(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string dev = reader.Text("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto port = context.control.FindPort(dev);
  if (!port.ok()) return port.status();
  if (!context.control.config().bridge.tree.is_on) {
    return absl::FailedPreconditionError(
        "stp mcheck: there is no spanning tree: tapctl bridge set stp_state on");
  }
  context.control.CheckMigration(*port);
  return nullptr;
}

constexpr std::array kTreeMethods{
    Method{"stp.list", MethodKind::kReads, ListTree},
    Method{"stp.mcheck", MethodKind::kChanges, CheckMigration, MethodUse::kOnlyByClients},
};

}  // namespace

std::span<const Method> TreeMethods() { return kTreeMethods; }

}  // namespace tapswitch
