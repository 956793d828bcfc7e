#include "switch/control/methods/show.h"

#include <unistd.h>

#include <chrono>
#include <string>

#include "switch/control/commands/duration.h"
#include "switch/control/config/impairment_words.h"
#include "switch/control/config/multicast_config.h"
#include "switch/control/config/vlan_edit.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

ordered_json ShowLearning(const PortCounters& counters) {
  ordered_json learning = ordered_json::object();
  for (const LearnResultInfo& info : kCountedLearnResults) {
    learning[std::string(info.name)] = counters.learned(info.result);
  }
  return learning;
}

ordered_json ShowTraffic(const FrameCounter& counter, uint64_t dropped) {
  return {{"bytes", counter.bytes}, {"packets", counter.frames}, {"dropped", dropped}};
}

ordered_json ShowDrops(const PortCounters& counters) {
  ordered_json drops = ordered_json::object();
  for (size_t i = 0; i < kDropReasonCount; ++i) {
    drops[std::string(kDropReasons[i].name)] = counters.drops[i];
  }
  return drops;
}

ordered_json ShowAlarms(const PortCounters& counters) {
  ordered_json alarms = ordered_json::object();
  for (size_t i = 0; i < kAlarmKindCount; ++i) {
    alarms[std::string(kAlarmNames[i])] = counters.alarms[i];
  }
  return alarms;
}

uint64_t Dropped(const PortCounters& counters, bool at_egress) {
  uint64_t dropped = 0;
  for (size_t i = 0; i < kDropReasonCount; ++i) {
    if (kDropReasons[i].at_egress == at_egress) dropped += counters.drops[i];
  }
  return dropped;
}

void ShowCounters(const PortCounters& counters, ordered_json& port) {
  port["stats64"] = {{"rx", ShowTraffic(counters.received, Dropped(counters, false))},
                     {"tx", ShowTraffic(counters.sent, Dropped(counters, true))}};
  port["forwarded"] = counters.forwarded;
  port["gro"] = {{"frames", counters.joined.frames}, {"into", counters.joined.into}};
  port["drops"] = ShowDrops(counters);
  port["alarms"] = ShowAlarms(counters);
  port["learning"] = ShowLearning(counters);
}

uint64_t SumOfLearning(const SwitchSnapshot& snapshot, LearnResult result) {
  uint64_t sum = 0;
  for (const PortSnapshot& port : snapshot.ports) sum += port.counters.learned(result);
  return sum;
}

// The directions, and the frames that are held in them.
void ShowImpaired(const PortConfig& config, const PortSnapshot* snapshot, ordered_json& port) {
  auto impaired = ordered_json::array();
  size_t held = 0;
  for (size_t i = 0; i < kPortDirectionCount; ++i) {
    if (!config.settings.impairments[i].is_on()) continue;
    impaired.push_back(NameOf(static_cast<PortDirection>(i)));
    const auto state = snapshot == nullptr ? std::nullopt : snapshot->impairments[i];
    if (state) held += state->held;
  }
  if (impaired.empty()) return;
  port["impaired"] = std::move(impaired);
  port["held"] = held;
}

PortState StateOf(const PortSnapshot* snapshot) {
  return snapshot == nullptr ? PortState::kDisabled : snapshot->state;
}

}  // namespace

ordered_json ShowHandover(const HandoverReport& report) {
  return {{"count", report.count},
          {"from_version", report.from_version},
          {"gap_ms", std::chrono::duration<double, std::milli>(report.gap).count()},
          {"after_death", report.after_death},
          {"not_kept", report.not_kept}};
}

