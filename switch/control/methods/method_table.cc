#include "switch/control/methods/method_table.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/save.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

const PortSnapshot* FindPortSnapshot(const SwitchSnapshot& snapshot, std::string_view name) {
  const auto found = std::find_if(snapshot.ports.begin(), snapshot.ports.end(),
                                  [&](const PortSnapshot& port) { return port.name == name; });
  return found == snapshot.ports.end() ? nullptr : &*found;
}

absl::Status NoSuchPort(const BridgeControl& control, std::string_view name) {
  return control.FindPort(name).status();
}

// Calls show(PortConfig, PortSnapshot*) for the port named, or for all.
template <typename Show>
Methods::Result ListPortsAs(const BridgeControl& control, const std::optional<std::string>& name,
                            Show&& show) {
  if (name && control.config().port(*name) == nullptr) return NoSuchPort(control, *name);
  const SwitchSnapshot snapshot = control.Snapshot();
  auto list = ordered_json::array();
  for (const PortConfig& port : control.config().ports) {
    if (name && port.spec.name != *name) continue;
    list.push_back(show(port, FindPortSnapshot(snapshot, port.spec.name)));
  }
  return list;
}

// A port that cannot carry frames again by itself: its device is gone.
bool IsDead(const PortConfig& config, const PortSnapshot* port) {
  if (port == nullptr) return true;
  const bool has_interface = config.spec.type != "unix";  // a socket may be connected to again
  return has_interface && !port->status.link_up && port->status.ifindex == 0;
}

ordered_json NameOnly(std::string_view name) { return {{"ifname", name}}; }

ordered_json Words(const Trace& trace) {
  auto stages = ordered_json::array();
  for (const TraceStep& step : trace.steps) {
    stages.push_back({{"stage", step.stage}, {"verdict", step.verdict}, {"text", step.text}});
  }
  return stages;
}

void DescribeDecision(const BridgeControl& control, const Decision& decision,
                      ordered_json& answer) {
  auto egress = ordered_json::array();
  switch (decision.action) {
    case Decision::Action::kDrop:
      answer["decision"] = "drop";
      answer["reason"] = kDropReasons[static_cast<size_t>(decision.reason)].name;
      break;
    case Decision::Action::kForward:
      answer["decision"] = "forward";
      egress.push_back(control.NameOf(decision.egress));
      break;
    case Decision::Action::kFlood:
      answer["decision"] = "flood";
      decision.flood.ForEach([&](PortId id) { egress.push_back(control.NameOf(id)); });
      break;
  }
  answer["egress"] = std::move(egress);
}

}  // namespace

