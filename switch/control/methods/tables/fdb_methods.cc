// Methods about the address table.

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/tables/fdb_json.h"

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

// Visits the entry if frames can meet it, as VLANs are filtered or not: once for each VLAN that it
// is shown in.
void ForEachInUse(const BridgeControl& control, const MacEntry& entry,
                  const std::function<void(const MacEntry&)>& visit) {
  const bool filters = control.config().bridge.forwarding.vlan_filtering;
  if (entry.vlan != kAnyVlan) {
    if (filters == (entry.vlan != kNoVlan)) visit(entry);
    return;
  }
  // As the kernel's bridge shows the address of an interface, which it has in each VLAN.
  MacEntry shown = entry;
  shown.vlan = kNoVlan;
  if (!filters) return visit(shown);
  VlansOf(control, entry.port).members.ForEach([&](VlanId vlan) {
    shown.vlan = vlan;
    visit(shown);
  });
}

MethodResult AddEntryBy(FdbVerb verb, const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
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

  const auto port = FindPortOrBridge(context.control, dev);
  if (!port.ok()) return port.status();
  request.port = *port;
  const auto vlans = FindVlans(context.control, *port, vlan);
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
    if (absl::Status added = context.control.AddEntry(verb, request); !added.ok()) return added;
    for (const MacEntry& entry : context.control.FindEntry(request.vlan, request.address)) {
      if (entry.port == request.port)
        context.publisher.PublishEntry(verb == FdbVerb::kReplace ? "replaced" : "added", entry);
    }
  }
  return nullptr;
}

template <FdbVerb kVerb>
MethodResult AddEntry(const MethodContext& context, const MethodCall& call) {
  return AddEntryBy(kVerb, context, call);
}

MethodResult DeleteEntry(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const MacAddress address = reader.Address("mac");
  const std::string dev = reader.Text("dev");
  const auto vlan = reader.MaybeNumber("vlan", kNoVlan.value, kMostVlan.value);
  // bridge(8) takes the words of `add` here, too, and the kernel does not look at them.
  static_cast<void>(ReadState(reader));
  for (const char* word : {"sticky", "extern_learn", "use"}) {
    static_cast<void>(reader.MaybeFlag(word));
  }
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto port = FindPortOrBridge(context.control, dev);
  if (!port.ok()) return port.status();
  const auto vlans = FindVlans(context.control, *port, vlan);
  if (!vlans.ok()) return vlans.status();
  // Where several entries are meant, it is enough that one is there, as with bridge(8).
  absl::Status result;
  bool any = false;
  for (const VlanId id : *vlans) {
    const auto before = context.control.FindEntry(id, address);
    absl::Status deleted = context.control.DeleteEntry(id, address, *port);
    if (!deleted.ok()) {
      result = std::move(deleted);
      continue;
    }
    any = true;
    for (const MacEntry& entry : before) {
      if (entry.port != *port) continue;
      ForEachInUse(context.control, entry, [&](const MacEntry& shown) {
        context.publisher.PublishEntry("deleted", shown);
      });
    }
  }
  if (!any) return result;
  return nullptr;
}

MethodResult GetEntry(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const MacAddress address = reader.Address("mac");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  const auto dev = reader.MaybeText("dev");
  const auto bridge = reader.MaybeText("br");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (absl::Status named = CheckBridgeName(context.control, "br", bridge); !named.ok())
    return named;
  const auto entries = context.control.FindEntry(
      vlan ? std::optional(VlanId{static_cast<uint16_t>(*vlan)}) : std::nullopt, address);
  std::vector<MacEntry> shown;
  for (const MacEntry& found : entries) {
    ForEachInUse(context.control, found, [&](const MacEntry& entry) {
      const bool is_asked_for = !vlan || entry.vlan.value == *vlan;
      if (is_asked_for && (!dev || context.control.NameOf(entry.port) == *dev))
        shown.push_back(entry);
    });
  }
  if (shown.empty()) {
    return absl::NotFoundError(
        fmt::format("{}: there is no entry for it: frames to it are flooded", address.ToString()));
  }
  FdbJson list(context.control, context.control.now(), context.overlay);
  for (const MacEntry& entry : shown) list.Append(entry);
  return JsonText::Written(list.Finish());
}

MethodResult ListEntries(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  EntryQuery query;
  const auto dev = reader.MaybeText("dev");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  const auto bridge = reader.MaybeText("br");
  const bool with_ages = reader.MaybeFlag("ages").value_or(true);
  const auto state = ReadState(reader);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!state.ok()) return state.status();
  if (absl::Status named = CheckBridgeName(context.control, "br", bridge); !named.ok())
    return named;
  query.state = *state;
  if (vlan) query.vlan = VlanId{static_cast<uint16_t>(*vlan)};
  if (dev) {
    const auto port = FindPortOrBridge(context.control, *dev);
    if (!port.ok()) return port.status();
    query.port = *port;
  }
  const auto now = with_ages ? std::optional(context.control.now()) : std::nullopt;
  FdbJson list(context.control, now, context.overlay);
  context.control.VisitEntries([&](std::span<const MacEntry> some) {
    for (const MacEntry& found : some) {
      ForEachInUse(context.control, found, [&](const MacEntry& entry) {
        if (query(entry)) list.Append(entry);
      });
    }
  });
  return JsonText::Written(list.Finish());
}

MethodResult FlushEntries(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  EntryQuery query;
  const auto dev = reader.MaybeText("dev");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  for (size_t i = 0; i < kFlushWords.size(); ++i) {
    query.words[i] = reader.MaybeFlag(kFlushWords[i].name);
  }
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (vlan) query.vlan = VlanId{static_cast<uint16_t>(*vlan)};
  // As in bridge(8), the bridge's name stands for the whole of it.
  if (dev && *dev != context.control.identity().name) {
    const auto port = context.control.FindPort(*dev);
    if (!port.ok()) return port.status();
    query.port = *port;
  }
  return ordered_json{{"flushed", context.control.Flush(query)}};
}

constexpr std::array kFdbMethods{
    Method{"fdb.add", MethodKind::kChanges, AddEntry<FdbVerb::kAdd>},
    Method{"fdb.append", MethodKind::kChanges, AddEntry<FdbVerb::kAppend>},
    Method{"fdb.replace", MethodKind::kChanges, AddEntry<FdbVerb::kReplace>},
    Method{"fdb.del", MethodKind::kChanges, DeleteEntry},
    Method{"fdb.get", MethodKind::kReads, GetEntry},
    Method{"fdb.list", MethodKind::kReads, ListEntries},
    Method{"fdb.flush", MethodKind::kChanges, FlushEntries},
};

}  // namespace

std::span<const Method> FdbMethods() { return kFdbMethods; }

}  // namespace tapswitch