ordered_json ShowBridge(const BridgeControl& control, const SwitchSnapshot& snapshot) {
  const BridgeSettings& settings = control.config().bridge;
  const auto sum = [&](LearnResult result) { return SumOfLearning(snapshot, result); };
  ordered_json shown{
      {"ifname", control.identity().name},
      {"address", control.identity().address.ToString()},
      {"ageing_time", settings.ageing.centiseconds},
      {"stp_state", settings.tree.is_on ? 1 : 0},
      {"stp_mode", NameOf(settings.tree.mode)},
      {"priority", settings.tree.priority},
      {"hello_time", settings.tree.hello_time.centiseconds},
      {"max_age", settings.tree.max_age.centiseconds},
      {"forward_delay", settings.tree.forward_delay.centiseconds},
      {"tx_hold_count", settings.tree.tx_hold_count},
      {"vlan_filtering", settings.forwarding.vlan_filtering ? 1 : 0},
      {"vlan_protocol", NameOfVlanProtocol(settings.forwarding.vlan_protocol)},
      {"vlan_default_pvid", settings.default_pvid.value},
      {"vlan_stats_enabled", 1},
      {"vlan_stats_per_port", 1},
      {"group_fwd_mask", MaskText(settings.forwarding.group_fwd_mask)},
      {"group_addr", "01:80:c2:00:00:00"},
      {"fdb_n_learned", snapshot.table.learned},
      {"fdb_max_learned", settings.fdb_max_learned},
      {"fdb_n_entries", snapshot.table.entries},
      {"fdb_max", snapshot.table.capacity},
      {"n_ports", control.config().ports.size()},
      {"pid", getpid()},
      {"uptime", static_cast<uint64_t>(Seconds(
                     {(control.now().centiseconds - control.identity().started.centiseconds)}))},
      {"io", control.identity().io},
      {"counters",
       {{"fdb_learned", sum(LearnResult::kLearned)},
        {"fdb_moved", sum(LearnResult::kMoved)},
        {"fdb_limited", sum(LearnResult::kLimited)},
        {"fdb_no_room", sum(LearnResult::kRefused)},
        {"fdb_evicted", snapshot.table.evicted},
        {"neigh_answered", snapshot.protocols.neighbours.answered},
        {"neigh_suppressed", snapshot.protocols.neighbours.spared},
        {"neigh_contested", snapshot.protocols.neighbours.contested},
        {"loop_frames", snapshot.loop.frames},
        {"loop_busy_seconds", snapshot.loop.busy_seconds},
        {"loop_polls", snapshot.loop.polls.polls},
        {"loop_poll_hits", snapshot.loop.polls.hits},
        {"loop_poll_yields", snapshot.loop.polls.yields},
        {"loop_poll_seconds", std::chrono::duration<double>(snapshot.loop.polls.spent).count()},
        {"ring_overflows", snapshot.loop.ring_overflows}}}};
  ShowMulticast(settings.multicast, shown);
  if (control.handover().count != 0) shown["handover"] = ShowHandover(control.handover());
  return shown;
}

ordered_json ShowPort(const PortConfig& config, const PortSnapshot* snapshot) {
  const PortStatus status =
      snapshot != nullptr ? snapshot->status
                          : PortStatus{.reason = "its device could not be opened; add it again"};
  ordered_json port{{"ifname", config.spec.name},
                    {"type", config.spec.type},
                    {"spec", SpecText(config.spec)},
                    {"link", status.link_up ? "up" : "down"},
                    {"reason", status.reason},
                    {"state", NameOf(StateOf(snapshot))},
                    {"mtu", status.mtu},
                    {"carrier", config.settings.carrier}};
  if (!config.settings.description.empty()) port["description"] = config.settings.description;
  ShowShutDown(snapshot, port);
  ShowImpaired(config, snapshot, port);
  if (!status.address.is_zero()) port["address"] = status.address.ToString();
  if (config.ephemeral) port["ephemeral"] = true;
  if (!config.attached_by.empty()) port["attached_by"] = config.attached_by;
  if (snapshot != nullptr && snapshot->details != nullptr) {
    ordered_json& details = port["details"] = ordered_json::object();
    for (const auto& [name, value] : snapshot->details->Get()) details[name] = value;
  }
  port["fdb_n_learned"] = snapshot == nullptr ? 0 : snapshot->learned;
  ShowCounters(snapshot == nullptr ? PortCounters{} : snapshot->counters, port);
  const PortTraffic kernel =
      snapshot != nullptr ? snapshot->kernel.value_or(PortTraffic{}) : PortTraffic{};
  port["kernel"] = {{"rx", kernel.received.frames}, {"tx", kernel.sent.frames}};
  return port;
}

