// The methods of Methods that concern the address table.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/fdb_json.h"
#include "switch/control/methods/method_table.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

std::optional<MacEntryState> StateNamed(std::string_view name) {
  if (name == "permanent") return MacEntryState::kPermanent;
  if (name == "static" || name == "noarp") return MacEntryState::kStatic;
  // The states of a neighbour, as bridge(8) calls them; an entry that is stale is not shown here.
  if (name == "dynamic" || name == "reachable" || name == "stale" || name.empty()) {
    return MacEntryState::kLearned;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<MacEntryState>> ReadState(ParamReader& params) {
  const auto name = params.MaybeText("state");
  if (!name || *name == "all") return std::nullopt;
  const auto state = StateNamed(*name);
  if (state) return state;
  return absl::InvalidArgumentError(
      fmt::format("state '{}': it is permanent, static or dynamic", *name));
}

// A condition that an entry is asked for: true, that it has it; false, that it has not.
struct FlushWord {
  std::string_view name;
  bool (*has)(const MacEntry&);
};

constexpr std::array kFlushWords{
    FlushWord{"static", [](const MacEntry& e) { return e.state == MacEntryState::kStatic; }},
    FlushWord{"permanent", [](const MacEntry& e) { return e.state == MacEntryState::kPermanent; }},
    FlushWord{"dynamic", [](const MacEntry& e) { return e.state == MacEntryState::kLearned; }},
    FlushWord{"added_by_user", [](const MacEntry& e) { return e.by_user; }},
    FlushWord{"sticky", [](const MacEntry& e) { return e.sticky; }},
    FlushWord{"extern_learn", [](const MacEntry& e) { return e.extern_learn; }},
};

// What an entry is asked for; nothing: anything will do.
struct EntryQuery {
  std::optional<PortId> port;
  std::optional<VlanId> vlan;
  std::optional<MacEntryState> state;
  std::array<std::optional<bool>, kFlushWords.size()> words;

  bool operator()(const MacEntry& entry) const {
    if (port && *port != entry.port) return false;
    if (vlan && *vlan != entry.vlan) return false;
    if (state && *state != entry.state) return false;
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i] && *words[i] != kFlushWords[i].has(entry)) return false;
    }
    return true;
  }
};

}  // namespace

absl::StatusOr<PortId> Methods::FindPortOrBridge(const std::string& name) const {
  if (name == control_.identity().name) return kBridgePort;
  return control_.FindPort(name);
}

absl::Status Methods::CheckBridge(const std::optional<std::string>& name) const {
  if (!name || *name == control_.identity().name) return absl::OkStatus();
  return absl::NotFoundError(
      fmt::format("br {}: this is {}: leave it out", *name, control_.identity().name));
}

absl::StatusOr<std::vector<VlanId>> Methods::FindVlans(PortId port,
                                                       std::optional<uint64_t> vlan) const {
  const PortVlans& vlans = VlansOf(port);
  if (vlan) {
    const VlanId named{static_cast<uint16_t>(*vlan)};
    if (named == kNoVlan) return std::vector{kNoVlan};
    if (vlans.members.contains(named)) return std::vector{named};
    return absl::FailedPreconditionError(
        fmt::format("vlan {}: {} is not a member of it: add it (tapctl vlan add vid {} dev {})",
                    *vlan, control_.NameOf(port), *vlan, control_.NameOf(port)));
  }
  if (!control_.config().bridge.forwarding.vlan_filtering) return std::vector{kNoVlan};
  std::vector<VlanId> all;
  vlans.members.ForEach([&](VlanId member) { all.push_back(member); });
  if (!all.empty()) return all;
  return absl::FailedPreconditionError(
      fmt::format("{} is a member of no VLAN: add one (tapctl vlan add vid VID dev {})",
                  control_.NameOf(port), control_.NameOf(port)));
}

void Methods::ForEachInUse(const MacEntry& entry,
                           const std::function<void(const MacEntry&)>& visit) const {
  const bool filters = control_.config().bridge.forwarding.vlan_filtering;
  if (entry.vlan != kAnyVlan) {
    if (filters == (entry.vlan != kNoVlan)) visit(entry);
    return;
  }
  // As the kernel's bridge shows the address of an interface, which it has in each VLAN.
  MacEntry shown = entry;
  shown.vlan = kNoVlan;
  if (!filters) return visit(shown);
  VlansOf(entry.port).members.ForEach([&](VlanId vlan) {
    shown.vlan = vlan;
    visit(shown);
  });
}

void Methods::PublishEntry(std::string_view event, const MacEntry& entry) {
  if (monitor_.IsWatched("fdb")) monitor_.Publish("fdb", event, ShowEntry(control_, entry));
}

Methods::Result Methods::AddEntry(FdbVerb verb, const Params& params) {
  ParamReader reader(params);
  FdbRequest request{.address = reader.Address("mac")};
  const std::string dev = reader.Text("dev");
  const auto vlan = reader.MaybeNumber("vlan", kNoVlan.value, kMostVlan.value);
  const auto state = ReadState(reader);
  request.sticky = reader.MaybeFlag("sticky").value_or(false);
  request.extern_learn = reader.MaybeFlag("extern_learn").value_or(false);
  request.use = reader.MaybeFlag("use").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!state.ok()) return state.status();
  request.state = state->value_or(MacEntryState::kPermanent);

  const auto port = FindPortOrBridge(dev);
  if (!port.ok()) return port.status();
  request.port = *port;
  const auto vlans = FindVlans(*port, vlan);
  if (!vlans.ok()) return vlans.status();
  const bool is_permanent =
      request.state == MacEntryState::kPermanent && !request.extern_learn && !request.use;
  if (request.port == kBridgePort && !is_permanent) {
    return absl::FailedPreconditionError(
        fmt::format("{}: an address of {} itself is permanent: leave out the other words",
                    request.address.ToString(), dev));
  }
  for (const VlanId id : *vlans) {
    request.vlan = id;
    if (absl::Status added = control_.AddEntry(verb, request); !added.ok()) return added;
    for (const MacEntry& entry : control_.FindEntry(request.vlan, request.address)) {
      if (entry.port == request.port)
        PublishEntry(verb == FdbVerb::kReplace ? "replaced" : "added", entry);
    }
  }
  return nullptr;
}