Methods::Methods(BridgeControl& control, Monitor& monitor, Captures& captures, Attacher& attacher)
    : control_(control), monitor_(monitor), captures_(captures), attacher_(attacher) {
  const auto add = [this](std::string_view name, Result (Methods::*method)(const Params&)) {
    methods_.emplace(
        name, [this, method](ClientId, const Params& params) { return (this->*method)(params); });
  };
  const auto add_entry = [this](std::string_view name, FdbVerb verb) {
    methods_.emplace(
        name, [this, verb](ClientId, const Params& params) { return AddEntry(verb, params); });
  };
  add("bridge.list", &Methods::ListBridge);
  add("bridge.set", &Methods::SetBridge);
  add("port.add", &Methods::AddPort);
  add("port.del", &Methods::DeletePort);
  add("port.list", &Methods::ListPorts);
  add("port.recover", &Methods::RecoverPort);
  add("loop.set", &Methods::SetLoopDetection);
  add("loop.list", &Methods::ListLoopDetection);
  add("neigh.list", &Methods::ListNeighbours);
  add("neigh.flush", &Methods::FlushNeighbours);
  add("storm.list", &Methods::ListStorm);
  add("storm.set", &Methods::SetStorm);
  add("security.list", &Methods::ListSecurity);
  add("security.set", &Methods::SetSecurity);
  add("security.allow", &Methods::AllowStation);
  add("security.disallow", &Methods::DisallowStation);
  add("link.set", &Methods::SetLink);
  add("link.list", &Methods::ListLinks);
  add_entry("fdb.add", FdbVerb::kAdd);
  add_entry("fdb.append", FdbVerb::kAppend);
  add_entry("fdb.replace", FdbVerb::kReplace);
  add("fdb.del", &Methods::DeleteEntry);
  add("fdb.get", &Methods::GetEntry);
  add("fdb.list", &Methods::ListEntries);
  add("fdb.flush", &Methods::FlushEntries);
  add("vlan.add", &Methods::AddVlan);
  add("vlan.del", &Methods::DeleteVlan);
  add("vlan.set", &Methods::SetVlan);
  add("vlan.list", &Methods::ListVlans);
  methods_.emplace("monitor.start", [this](ClientId client, const Params& params) {
    return StartMonitor(client, params);
  });
  methods_.emplace("capture.start", [this](ClientId client, const Params& params) {
    return StartCapture(client, params);
  });
  add("mirror.add", &Methods::AddMirror);
  add("mirror.del", &Methods::DeleteMirror);
  add("mirror.list", &Methods::ListMirrors);
  add("trace", &Methods::TraceFrame);
  add("config.save", &Methods::Save);
  // As people say it.
  for (const std::string object :
       {"bridge", "port", "link", "fdb", "vlan", "loop", "neigh", "mirror", "storm", "security"}) {
    methods_[object + ".show"] = methods_[object + ".list"];
  }
}

Methods::Result Methods::Call(ClientId client, const std::string& method, const Params& params) {
  const auto found = methods_.find(method);
  if (found == methods_.end()) {
    return absl::UnimplementedError(fmt::format("'{:.100}': there is no such method", method));
  }
  return found->second(client, params);
}

Methods::Result Methods::ListBridge(const Params& params) {
  if (absl::Status read = ParamReader(params).Finish(); !read.ok()) return read;
  return ordered_json::array({ShowBridge(control_, control_.Snapshot())});
}

Methods::Result Methods::SetBridge(const Params& params) {
  ParamReader reader(params);
  const auto ageing = reader.MaybeText("ageing_time");
  const auto max_learned =
      reader.MaybeNumber("fdb_max_learned", 0, std::numeric_limits<uint32_t>::max());
  const auto snooping = reader.MaybeFlag("mcast_snooping");
  BridgeConfig wanted = control_.config();
  const absl::Status vlans = ReadVlanSettings(reader, wanted);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!vlans.ok()) return vlans;
  if (snooping.value_or(false)) {
    return absl::FailedPreconditionError("mcast_snooping on: this version does not snoop");
  }
  if (ageing) {
    const auto span = ParseDuration(*ageing);
    if (!span.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("ageing_time: {}", std::string(span.status().message())));
    }
    wanted.bridge.ageing = *span;
  }
  if (max_learned) wanted.bridge.fdb_max_learned = static_cast<uint32_t>(*max_learned);
  if (absl::Status changed = control_.Change(wanted); !changed.ok()) return changed;
  if (monitor_.IsWatched("bridge")) {
    monitor_.Publish("bridge", "changed", ShowBridge(control_, control_.Snapshot()));
  }
  return nullptr;
}

// Null when there is nothing to say, else {"warnings": [...]}.
Methods::Result Methods::Added() {
  std::vector<std::string> warnings = control_.TakeWarnings();
  if (warnings.empty()) return nullptr;
  ordered_json answer;
  answer["warnings"] = std::move(warnings);
  return answer;
}

