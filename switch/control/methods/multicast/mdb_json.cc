#include "switch/control/methods/multicast/mdb_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

// The protocols by the names that iproute2 gives them (rt_protos).
constexpr std::array<std::pair<std::string_view, uint8_t>, 12> kProtocols{{{"kernel", 2},
                                                                           {"boot", 3},
                                                                           {"static", 4},
                                                                           {"ra", 9},
                                                                           {"mrt", 10},
                                                                           {"zebra", 11},
                                                                           {"bird", 12},
                                                                           {"dhcp", 16},
                                                                           {"bgp", 186},
                                                                           {"isis", 187},
                                                                           {"ospf", 188},
                                                                           {"rip", 189}}};

uint64_t Remaining(Tick until, Tick now) {
  return until.centiseconds - std::min(until, now).centiseconds;
}

// In seconds; aligned as iproute2 aligns the timer of an entry, but not that of a source.
std::string TimerText(Tick until, Tick now, bool aligned) {
  const uint64_t left = Remaining(until, now);
  return fmt::format("{:>{}}.{:02}", left / 100, aligned ? 4 : 1, left % 100);
}

MdbRow RowOf(const GroupKey& key, const GroupMember& member) {
  MdbRow row{.key = key,
             .port = member.port,
             .source = {},
             .permanent = member.permanent,
             .mode = member.mode,
             .sources = {},
             .made_by = member.made_by,
             .until = member.mode == FilterMode::kExclude ? member.until : Tick{}};
  for (const GroupSource& source : member.sources) {
    if (!source.own_entry) row.sources.push_back(source);
  }
  return row;
}

MdbRow RowOf(const GroupKey& key, const GroupMember& member, const GroupSource& source) {
  return {.key = key,
          .port = member.port,
          .source = source.address,
          .permanent = source.own_entry ? source.permanent : member.permanent,
          .mode = FilterMode::kInclude,
          .sources = {},
          .made_by = source.own_entry ? source.made_by : member.made_by,
          .blocked = source.blocked,
          .until = source.own_entry ? source.until : Tick{}};
}

bool Lists(const GroupMember& member, IpAddress source) {
  return std::any_of(member.sources.begin(), member.sources.end(),
                     [&](const GroupSource& one) { return one.address == source; });
}

void AddStarExcludeRows(const GroupKey& key, const MulticastGroup& group,
                        std::vector<MdbRow>& rows) {
  std::set<IpAddress> sources;
  for (const GroupMember& member : group.members()) {
    for (const GroupSource& source : member.sources) sources.insert(source.address);
  }
  for (const GroupMember& member : group.members()) {
    if (!member.wants_any_source()) continue;
    for (const IpAddress source : sources) {
      if (Lists(member, source)) continue;
      rows.push_back({.key = key,
                      .port = member.port,
                      .source = source,
                      .permanent = member.permanent,
                      .mode = FilterMode::kInclude,
                      .sources = {},
                      .made_by = member.made_by,
                      .added_by_star_ex = true});
    }
  }
}

}  // namespace

std::vector<MdbRow> RowsOf(const GroupKey& key, const MulticastGroup& group) {
  std::vector<MdbRow> rows;
  if (group.host.joined) {
    rows.push_back({.key = key,
                    .port = kBridgePort,
                    .source = {},
                    .permanent = group.host.permanent,
                    .sources = {},
                    .until = group.host.until});
  }
  for (const GroupMember& member : group.members()) {
    if (member.has_star) rows.push_back(RowOf(key, member));
  }
  for (const GroupMember& member : group.members()) {
    for (const GroupSource& source : member.sources) rows.push_back(RowOf(key, member, source));
  }
  AddStarExcludeRows(key, group, rows);
  return rows;
}

ordered_json ShowMdbRow(const BridgeControl& control, const MdbRow& row, Tick now) {
  ordered_json shown{{"dev", control.identity().name},
                     {"port", control.NameOf(row.port)},
                     {"grp", GroupText(row.key.group)}};
  if (row.source != IpAddress()) shown["src"] = IpAddressText(row.source);
  shown["state"] = row.permanent ? "permanent" : "temp";
  if (row.port != kBridgePort && !row.key.group.is_mac()) {
    shown["filter_mode"] = row.mode == FilterMode::kInclude ? "include" : "exclude";
    auto sources = ordered_json::array();
    for (const GroupSource& source : row.sources) {
      sources.push_back({{"address", IpAddressText(source.address)},
                         {"timer", TimerText(source.until, now, false)}});
    }
    if (!sources.empty()) shown["source_list"] = std::move(sources);
  }
  if (row.port != kBridgePort) shown["protocol"] = ProtocolText(row.made_by);
  auto flags = ordered_json::array();
  const PortConfig* const port = control.config().port(control.NameOf(row.port));
  if (port != nullptr && port->settings.fastleave) flags.push_back("fast_leave");
  if (row.added_by_star_ex) flags.push_back("added_by_star_ex");
  if (row.blocked) flags.push_back("blocked");
  shown["flags"] = std::move(flags);
  if (row.key.vlan != kNoVlan) shown["vid"] = row.key.vlan.value;
  shown["timer"] = TimerText(row.until, now, true);
  return shown;
}

std::string GroupText(const GroupAddress& group) {
  return group.is_mac() ? group.mac.ToString() : IpAddressText(group.ip);
}

absl::StatusOr<GroupAddress> ParseGroup(const std::string& text) {
  if (const auto mac = MacAddress::Parse(text)) {
    if (mac->is_multicast() && !mac->is_broadcast()) return GroupAddress::Of(*mac);
    return absl::InvalidArgumentError(fmt::format("grp {}: it is no group address", text));
  }
  const auto ip = ParseIpAddress("grp", text);
  if (!ip.ok()) return ip.status();
  if (ip->is_multicast() && !IsLocalGroupV4(*ip) && !IsAllNodes(*ip)) return GroupAddress::Of(*ip);
  return absl::InvalidArgumentError(fmt::format(
      "grp {}: it is no group, or one whose frames are never withheld: leave it out", text));
}

std::string ProtocolText(uint8_t made_by) {
  for (const auto& [name, number] : kProtocols) {
    if (number == made_by) return std::string(name);
  }
  return std::to_string(made_by);
}

absl::StatusOr<uint8_t> ParseProtocol(const std::string& text) {
  for (const auto& [name, number] : kProtocols) {
    if (name == text) return number;
  }
  uint8_t number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (!text.empty() && error == std::errc() && at == text.data() + text.size()) return number;
  return absl::InvalidArgumentError(fmt::format(
      "proto '{:.100}': expected a name, such as static or bgp, or a number up to 255", text));
}

}  // namespace tapswitch
