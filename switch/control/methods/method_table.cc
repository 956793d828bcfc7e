#include "switch/control/methods/method_table.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/method_lists.h"

namespace tapswitch {
namespace {

std::vector<Method> JoinLists() {
  std::vector<Method> all;
  for (const std::span<const Method> list :
       {AdoptMethods(),     BridgeMethods(), CaptureMethods(), ConfigMethods(),  EvpnMethods(),
        FdbMethods(),       GuardMethods(),  ImpairMethods(),  KernelMethods(),  LinkMethods(),
        LoopMethods(),      MdbMethods(),    MirrorMethods(),  MonitorMethods(), MulticastMethods(),
        NeighbourMethods(), PortMethods(),   ReachMethods(),   TraceMethods(),   TreeMethods(),
        VlanMethods()}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

// Null when there is none.
const Method* FindExactly(std::string_view name) {
  const std::span<const Method> all = AllMethods();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Method& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

// People say `show` where the protocol says `list`.
const Method* FindMethod(std::string_view name) {
  constexpr std::string_view kShow = ".show";
  if (!name.ends_with(kShow)) return FindExactly(name);
  return FindExactly(std::string(name.substr(0, name.size() - kShow.size())) + ".list");
}

}  // namespace

std::span<const Method> AllMethods() {
  static const std::vector<Method> all = JoinLists();
  return all;
}

std::optional<MethodKind> KindOf(std::string_view method) {
  const Method* const found = FindMethod(method);
  return found == nullptr ? std::nullopt : std::optional(found->kind);
}

bool MayBeInFiles(std::string_view method) {
  const Method* const found = FindMethod(method);
  return found != nullptr && found->use == MethodUse::kAlsoInFiles;
}

MethodResult CallMethod(const MethodContext& context, std::string_view method,
                        const MethodCall& call) {
  const Method* const found = FindMethod(method);
  if (found == nullptr) {
    return absl::UnimplementedError(fmt::format("'{:.100}': there is no such method", method));
  }
  return found->function(context, call);
}

}  // namespace tapswitch
