#include "switch/control/methods/event_publisher.h"

#include <array>
#include <variant>

#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/control/commands/duration.h"
#include "switch/control/methods/multicast/mdb_json.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/show.h"
#include "switch/control/methods/tables/fdb_json.h"
#include "switch/control/methods/tree/tree_json.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

// How the other port of an alarm has to do with it; empty where there is none.
std::string_view RelationOf(Alarm::Kind kind) {
  switch (kind) {
    case Alarm::Kind::kMacMoves:
      return ", other port ";
    case Alarm::Kind::kLoop:
      return ": it leads to the same place as ";
    case Alarm::Kind::kLoopSuspected:
      return ": stations move to and fro, which looks like a loop between it and ";
    case Alarm::Kind::kOwnAddress:
      return ": its interface has the address of a station, which keeps its frames, behind ";
    default:
      return "";
  }
}

// Returns what a user does about an alarm, or why the port does not forward; empty where others say
// that.
std::string_view CureOf(Alarm::Kind kind) {
  switch (kind) {
    case Alarm::Kind::kLoopSuspected:
      return ": 'tapctl loop set period 1s' finds a loop and blocks one end of it";
    case Alarm::Kind::kRootGuard:
      return ": a better root is heard, and the port discards until it is not any more";
    case Alarm::Kind::kLoopGuard:
      return ": its neighbour has fallen silent, and the port discards until it is heard again";
    case Alarm::Kind::kLoopedBack:
      return ": the port hears its own BPDUs, and discards until it does not any more";
    case Alarm::Kind::kDispute:
      return ": its neighbour does not hear it, and the port discards: look at the link";
    case Alarm::Kind::kMldDeaf:
      return ": stations there answer no queries of MLD: neighbour discovery is flooded to it";
    case Alarm::Kind::kGroupLimit:
      return ": memberships of multicast groups are refused: see 'tapctl multicast doctor'";
    default:
      return "";
  }
}

}  // namespace

void EventPublisher::Subscribe(ClientId client, Monitor::Objects objects) {
  monitor_.Subscribe(client, objects);
  WatchTableIfWanted();
}

void EventPublisher::Unsubscribe(ClientId client) {
  monitor_.Unsubscribe(client);
  WatchTableIfWanted();
}

void EventPublisher::WatchTableIfWanted() {
  const bool wanted = monitor_.IsWatched("fdb");
  if (wanted != control_.watches_table()) control_.WatchTable(wanted);
  const bool groups = monitor_.IsWatched("mdb");
  if (groups != control_.watches_groups()) control_.WatchGroups(groups);
  neighbours_.Watch(monitor_.IsWatched("neigh"));
}

void EventPublisher::PublishSwitchEvents(const EventChannel::Taken& taken) {
  for (const SwitchEvent& event : taken.events) {
    std::visit([this](const auto& one) { Publish(one); }, event);
  }
  if (taken.missed != 0) monitor_.Miss("fdb", taken.missed);
}

void EventPublisher::Publish(const FdbEvent& event) {
  constexpr std::array<std::string_view, 4> kNames{"learned", "moved", "aged", "flushed"};
  ordered_json members = ShowEntry(control_, event.entry);
  if (event.kind == FdbEvent::Kind::kMoved) members["from"] = control_.NameOf(event.from);
  monitor_.Publish("fdb", kNames[static_cast<size_t>(event.kind)], members);
}

void EventPublisher::Publish(const GroupChanges& event) {
  for (const GroupChange& change : event.changes) {
    MdbRow row{.key = change.key,
               .port = change.port,
               .source = change.source,
               .permanent = change.permanent,
               .sources = {}};
    ordered_json members = ShowMdbRow(control_, row, control_.now());
    for (const char* key : {"filter_mode", "protocol", "timer"}) members.erase(key);
    monitor_.Publish("mdb", change.added ? "added" : "deleted", members);
  }
  if (event.missed != 0) monitor_.Miss("mdb", event.missed);
}