Methods::Result Methods::DeleteEntry(const Params& params) {
  ParamReader reader(params);
  const MacAddress address = reader.Address("mac");
  const std::string dev = reader.Text("dev");
  const auto vlan = reader.MaybeNumber("vlan", kNoVlan.value, kMostVlan.value);
  // bridge(8) takes the words of `add` here, too, and the kernel does not look at them.
  static_cast<void>(ReadState(reader));
  for (const char* word : {"sticky", "extern_learn", "use"}) {
    static_cast<void>(reader.MaybeFlag(word));
  }
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto port = FindPortOrBridge(dev);
  if (!port.ok()) return port.status();
  const auto vlans = FindVlans(*port, vlan);
  if (!vlans.ok()) return vlans.status();
  // As with bridge(8), one that is there will do where several are meant.
  absl::Status result;
  bool any = false;
  for (const VlanId id : *vlans) {
    const auto before = control_.FindEntry(id, address);
    absl::Status deleted = control_.DeleteEntry(id, address, *port);
    if (!deleted.ok()) {
      result = std::move(deleted);
      continue;
    }
    any = true;
    for (const MacEntry& entry : before) {
      if (entry.port != *port) continue;
      ForEachInUse(entry, [&](const MacEntry& shown) { PublishEntry("deleted", shown); });
    }
  }
  if (!any) return result;
  return nullptr;
}

Methods::Result Methods::GetEntry(const Params& params) {
  ParamReader reader(params);
  const MacAddress address = reader.Address("mac");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  const auto dev = reader.MaybeText("dev");
  const auto bridge = reader.MaybeText("br");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (absl::Status named = CheckBridge(bridge); !named.ok()) return named;
  const auto entries = control_.FindEntry(
      vlan ? std::optional(VlanId{static_cast<uint16_t>(*vlan)}) : std::nullopt, address);
  std::vector<MacEntry> shown;
  for (const MacEntry& found : entries) {
    ForEachInUse(found, [&](const MacEntry& entry) {
      const bool is_asked_for = !vlan || entry.vlan.value == *vlan;
      if (is_asked_for && (!dev || control_.NameOf(entry.port) == *dev)) shown.push_back(entry);
    });
  }
  if (shown.empty()) {
    return absl::NotFoundError(
        fmt::format("{}: there is no entry for it: frames to it are flooded", address.ToString()));
  }
  FdbJson list(control_, control_.now());
  for (const MacEntry& entry : shown) list.Append(entry);
  return JsonText::Written(list.Finish());
}

Methods::Result Methods::ListEntries(const Params& params) {
  ParamReader reader(params);
  EntryQuery query;
  const auto dev = reader.MaybeText("dev");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  const auto bridge = reader.MaybeText("br");
  const bool with_ages = reader.MaybeFlag("ages").value_or(true);
  const auto state = ReadState(reader);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!state.ok()) return state.status();
  if (absl::Status named = CheckBridge(bridge); !named.ok()) return named;
  query.state = *state;
  if (vlan) query.vlan = VlanId{static_cast<uint16_t>(*vlan)};
  if (dev) {
    const auto port = FindPortOrBridge(*dev);
    if (!port.ok()) return port.status();
    query.port = *port;
  }
  const auto now = with_ages ? std::optional(control_.now()) : std::nullopt;
  FdbJson list(control_, now);
  control_.VisitEntries([&](std::span<const MacEntry> some) {
    for (const MacEntry& found : some) {
      ForEachInUse(found, [&](const MacEntry& entry) {
        if (query(entry)) list.Append(entry);
      });
    }
  });
  return JsonText::Written(list.Finish());
}

Methods::Result Methods::FlushEntries(const Params& params) {
  ParamReader reader(params);
  EntryQuery query;
  const auto dev = reader.MaybeText("dev");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  for (size_t i = 0; i < kFlushWords.size(); ++i) {
    query.words[i] = reader.MaybeFlag(kFlushWords[i].name);
  }
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (vlan) query.vlan = VlanId{static_cast<uint16_t>(*vlan)};
  // As in bridge(8), the bridge's name stands for the whole of it.
  if (dev && *dev != control_.identity().name) {
    const auto port = control_.FindPort(*dev);
    if (!port.ok()) return port.status();
    query.port = *port;
  }
  return ordered_json{{"flushed", control_.Flush(query)}};
}

void Methods::Publish(const FdbEvent& event) {
  constexpr std::array<std::string_view, 4> kNames{"learned", "moved", "aged", "flushed"};
  ordered_json members = ShowEntry(control_, event.entry);
  if (event.kind == FdbEvent::Kind::kMoved) members["from"] = control_.NameOf(event.from);
  monitor_.Publish("fdb", kNames[static_cast<size_t>(event.kind)], std::move(members));
}

}  // namespace tapswitch
