// Methods about the table of multicast groups.

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/multicast/mdb_json.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

absl::Status CheckSnooping(const BridgeControl& control) {
  if (control.config().bridge.multicast.snooping) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "mdb: memberships are not snooped: tapctl bridge set mcast_snooping on");
}

absl::StatusOr<IpAddress> ParseSource(const std::string& text, const GroupAddress& group) {
  const auto source = ParseIpAddress("src", text);
  if (!source.ok()) return source.status();
  const bool fits = !group.is_mac() && source->is_v4() == group.is_v4() &&
                    !source->is_multicast() && !source->is_unspecified();
  if (fits) return *source;
  return absl::InvalidArgumentError(
      fmt::format("source {:.100}: expected a station's address of the group's family", text));
}

// The words that an entry is named by, as they were given.
struct EntryWords {
  std::optional<std::string> dev;
  std::string port;
  std::string group;
  std::optional<std::string> source;
  std::optional<std::string> state;
  std::optional<std::string> mode;
  std::optional<std::string> sources;
  std::optional<std::string> protocol;
  std::optional<uint64_t> vid;
};

absl::StatusOr<EntryWords> ReadWords(const MethodParams& params) {
  ParamReader reader(params);
  EntryWords words{.dev = reader.MaybeText("dev"),
                   .port = reader.Text("port"),
                   .group = reader.Text("grp"),
                   .source = reader.MaybeText("src"),
                   .state = reader.MaybeText("state"),
                   .mode = reader.MaybeText("filter_mode"),
                   .sources = reader.MaybeText("source_list"),
                   .protocol = reader.MaybeTextOrNumber("proto"),
                   .vid = reader.MaybeNumber("vid", kLeastVlan.value, kMostVlan.value)};
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  return words;
}

absl::Status Bad(const std::string& message) { return absl::InvalidArgumentError(message); }

// Refuses words that bridge(8) and the kernel do not take together.
absl::Status CheckTogether(const EntryWords& words, const MdbRequest& request) {
  const bool is_host = request.port == kBridgePort;
  const bool has_filter = words.mode || words.sources;
  const bool is_mac = request.key.group.is_mac();
  if (is_host && (words.source || has_filter || words.protocol)) {
    return Bad(
        "port: the bridge itself takes all sources: leave src, filter_mode, source_list and "
        "proto out");
  }
  if (is_host && is_mac != request.permanent) {
    return Bad(is_mac ? "grp: a MAC address of the bridge itself is permanent: add permanent"
                      : "grp: a membership of the bridge itself is temporary: leave permanent out");
  }
  if (is_mac && (words.source || has_filter)) {
    return Bad("grp: a MAC address has no sources: leave src, filter_mode and source_list out");
  }
  if (is_mac && !request.permanent) return Bad("grp: a MAC address is permanent: add permanent");
  if (words.source && has_filter) {
    return Bad("src: it is the entry's only source: leave filter_mode and source_list out");
  }
  if (words.sources && !words.mode) return Bad("source_list: say include or exclude: filter_mode");
  if (request.mode == FilterMode::kInclude && request.sources.empty() && !words.source) {
    return Bad("filter_mode include: name the sources: source_list");
  }
  return absl::OkStatus();
}

absl::Status ReadFilter(const EntryWords& words, MdbRequest& request) {
  if (words.source) {
    const auto source = ParseSource(*words.source, request.key.group);
    if (!source.ok()) return source.status();
    request.source = *source;
  }
  if (words.mode) {
    if (*words.mode != "include" && *words.mode != "exclude") {
      return Bad(fmt::format("filter_mode '{:.100}': expected include or exclude", *words.mode));
    }
    request.mode = *words.mode == "include" ? FilterMode::kInclude : FilterMode::kExclude;
  }
  if (!words.sources) return absl::OkStatus();
  std::set<IpAddress> sources;
  for (const auto& text : absl::StrSplit(*words.sources, ',')) {
    const auto source = ParseSource(std::string(text), request.key.group);
    if (!source.ok()) return source.status();
    sources.insert(*source);
  }
  request.sources.assign(sources.begin(), sources.end());
  return absl::OkStatus();
}