Methods::Result Methods::AddPort(const Params& params) {
  ParamReader reader(params);
  const std::string text = reader.Text("port");
  const bool ephemeral = reader.MaybeFlag("ephemeral").value_or(false);
  const auto ifindex = reader.MaybeNumber("ifindex", 1, std::numeric_limits<int>::max());
  const auto netns = reader.MaybeNumber("netns", 1, std::numeric_limits<uint64_t>::max());
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto spec = ParsePortSpec(text);
  if (!spec.ok()) return spec.status();
  static_cast<void>(control_.TakeWarnings());  // of ports that came by themselves
  if (ephemeral) {
    Attacher::Whereabouts whereabouts;
    if (ifindex) whereabouts.ifindex = static_cast<int>(*ifindex);
    if (netns) whereabouts.netns = NetnsId{*netns};
    if (absl::Status added = attacher_.Add(*spec, whereabouts); !added.ok()) return added;
    return Added();
  }
  if (ifindex || netns) {
    return absl::InvalidArgumentError("ifindex and netns go with ephemeral: leave them out");
  }
  const auto ports = ExpandPort(*spec);
  if (!ports.ok()) return ports.status();
  const BridgeConfig before = control_.config();
  BridgeConfig wanted = before;
  for (const PortSpec& port : *ports) {
    if (absl::Status added = AddTo(wanted, port); !added.ok()) return added;
  }
  if (absl::Status changed = control_.Change(wanted); !changed.ok()) {
    // All or none; a single one that cannot be opened again is to stay known.
    if (ports->size() > 1) static_cast<void>(control_.Change(before));
    return changed;
  }
  for (const PortSpec& port : *ports) monitor_.Publish("port", "added", NameOnly(port.name));
  return Added();
}

absl::Status Methods::AddTo(BridgeConfig& wanted, const PortSpec& spec) const {
  PortConfig* const port = wanted.port(spec.name);
  if (port == nullptr) {
    wanted.ports.push_back(NewPort(spec, wanted.bridge));
    return absl::OkStatus();
  }
  const SwitchSnapshot snapshot = control_.Snapshot();
  if (!IsDead(*port, FindPortSnapshot(snapshot, spec.name))) {
    return absl::AlreadyExistsError(
        fmt::format("port {}: it is there already: remove it first (tapctl port del {})", spec.name,
                    spec.name));
  }
  port->spec = spec;
  ++port->opened;
  port->ephemeral = false;
  port->attached_by.clear();
  return absl::OkStatus();
}