void ShowGuest(const BridgeControl& control, const PortConfig& config, ordered_json& port) {
  if (!config.settings.guest) return;
  const GuestPlace& guest = *config.settings.guest;
  const GuestLinks::Status status = control.StatusOf(guest);
  ordered_json& details = port["details"];
  details["qmp"] = guest.socket;
  details["qmp_id"] = guest.id;
  details["qmp_told"] = "nothing";
  if (status.told) details["qmp_told"] = *status.told ? "carrier on" : "carrier off";
  if (!status.problem.empty()) details["qmp_problem"] = status.problem;
}

ordered_json ShowVlanSet(const VlanSet& vlans) {
  auto list = ordered_json::array();
  for (const VlanRange range : RangesOf(PortVlans{.members = vlans})) {
    ordered_json one{{"vlan", range.first.value}};
    if (range.last != range.first) one["vlanEnd"] = range.last.value;
    list.push_back(std::move(one));
  }
  return list;
}

void ShowShutDown(const PortSnapshot* snapshot, ordered_json& shown) {
  if (snapshot == nullptr || !snapshot->shut_down) return;
  shown["shut_down"] = NameOf(snapshot->shut_down->cause);
  if (snapshot->shut_down->until) shown["recovers_in"] = Seconds(snapshot->recovers_in);
}

ordered_json ShowLink(const BridgeControl& control, const PortConfig& config,
                      const PortSnapshot* snapshot) {
  const PortStatus status = snapshot == nullptr ? PortStatus{} : snapshot->status;
  auto flags = ordered_json::array({"BROADCAST", "MULTICAST"});
  if (status.link_up) flags.insert(flags.end(), {"UP", "LOWER_UP"});
  ordered_json link{{"ifindex", status.ifindex},
                    {"ifname", config.spec.name},
                    {"flags", std::move(flags)},
                    {"mtu", status.mtu},
                    {"master", control.identity().name}};
  ShowPortSettings(config.settings, link);
  const uint32_t cost = config.settings.tree.cost;
  if (control.config().bridge.tree.is_on && cost == 0) link["cost"] = stp::PathCostOf(status.speed);
  link["state"] = NameOf(StateOf(snapshot));
  link["fdb_n_learned"] = snapshot == nullptr ? 0 : snapshot->learned;
  link["mcast_n_groups"] = snapshot == nullptr ? 0 : snapshot->mcast_groups;
  return link;
}

ordered_json ShowLoopDetection(const BridgeControl& control, const SwitchSnapshot& snapshot) {
  const LoopDetection& loop = control.config().bridge.loop;
  auto blocked = ordered_json::array();
  for (const PortSnapshot& port : snapshot.ports) {
    if (!port.shut_down || port.shut_down->cause != Alarm::Kind::kLoop) continue;
    ordered_json one{{"ifname", port.name}};
    if (port.shut_down->until)
      one["seconds_left"] = SecondsUntil(*port.shut_down->until, control.now());
    blocked.push_back(std::move(one));
  }
  return {{"ifname", control.identity().name},
          {"enabled", loop.is_on()},
          {"period", Seconds(loop.period)},
          {"action", loop.action == LoopDetection::Action::kBlock ? "block" : "log"},
          {"recovery", Seconds(loop.recovery)},
          {"probes", snapshot.protocols.loop_detection.probes},
          {"loops", snapshot.protocols.loop_detection.loops},
          {"blocked", std::move(blocked)}};
}

}  // namespace tapswitch
