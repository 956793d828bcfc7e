#include "switch/handover/tree_memory_json.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>

#include "switch/handover/json_fields.h"

namespace tapswitch {
namespace {

using nlohmann::json;
using stp::PortCounts;
using stp::TreePort;

constexpr uint64_t kMostTreePort = kMaxPorts - 1;
constexpr uint64_t kMost16 = std::numeric_limits<uint16_t>::max();
constexpr uint64_t kMost32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMostMac = 0xFFFF'FFFF'FFFF;

template <typename Field>
struct Named {
  std::string_view name;
  Field TreePort::*field;
};

// Those that last between two events.
constexpr std::array kFlags{
    Named<bool>{"enabled", &TreePort::enabled},
    Named<bool>{"agree", &TreePort::agree},
    Named<bool>{"agreed", &TreePort::agreed},
    Named<bool>{"disputed", &TreePort::disputed},
    Named<bool>{"forward", &TreePort::forward},
    Named<bool>{"forwarding", &TreePort::forwarding},
    Named<bool>{"learn", &TreePort::learn},
    Named<bool>{"learning", &TreePort::learning},
    Named<bool>{"mcheck", &TreePort::mcheck},
    Named<bool>{"new_info", &TreePort::new_info},
    Named<bool>{"oper_edge", &TreePort::oper_edge},
    Named<bool>{"proposed", &TreePort::proposed},
    Named<bool>{"proposing", &TreePort::proposing},
    Named<bool>{"received_rstp", &TreePort::received_rstp},
    Named<bool>{"received_stp", &TreePort::received_stp},
    Named<bool>{"received_tc", &TreePort::received_tc},
    Named<bool>{"received_tc_ack", &TreePort::received_tc_ack},
    Named<bool>{"received_tcn", &TreePort::received_tcn},
    Named<bool>{"re_root", &TreePort::re_root},
    Named<bool>{"selected", &TreePort::selected},
    Named<bool>{"send_rstp", &TreePort::send_rstp},
    Named<bool>{"sync", &TreePort::sync},
    Named<bool>{"synced", &TreePort::synced},
    Named<bool>{"tc_ack", &TreePort::tc_ack},
    Named<bool>{"tc_prop", &TreePort::tc_prop},
    Named<bool>{"update_info", &TreePort::update_info},
    Named<bool>{"proposes_again", &TreePort::proposes_again},
    Named<bool>{"has_newcomer", &TreePort::has_newcomer},
    Named<bool>{"has_heard", &TreePort::has_heard},
};

constexpr std::array kTimers{
    Named<Tick>{"edge_delay_while", &TreePort::edge_delay_while},
    Named<Tick>{"fd_while", &TreePort::fd_while},
    Named<Tick>{"hello_when", &TreePort::hello_when},
    Named<Tick>{"mdelay_while", &TreePort::mdelay_while},
    Named<Tick>{"rb_while", &TreePort::rb_while},
    Named<Tick>{"rcvd_info_while", &TreePort::rcvd_info_while},
    Named<Tick>{"rr_while", &TreePort::rr_while},
    Named<Tick>{"tc_while", &TreePort::tc_while},
    Named<Tick>{"hold_while", &TreePort::hold_while},
    Named<Tick>{"tx_second", &TreePort::tx_second},
    Named<Tick>{"restless_until", &TreePort::restless_until},
    Named<Tick>{"said_since", &TreePort::said_since},
    Named<Tick>{"rate_second", &TreePort::rate_second},
};

struct NamedCount {
  std::string_view name;
  uint64_t PortCounts::*field;
};

constexpr std::array kCounts{
    NamedCount{"received_config", &PortCounts::received_config},
    NamedCount{"received_rst", &PortCounts::received_rst},
    NamedCount{"received_tcn", &PortCounts::received_tcn},
    NamedCount{"sent_config", &PortCounts::sent_config},
    NamedCount{"sent_rst", &PortCounts::sent_rst},
    NamedCount{"sent_tcn", &PortCounts::sent_tcn},
    NamedCount{"invalid", &PortCounts::invalid},
    NamedCount{"filtered", &PortCounts::filtered},
    NamedCount{"excessive", &PortCounts::excessive},
    NamedCount{"guard_hits", &PortCounts::guard_hits},
    NamedCount{"to_forwarding", &PortCounts::to_forwarding},
    NamedCount{"to_discarding", &PortCounts::to_discarding},
    NamedCount{"topology_changes", &PortCounts::topology_changes},
};

template <typename Enumeration>
Enumeration ReadOne(JsonFields& fields, std::string_view key, Enumeration most) {
  return static_cast<Enumeration>(fields.Number(key, 0, static_cast<uint64_t>(most)));
}

uint16_t Read16(JsonFields& fields, std::string_view key) {
  return static_cast<uint16_t>(fields.Number(key, 0, kMost16));
}

json VectorToJson(const stp::PriorityVector& vector) {
  return {{"root_priority", vector.root.priority},
          {"root", vector.root.address.number()},
          {"cost", vector.root_path_cost},
          {"bridge_priority", vector.bridge.priority},
          {"bridge", vector.bridge.address.number()},
          {"port", vector.port}};
}

stp::PriorityVector VectorFrom(JsonFields& port, std::string_view key) {
  JsonFields fields(port.Object(key));
  const auto address = [&](std::string_view name) {
    return MacAddress::FromNumber(fields.Number(name, 0, kMostMac));
  };
  const stp::PriorityVector vector{
      .root = {.priority = Read16(fields, "root_priority"), .address = address("root")},
      .root_path_cost = static_cast<uint32_t>(fields.Number("cost", 0, kMost32)),
      .bridge = {.priority = Read16(fields, "bridge_priority"), .address = address("bridge")},
      .port = Read16(fields, "port")};
  port.Note(fields.status());
  return vector;
}

json TimesToJson(const stp::Times& times) {
  return {{"message_age", times.message_age},
          {"max_age", times.max_age},
          {"forward_delay", times.forward_delay},
          {"hello_time", times.hello_time}};
}

stp::Times TimesFrom(JsonFields& port, std::string_view key) {
  JsonFields fields(port.Object(key));
  stp::Times times;
  const auto read = [&](std::string_view name, stp::WireTime& time) {
    time = static_cast<stp::WireTime>(fields.Number(name, time, kMost16));
  };
  read("message_age", times.message_age);
  read("max_age", times.max_age);
  read("forward_delay", times.forward_delay);
  read("hello_time", times.hello_time);
  port.Note(fields.status());
  return times;
}

json TreePortToJson(const TreePort& port) {
  json shown{{"id", port.id.value},
             {"role", static_cast<uint64_t>(port.role)},
             {"selected_role", static_cast<uint64_t>(port.selected_role)},
             {"told_role", static_cast<uint64_t>(port.told_role)},
             {"told_state", static_cast<uint64_t>(port.shown)},
             {"info_is", static_cast<uint64_t>(port.info_is)},
             {"migration", static_cast<uint64_t>(port.migration)},
             {"topology", static_cast<uint64_t>(port.topology)},
             {"hold", static_cast<uint64_t>(port.hold)},
             {"designated_priority", VectorToJson(port.designated_priority)},
             {"port_priority", VectorToJson(port.port_priority)},
             {"designated_times", TimesToJson(port.designated_times)},
             {"port_times", TimesToJson(port.port_times)},
             {"tx_count", port.tx_count},
             {"rate", port.rate}};
  for (const auto& [name, field] : kFlags) {
    if (port.*field) shown["flags"][std::string(name)] = true;
  }
  for (const auto& [name, field] : kTimers) {
    shown["timers"][std::string(name)] = (port.*field).centiseconds;
  }
  for (const auto& [name, field] : kCounts) {
    if (port.counts.*field != 0) shown["counts"][std::string(name)] = port.counts.*field;
  }
  return shown;
}

void ReadParts(JsonFields& fields, TreePort& port) {
  JsonFields flags(fields.Object("flags"));
  for (const auto& [name, field] : kFlags) port.*field = flags.Flag(name);
  JsonFields timers(fields.Object("timers"));
  for (const auto& [name, field] : kTimers) port.*field = Tick{timers.Number(name)};
  JsonFields counts(fields.Object("counts"));
  for (const auto& [name, field] : kCounts) port.counts.*field = counts.Number(name);
  for (const JsonFields* part : {&flags, &timers, &counts}) fields.Note(part->status());
}

TreePort TreePortFromJson(JsonFields& fields) {
  TreePort port{.id = {static_cast<uint16_t>(fields.Number("id", 0, kMostTreePort))},
                .is_there = true,
                .role = ReadOne(fields, "role", stp::Role::kBackup),
                .selected_role = ReadOne(fields, "selected_role", stp::Role::kBackup),
                .info_is = ReadOne(fields, "info_is", stp::InfoIs::kReceived),
                .migration = ReadOne(fields, "migration", TreePort::Migration::kSensing),
                .topology = ReadOne(fields, "topology", TreePort::TopologyState::kActive),
                .hold = ReadOne(fields, "hold", stp::Hold::kLoopedBack)};
  port.told_role = ReadOne(fields, "told_role", stp::Role::kBackup);
  port.shown = ReadOne(fields, "told_state", PortState::kBlocking);
  port.designated_priority = VectorFrom(fields, "designated_priority");
  port.port_priority = VectorFrom(fields, "port_priority");
  port.designated_times = TimesFrom(fields, "designated_times");
  port.port_times = TimesFrom(fields, "port_times");
  port.tx_count = Read16(fields, "tx_count");
  port.rate = static_cast<uint32_t>(fields.Number("rate", 0, kMost32));
  ReadParts(fields, port);
  return port;
}

json ChangesOfTree(const stp::Tree::TopologyChanges& changes) {
  json shown{{"count", changes.count}, {"last", changes.last.centiseconds}};
  for (const auto& port : changes.ports) {
    if (port) shown["ports"].push_back(port->value);
  }
  return shown;
}

stp::Tree::TopologyChanges ChangesOfTreeFrom(JsonFields& parent) {
  JsonFields fields(parent.Object("changes"));
  stp::Tree::TopologyChanges changes{
      .count = fields.Number("count"), .last = Tick{fields.Number("last")}, .ports = {}};
  const json& ports = fields.Array("ports");
  for (size_t i = 0; i < std::min(ports.size(), changes.ports.size()); ++i) {
    const bool is_port = ports[i].is_number_unsigned() && ports[i].get<uint64_t>() <= kMostTreePort;
    if (!is_port) {
      fields.Note(absl::InvalidArgumentError("the state has a bad port of a topology change"));
      break;
    }
    changes.ports[i] = PortId{ports[i].get<uint16_t>()};
  }
  parent.Note(fields.status());
  return changes;
}

}  // namespace

json TreeToJson(const stp::Tree::Memory& memory) {
  json shown{{"now", memory.now.centiseconds},
             {"changes", ChangesOfTree(memory.changes)},
             {"ports", json::array()}};
  for (const TreePort& port : memory.ports) shown["ports"].push_back(TreePortToJson(port));
  return shown;
}

absl::StatusOr<stp::Tree::Memory> TreeFromJson(const json& shown) {
  JsonFields fields(shown);
  stp::Tree::Memory memory{
      .now = Tick{fields.Number("now")}, .changes = ChangesOfTreeFrom(fields), .ports = {}};
  const json& ports = fields.Array("ports");
  if (ports.size() > kMaxPorts) {
    return absl::InvalidArgumentError("the state has a bad number of ports in the spanning tree");
  }
  for (const json& one : ports) {
    JsonFields port(one);
    memory.ports.push_back(TreePortFromJson(port));
    fields.Note(port.status());
  }
  if (!fields.status().ok()) return fields.status();
  return memory;
}

}  // namespace tapswitch