absl::StatusOr<MdbRequest> RequestOf(const BridgeControl& control, const EntryWords& words) {
  if (absl::Status named = CheckBridgeName(control, "dev", words.dev); !named.ok()) return named;
  const auto group = ParseGroup(words.group);
  if (!group.ok()) return group.status();
  const auto port = FindPortOrBridge(control, words.port);
  if (!port.ok()) return port.status();
  MdbRequest request{.key = {kNoVlan, *group}, .port = *port, .source = {}, .sources = {}};
  if (words.state && *words.state != "permanent" && *words.state != "temp") {
    return Bad(fmt::format("state '{:.100}': expected permanent or temp", *words.state));
  }
  request.permanent = words.state == "permanent";
  if (words.protocol) {
    const auto protocol = ParseProtocol(*words.protocol);
    if (!protocol.ok()) return protocol.status();
    request.made_by = *protocol;
  }
  if (absl::Status read = ReadFilter(words, request); !read.ok()) return read;
  return request;
}

MethodResult AddGroupBy(MdbVerb verb, const MethodContext& context, const MethodCall& call) {
  BridgeControl& control = context.control;
  const auto words = ReadWords(call.params);
  if (!words.ok()) return words.status();
  auto request = RequestOf(control, *words);
  if (!request.ok()) return request.status();
  if (absl::Status fits = CheckTogether(*words, *request); !fits.ok()) return fits;
  if (absl::Status snooping = CheckSnooping(control); !snooping.ok()) return snooping;
  const auto vlans = FindVlans(control, request->port, words->vid);
  if (!vlans.ok()) return vlans.status();
  for (const VlanId vlan : *vlans) {
    request->key.vlan = vlan;
    request->membership = control.config().bridge.multicast.Of(vlan).membership_interval;
    if (absl::Status added = control.AddGroup(verb, *request); !added.ok()) return added;
  }
  return nullptr;
}

template <MdbVerb kVerb>
MethodResult AddGroup(const MethodContext& context, const MethodCall& call) {
  return AddGroupBy(kVerb, context, call);
}

// Where several entries are meant, it is enough that one is there, as with bridge(8).
MethodResult DeleteGroup(const MethodContext& context, const MethodCall& call) {
  const auto words = ReadWords(call.params);
  if (!words.ok()) return words.status();
  const auto request = RequestOf(context.control, *words);
  if (!request.ok()) return request.status();
  const auto vlans = FindVlans(context.control, request->port, words->vid);
  if (!vlans.ok()) return vlans.status();
  absl::Status result;
  bool any = false;
  for (const VlanId vlan : *vlans) {
    absl::Status deleted =
        context.control.DeleteGroup({vlan, request->key.group}, request->port, request->source);
    any |= deleted.ok();
    if (!deleted.ok()) result = std::move(deleted);
  }
  if (!any) return result;
  return nullptr;
}

std::vector<MdbRow> AllRows(const BridgeControl& control) {
  std::vector<MdbRow> rows;
  for (const auto& [key, group] : control.Groups()) {
    for (MdbRow& row : RowsOf(key, group)) rows.push_back(std::move(row));
  }
  return rows;
}

ordered_json ShowRows(const BridgeControl& control, const std::vector<MdbRow>& rows) {
  auto list = ordered_json::array();
  for (const MdbRow& row : rows) list.push_back(ShowMdbRow(control, row, control.now()));
  return list;
}

// Ports that lead to routers in any VLAN.
ordered_json ShowRouters(const BridgeControl& control) {
  PortSet ports;
  for (const SnoopedStatus& status : control.Multicast().vlans) ports |= status.routers;
  if (ports.empty()) return ordered_json::object();
  auto list = ordered_json::array();
  ports.ForEach([&](PortId port) { list.push_back({{"port", control.NameOf(port)}}); });
  return {{control.identity().name, std::move(list)}};
}

