// Methods about the settings of ports.

#include <array>

#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

MethodResult SetLink(const MethodContext& context, const MethodCall& call) {
  return ChangePort(context, call.params, SetPortSetting);
}

MethodResult ListLinks(const MethodContext& context, const MethodCall& call) {
  return ListEachPort(context.control, call.params, "dev",
                      [&](const PortConfig& config, const PortSnapshot* snapshot) {
                        return ShowLink(context.control, config, snapshot);
                      });
}

constexpr std::array kLinkMethods{
    Method{"link.set", MethodKind::kChanges, SetLink},
    Method{"link.list", MethodKind::kReads, ListLinks},
};

}  // namespace

std::span<const Method> LinkMethods() { return kLinkMethods; }

}  // namespace tapswitch
