#include "switch/control/methods/tree/tree_json.h"

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

ordered_json ShowTreeCounts(const stp::PortCounts& counts) {
  return {{"rx_config", counts.received_config},
          {"rx_rst", counts.received_rst},
          {"rx_tcn", counts.received_tcn},
          {"tx_config", counts.sent_config},
          {"tx_rst", counts.sent_rst},
          {"tx_tcn", counts.sent_tcn},
          {"invalid", counts.invalid},
          {"filtered", counts.filtered},
          {"excessive", counts.excessive},
          {"guard_hits", counts.guard_hits},
          {"to_forwarding", counts.to_forwarding},
          {"to_discarding", counts.to_discarding},
          {"topology_changes", counts.topology_changes}};
}

ordered_json ShowTreeTimers(const stp::TreePort& port, Tick now) {
  const auto left = [&](Tick timer) { return SecondsUntil(timer, now); };
  return {{"hello", left(port.hello_when)},
          {"forward_delay", left(port.fd_while)},
          {"received_info", left(port.rcvd_info_while)},
          {"topology_change", left(port.tc_while)},
          {"migration", left(port.mdelay_while)}};
}

// Why the port does not forward, where its role does not say so.
std::string_view InconsistencyOf(const stp::TreePort& port) {
  if (port.hold == stp::Hold::kLoopGuard) return "loop_guard";
  if (port.hold == stp::Hold::kLoopedBack) return "looped_back";
  const bool is_superior =
      port.role == stp::Role::kAlternate && port.port_priority < port.designated_priority;
  if (port.admin.root_block && is_superior) return "root_guard";
  return "";
}

ordered_json ShowTreePort(const BridgeControl& control, const SpanningTreeSnapshot::Port& one) {
  const stp::TreePort& port = one.port;
  ordered_json shown{{"ifname", control.NameOf(port.id)},
                     {"role", NameOf(port.role)},
                     {"state", NameOf(port.enabled ? port.shown : PortState::kDisabled)},
                     {"cost", one.cost},
                     {"cost_auto", port.admin.cost == 0},
                     {"priority", port.admin.priority},
                     {"port_id", fmt::format("{:04x}", port.port_id)},
                     {"designated_root", IdText(port.port_priority.root)},
                     {"designated_cost", port.port_priority.root_path_cost},
                     {"designated_bridge", IdText(port.port_priority.bridge)},
                     {"designated_port", fmt::format("{:04x}", port.port_priority.port)},
                     {"edge", port.oper_edge},
                     {"p2p", port.admin.is_point_to_point()},
                     {"version", port.send_rstp ? "rstp" : "stp"}};
  if (port.admin.link_speed != 0) shown["link_speed"] = port.admin.link_speed;
  if (const auto why = InconsistencyOf(port); !why.empty()) shown["inconsistent"] = why;
  shown["timers"] = ShowTreeTimers(port, control.now());
  shown["counters"] = ShowTreeCounts(port.counts);
  return shown;
}

}  // namespace

std::string IdText(const stp::BridgeIdentifier& id) {
  return fmt::format("{:04x}.{}", id.priority, id.address.ToString());
}

ordered_json ShowTree(const BridgeControl& control, const SpanningTreeSnapshot& tree,
                      const std::string& dev) {
  auto changed_by = ordered_json::array();
  for (const auto& port : tree.changes.ports) {
    if (port) changed_by.push_back(control.NameOf(*port));
  }
  ordered_json shown{{"ifname", control.identity().name},
                     {"root_id", IdText(tree.root.root)},
                     {"bridge_id", IdText(tree.bridge)},
                     {"root_port", tree.root_port ? ordered_json(control.NameOf(*tree.root_port))
                                                  : ordered_json()},
                     {"root_path_cost", tree.root.root_path_cost},
                     {"max_age", Seconds(stp::TicksOf(tree.root_times.max_age))},
                     {"forward_delay", Seconds(stp::TicksOf(tree.root_times.forward_delay))},
                     {"topology_change_count", tree.changes.count},
                     {"topology_change_ports", std::move(changed_by)}};
  if (tree.changes.count != 0) {
    shown["time_since_topology_change"] = SecondsUntil(control.now(), tree.changes.last);
  }
  auto ports = ordered_json::array();
  for (const SpanningTreeSnapshot::Port& one : tree.ports) {
    if (!dev.empty() && control.NameOf(one.port.id) != dev) continue;
    ports.push_back(ShowTreePort(control, one));
  }
  shown["ports"] = std::move(ports);
  return shown;
}

std::string ReasonOf(const BridgeControl& control, const stp::Event& event) {
  using Kind = stp::Cause::Kind;
  const stp::Cause& cause = event.cause;
  const std::string port = control.NameOf(cause.port);
  switch (cause.kind) {
    case Kind::kConfigured:
      return "settings have changed";
    case Kind::kLinkUp:
      return fmt::format("the link of {} is up", port);
    case Kind::kLinkDown:
      return fmt::format("the link of {} is down", port);
    case Kind::kHeard:
      if (cause.priority.root.address.is_zero()) return fmt::format("BPDU heard on {}", port);
      return fmt::format("root {} cost {} of bridge {} heard on {}", IdText(cause.priority.root),
                         cause.priority.root_path_cost, IdText(cause.priority.bridge), port);
    case Kind::kAged:
      return fmt::format("bridge {} was not heard any more on {}", IdText(cause.priority.bridge),
                         port);
    case Kind::kTimer:
      break;
  }
  return "its time has come";
}

}  // namespace tapswitch