void EventPublisher::Publish(const LinkStateEvent& event) {
  const std::string name = control_.NameOf(event.port);
  const PortConfig* const port = control_.config().port(name);
  ordered_json members{{"ifname", name}};
  if (!event.up) members["reason"] = event.reason;
  monitor_.Publish("port", event.up ? "up" : "down", members);
  if (port != nullptr) PublishLink(*port);
}

void EventPublisher::Publish(const Alarm& alarm) {
  const std::string port = control_.NameOf(alarm.port);
  ordered_json members{{"ifname", port}, {"alarm", NameOf(alarm.kind)}};
  std::string text(NameOf(alarm.kind));
  if (alarm.kind == Alarm::Kind::kStorm) {
    members["storm"] = NameOf(alarm.storm);
    text = fmt::format("storm of {} frames", NameOf(alarm.storm));
  }
  if (!alarm.address.is_zero()) {
    members["mac"] = alarm.address.ToString();
    text += " from " + alarm.address.ToString();
  }
  if (alarm.vlan != kNoVlan) {
    members["vlan"] = alarm.vlan.value;
    text += fmt::format(" vlan {}", alarm.vlan.value);
  }
  if (const std::string_view relation = RelationOf(alarm.kind); !relation.empty()) {
    const std::string other = control_.NameOf(alarm.other);
    members["other"] = other;
    text += fmt::format("{}{}", relation, other);
  }
  if (alarm.kind == Alarm::Kind::kMacMoves) members["damped"] = alarm.damped;
  members["shut_down"] = alarm.shut_down;
  if (alarm.shut_down || alarm.damped) {
    const bool ends = alarm.recovery != Ticks{0};
    if (ends) members["recovery"] = DurationText(alarm.recovery);
    text += fmt::format(": {}{}", alarm.shut_down ? "the port is shut down" : "held where it is",
                        ends ? " for " + DurationText(alarm.recovery) : "");
  }
  text += CureOf(alarm.kind);
  spdlog::warn("{}: {}", port, text);
  monitor_.Publish("port", "alarm", members);
  PublishLinkOf(port);
}

void EventPublisher::Publish(const RecoveryEvent& event) {
  const std::string port = control_.NameOf(event.port);
  spdlog::info("{}: it is no longer shut down", port);
  monitor_.Publish("port", "recovered", {{"ifname", port}});
  PublishLinkOf(port);
}

void EventPublisher::Publish(const ProtocolEvent& event) {
  std::visit([this](const auto& one) { Publish(one); }, event);
}

void EventPublisher::Publish(const stp::Event& event) {
  const std::string port = control_.NameOf(event.port);
  const std::string reason = ReasonOf(control_, event);
  ordered_json members{
      {"ifname", port}, {"role", NameOf(event.role)}, {"state", NameOf(event.state)}};
  if (event.kind == stp::Event::Kind::kTopologyChange) {
    members["reason"] = reason;
    return monitor_.Publish("stp", "topology_change", members);
  }
  members["from_role"] = NameOf(event.from_role);
  members["from_state"] = NameOf(event.from_state);
  members["reason"] = reason;
  spdlog::info("{}: {} {}, it was {} {}: {}", port, NameOf(event.role), NameOf(event.state),
               NameOf(event.from_role), NameOf(event.from_state), reason);
  monitor_.Publish("stp", "changed", members);
  PublishLinkOf(port);
}

void EventPublisher::PublishLink(const PortConfig& port) {
  if (!monitor_.IsWatched("link")) return;
  const SwitchSnapshot snapshot = control_.SnapshotOfChange();
  monitor_.Publish("link", "changed",
                   ShowLink(control_, port, FindPortSnapshot(snapshot, port.spec.name)));
}

// While the port is there.
void EventPublisher::PublishLinkOf(const std::string& name) {
  const PortConfig* const port = control_.config().port(name);
  if (port != nullptr) PublishLink(*port);
}

void EventPublisher::PublishEntry(std::string_view event, const MacEntry& entry) {
  if (monitor_.IsWatched("fdb")) monitor_.Publish("fdb", event, ShowEntry(control_, entry));
}

}  // namespace tapswitch