Methods::Result Methods::DeletePort(const Params& params) {
  ParamReader reader(params);
  const std::string name = reader.Text("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  BridgeConfig wanted = control_.config();
  if (wanted.port(name) == nullptr) return NoSuchPort(control_, name);
  std::erase_if(wanted.ports, [&](const PortConfig& port) { return port.spec.name == name; });
  if (absl::Status changed = control_.Change(wanted); !changed.ok()) return changed;
  monitor_.Publish("port", "deleted", NameOnly(name));
  return nullptr;
}

Methods::Result Methods::ListPorts(const Params& params) {
  ParamReader reader(params);
  const auto name = reader.MaybeText("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  return ListPortsAs(control_, name, ShowPort);
}

Methods::Result Methods::ListPorts(const Params& params, ShowOne show) {
  ParamReader reader(params);
  const auto name = reader.MaybeText("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  return ListPortsAs(control_, name, show);
}

// All of them are checked before one is set.
Methods::Result Methods::SetLink(const Params& params) {
  return ChangePort(params, SetPortSetting);
}

Methods::Result Methods::ChangePort(const Params& params, Setter set) {
  const auto name = params.find("dev");
  if (name == params.end() || !name->is_string()) {
    return absl::InvalidArgumentError("'dev' is missing: name a port");
  }
  BridgeConfig wanted = control_.config();
  PortConfig* const port = wanted.port(name->get_ref<const std::string&>());
  if (port == nullptr) return NoSuchPort(control_, name->get_ref<const std::string&>());
  for (const auto& [key, value] : params.items()) {
    if (key == "dev") continue;
    if (absl::Status done = set(key, value, port->settings); !done.ok()) return done;
  }
  if (absl::Status fits = CheckPortSettings(port->settings); !fits.ok()) return fits;
  if (absl::Status changed = control_.Change(wanted); !changed.ok()) return changed;
  PublishLink(*port);
  return nullptr;
}

Methods::Result Methods::ListLinks(const Params& params) {
  ParamReader reader(params);
  const auto name = reader.MaybeText("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  return ListPortsAs(control_, name, [&](const PortConfig& config, const PortSnapshot* snapshot) {
    return ShowLink(control_, config, snapshot);
  });
}

Methods::Result Methods::TraceFrame(const Params& params) {
  ParamReader reader(params);
  const std::string ingress = reader.Text("in");
  EthernetHeader header{.destination = reader.Address("dst"), .source = reader.Address("src")};
  const auto vlan = reader.MaybeNumber("vlan", 0, kVlanCount - 1);
  header.type_or_length = static_cast<uint16_t>(
      reader.MaybeNumber("type", 0, 0xFFFF).value_or(static_cast<uint16_t>(EtherType::kIpv4)));
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  header.payload_offset = kEthernetHeaderSize;
  if (vlan) {
    header.tag = VlanTag{.protocol = control_.config().bridge.forwarding.vlan_protocol,
                         .control = static_cast<uint16_t>(*vlan)};
    header.payload_offset += kVlanTagSize;
  }
  const auto port = control_.FindPort(ingress);
  if (!port.ok()) return port.status();
  const auto trace = control_.TraceFrame(*port, header);
  if (!trace.ok()) return trace.status();
  ordered_json answer{{"in", ingress}, {"stages", Words(*trace)}};
  DescribeDecision(control_, trace->decision, answer);
  return answer;
}

Methods::Result Methods::Save(const Params& params) {
  if (absl::Status read = ParamReader(params).Finish(); !read.ok()) return read;
  return ordered_json(SaveAsCommands(control_));
}

Methods::Result Methods::StartMonitor(ClientId client, const Params& params) {
  Monitor::Objects objects = Monitor::AllObjects();
  for (const auto& [key, value] : params.items()) {
    if (key != "objects" || !value.is_array() || value.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("'{:.100}': give objects, an array of names, or nothing", key));
    }
    std::vector<std::string> names;
    for (const json& name : value) {
      names.push_back(name.is_string() ? name.get<std::string>() : "");
    }
    const auto parsed = Monitor::ParseObjects(names);
    if (!parsed.ok()) return parsed.status();
    objects = *parsed;
  }
  if (captures_.Has(client)) {
    return absl::FailedPreconditionError("this connection carries a capture: use another one");
  }
  monitor_.Subscribe(client, objects);
  WatchTableIfWanted();
  return nullptr;
}

void Methods::Forget(ClientId client) {
  captures_.Forget(client);
  monitor_.Unsubscribe(client);
  WatchTableIfWanted();
}

void Methods::WatchTableIfWanted() {
  const bool wanted = monitor_.IsWatched("fdb");
  if (wanted != control_.watches_table()) control_.WatchTable(wanted);
}

void Methods::PublishSwitchEvents(EventChannel::Taken taken) {
  for (const SwitchEvent& event : taken.events) {
    std::visit([this](const auto& one) { Publish(one); }, event);
  }
  if (taken.missed != 0) monitor_.Miss("fdb", taken.missed);
}

void Methods::Publish(const LinkStateEvent& event) {
  const std::string name = control_.NameOf(event.port);
  const PortConfig* const port = control_.config().port(name);
  ordered_json members = NameOnly(name);
  if (!event.up) members["reason"] = event.reason;
  monitor_.Publish("port", event.up ? "up" : "down", std::move(members));
  if (port != nullptr) PublishLink(*port);
}

void Methods::PublishLink(const PortConfig& port) {
  if (!monitor_.IsWatched("link")) return;
  const SwitchSnapshot snapshot = control_.SnapshotOfChange();
  monitor_.Publish("link", "changed",
                   ShowLink(control_, port, FindPortSnapshot(snapshot, port.spec.name)));
}

}  // namespace tapswitch