MethodResult ListGroups(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto dev = reader.MaybeText("dev");
  const auto port = reader.MaybeText("port");
  const auto vid = reader.MaybeNumber("vid", kLeastVlan.value, kMostVlan.value);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (absl::Status named = CheckBridgeName(context.control, "dev", dev); !named.ok()) return named;
  std::optional<PortId> only;
  if (port) {
    const auto found = FindPortOrBridge(context.control, *port);
    if (!found.ok()) return found.status();
    only = *found;
  }
  auto rows = AllRows(context.control);
  std::erase_if(rows, [&](const MdbRow& row) {
    return (vid && row.key.vlan.value != *vid) || (only && row.port != *only);
  });
  return ordered_json::array(
      {{{"mdb", ShowRows(context.control, rows)}, {"router", ShowRouters(context.control)}}});
}

MethodResult GetGroup(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto dev = reader.MaybeText("dev");
  const std::string text = reader.Text("grp");
  const auto source_text = reader.MaybeText("src");
  const auto vid = reader.MaybeNumber("vid", kLeastVlan.value, kMostVlan.value);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (absl::Status named = CheckBridgeName(context.control, "dev", dev); !named.ok()) return named;
  const auto group = ParseGroup(text);
  if (!group.ok()) return group.status();
  IpAddress source;
  if (source_text) {
    const auto parsed = ParseSource(*source_text, *group);
    if (!parsed.ok()) return parsed.status();
    source = *parsed;
  }
  auto rows = AllRows(context.control);
  std::erase_if(rows, [&](const MdbRow& row) {
    return row.key.group != *group || row.source != source || (vid && row.key.vlan.value != *vid);
  });
  if (rows.empty()) return absl::NotFoundError(fmt::format("{}: there is no entry for it", text));
  return ordered_json::array(
      {{{"mdb", ShowRows(context.control, rows)}, {"router", ordered_json::object()}}});
}

MethodResult FlushGroups(const MethodContext& context, const MethodCall& call) {
  BridgeControl& control = context.control;
  ParamReader reader(call.params);
  const auto dev = reader.MaybeText("dev");
  const auto port = reader.MaybeText("port");
  const auto vid = reader.MaybeNumber("vid", kLeastVlan.value, kMostVlan.value);
  const auto permanent = reader.MaybeFlag("permanent");
  const auto protocol = reader.MaybeTextOrNumber("proto");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (absl::Status named = CheckBridgeName(control, "dev", dev); !named.ok()) return named;
  std::optional<uint8_t> made_by;
  if (protocol) {
    const auto parsed = ParseProtocol(*protocol);
    if (!parsed.ok()) return parsed.status();
    made_by = *parsed;
  }
  std::optional<PortId> only;
  if (port) {
    const auto found = FindPortOrBridge(control, *port);
    if (!found.ok()) return found.status();
    only = *found;
  }
  uint64_t flushed = 0;
  for (const MdbRow& row : AllRows(control)) {
    const bool is_meant = (!vid || row.key.vlan.value == *vid) && (!only || row.port == *only) &&
                          (!permanent || row.permanent == *permanent) &&
                          (!made_by || (row.port != kBridgePort && row.made_by == *made_by));
    if (!is_meant || row.added_by_star_ex) continue;
    if (control.DeleteGroup(row.key, row.port, row.source).ok()) ++flushed;
  }
  return ordered_json{{"flushed", flushed}};
}

constexpr std::array kMdbMethods{
    Method{"mdb.add", MethodKind::kChanges, AddGroup<MdbVerb::kAdd>},
    Method{"mdb.replace", MethodKind::kChanges, AddGroup<MdbVerb::kReplace>},
    Method{"mdb.del", MethodKind::kChanges, DeleteGroup},
    Method{"mdb.get", MethodKind::kReads, GetGroup},
    Method{"mdb.list", MethodKind::kReads, ListGroups},
    Method{"mdb.flush", MethodKind::kChanges, FlushGroups},
};

}  // namespace

std::span<const Method> MdbMethods() { return kMdbMethods; }

}  // namespace tapswitch
