#include "switch/control/apply/bridge_control.h"

#include <algorithm>
#include <variant>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::Status NeighboursAreNotKept() {
  return absl::FailedPreconditionError(
      "neighbours are kept while a port has neigh_suppress: tapctl link set dev NAME "
      "neigh_suppress on");
}

absl::Status BridgeControl::Change(const BridgeConfig& wanted) {
  if (absl::Status fits = CheckSpanningTree(wanted); !fits.ok()) return fits;
  if (absl::Status fits = CheckVnis(wanted); !fits.ok()) return fits;
  const std::vector<Action> actions = Diff(config_, wanted);
  ++changes_;
  absl::Status carried = CarryOut(actions);
  if (!actions.empty()) descriptions_.Set(config_);
  return carried;
}

absl::Status BridgeControl::CarryOut(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (absl::Status carried = Apply(action); !carried.ok()) return carried;
    if (const auto* const set = std::get_if<SetPort>(&action)) ForgetLocked(*set);
    ApplyTo(action, config_);
  }
  return absl::OkStatus();
}

// Locked entries go with `mab` (net/bridge/br_netlink.c, br_setport). To be called while config_ is
// what it was.
void BridgeControl::ForgetLocked(const SetPort& action) {
  if (!config_.port(action.name)->settings.mab || action.settings.mab) return;
  const auto id = Find(action.name);
  if (!id) return;
  Flush([id](const MacEntry& entry) { return entry.locked && entry.port == *id; });
}

bool BridgeControl::KeepsNeighbours() const {
  return std::any_of(config_.ports.begin(), config_.ports.end(),
                     [](const PortConfig& port) { return port.settings.neigh_suppress; });
}

absl::StatusOr<PortId> BridgeControl::FindPort(std::string_view name) const {
  if (const auto id = Find(name)) return *id;
  return absl::NotFoundError(
      fmt::format("'{}' is no port of {}: see tapctl port show", name, identity_.name));
}

std::string BridgeControl::NameOf(PortId id) const {
  if (id == kBridgePort) return identity_.name;
  const std::string_view name = Name(id);
  return std::string(name.empty() ? "?" : name);
}

}  // namespace tapswitch
