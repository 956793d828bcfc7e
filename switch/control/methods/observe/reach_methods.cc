// The method that answers which ports reach which others.

#include <array>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/observe/reach.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

ordered_json ShowReach(const Reach& reach) {
  ordered_json shown{{"from", reach.from}, {"to", reach.to}, {"reaches", reach.reaches()}};
  if (!reach.reaches()) shown["reason"] = reach.obstacle;
  if (!reach.vlans.empty()) shown["vlans"] = ShowVlanSet(reach.vlans);
  if (!reach.limits.empty()) shown["limits"] = reach.limits;
  return shown;
}

MethodResult ListReach(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  auto list = ordered_json::array();
  for (const Reach& reach : JudgeReach(context.control.config(), context.control.Snapshot())) {
    list.push_back(ShowReach(reach));
  }
  return list;
}

constexpr std::array kReachMethods{Method{"reach", MethodKind::kReads, ListReach}};

}  // namespace

std::span<const Method> ReachMethods() { return kReachMethods; }

}  // namespace tapswitch
