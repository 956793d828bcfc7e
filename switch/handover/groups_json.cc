// Groups and their members as JSON. What is as at the beginning is left out.

#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"
#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/handover/json_fields.h"
#include "switch/handover/snooping_json.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr uint64_t kMostGroupMac = 0xFFFF'FFFF'FFFF;
constexpr uint64_t kMost8 = std::numeric_limits<uint8_t>::max();

absl::Status BadGroups(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("the state has a bad {}", what));
}

void AddTick(json& shown, std::string_view name, Tick tick) {
  if (tick != Tick{}) shown[std::string(name)] = tick.centiseconds;
}

void AddFlag(json& shown, std::string_view name, bool flag) {
  if (flag) shown[std::string(name)] = true;
}

void AddAsk(json& shown, const PendingAsk& ask) {
  if (ask.left == 0) return;
  shown["asks"] = ask.left;
  shown["asks_at"] = ask.next.centiseconds;
}

PendingAsk AskFrom(JsonFields& fields) {
  const auto left = static_cast<uint8_t>(fields.Number("asks", 0, kMost8));
  if (left == 0) return {};
  return {.left = left, .next = Tick{fields.Number("asks_at")}};
}

// An address that is missing is none.
IpAddress IpFrom(JsonFields& fields, std::string_view key) {
  if (!fields.has(key)) return {};
  const auto address = ParseIpAddress(key, fields.Text(key));
  fields.Note(address.status());
  return address.value_or(IpAddress());
}

uint8_t MakerFrom(JsonFields& fields) {
  return static_cast<uint8_t>(fields.Number("made_by", kMadeByReport, kMost8));
}

json SourceToJson(const GroupSource& source) {
  json shown{{"ip", IpAddressText(source.address)}};
  AddFlag(shown, "blocked", source.blocked);
  AddFlag(shown, "own_entry", source.own_entry);
  AddFlag(shown, "permanent", source.permanent);
  if (source.made_by != kMadeByReport) shown["made_by"] = source.made_by;
  AddTick(shown, "until", source.until);
  AddAsk(shown, source.ask);
  return shown;
}

GroupSource SourceFrom(JsonFields& fields) {
  return {.address = IpFrom(fields, "ip"),
          .blocked = fields.Flag("blocked"),
          .own_entry = fields.Flag("own_entry"),
          .permanent = fields.Flag("permanent"),
          .made_by = MakerFrom(fields),
          .until = Tick{fields.Number("until")},
          .ask = AskFrom(fields)};
}

json HostToJson(const GroupHost& host) {
  return {{"ip", IpAddressText(host.address)},
          {"mac", host.mac.number()},
          {"until", host.until.centiseconds}};
}

GroupHost HostFrom(JsonFields& fields) {
  return {.address = IpFrom(fields, "ip"),
          .mac = MacAddress::FromNumber(fields.Number("mac", 0, kMostGroupMac)),
          .until = Tick{fields.Number("until")}};
}

json MemberToJson(const GroupMember& member) {
  json shown{{"port", member.port.value}};
  AddFlag(shown, "exclude", member.mode == FilterMode::kExclude);
  AddFlag(shown, "star", member.has_star);
  AddFlag(shown, "permanent", member.permanent);
  if (member.made_by != kMadeByReport) shown["made_by"] = member.made_by;
  AddTick(shown, "until", member.until);
  AddTick(shown, "version_1_until", member.version_1_until);
  AddTick(shown, "version_2_until", member.version_2_until);
  AddAsk(shown, member.ask);
  for (const GroupSource& source : member.sources) shown["sources"].push_back(SourceToJson(source));
  for (const GroupHost& host : member.hosts) shown["hosts"].push_back(HostToJson(host));
  AddFlag(shown, "more_hosts", !member.hosts_are_all);
  return shown;
}

// Reads each element of an array, of which there are `most` at most.
template <typename Element, typename Read>
std::vector<Element> ReadEach(JsonFields& fields, std::string_view key, size_t most, Read read) {
  std::vector<Element> elements;
  const json& shown = fields.Array(key);
  if (shown.size() > most) {
    fields.Note(BadGroups(key));
    return elements;
  }
  for (const json& one : shown) {
    JsonFields element(one);
    elements.push_back(read(element));
    fields.Note(element.status());
  }
  return elements;
}

bool IsAscending(const std::vector<GroupSource>& sources) {
  for (size_t i = 1; i < sources.size(); ++i) {
    if (sources[i - 1].address >= sources[i].address) return false;
  }
  return true;
}

GroupMember MemberFrom(JsonFields& fields) {
  GroupMember member{
      .port = {static_cast<uint16_t>(fields.Number("port", 0, kMaxPorts - 1))},
      .mode = fields.Flag("exclude") ? FilterMode::kExclude : FilterMode::kInclude,
      .has_star = fields.Flag("star"),
      .permanent = fields.Flag("permanent"),
      .made_by = MakerFrom(fields),
      .until = Tick{fields.Number("until")},
      .version_1_until = Tick{fields.Number("version_1_until")},
      .version_2_until = Tick{fields.Number("version_2_until")},
      .ask = AskFrom(fields),
      .sources =
          ReadEach<GroupSource>(fields, "sources", GroupMember::kMostSources + 1, SourceFrom),
      .hosts = ReadEach<GroupHost>(fields, "hosts", GroupMember::kMostHosts, HostFrom),
      .hosts_are_all = !fields.Flag("more_hosts")};
  if (!IsAscending(member.sources)) fields.Note(BadGroups("order of sources"));
  return member;
}

json GroupToJson(const GroupMemory& group) {
  json shown{{"vlan", group.key.vlan.value}};
  if (group.key.group.is_mac()) {
    shown["mac"] = group.key.group.mac.number();
  } else {
    shown["ip"] = IpAddressText(group.key.group.ip);
  }
  AddFlag(shown, "host", group.host.joined);
  AddFlag(shown, "host_permanent", group.host.permanent);
  AddTick(shown, "host_until", group.host.until);
  AddTick(shown, "known_until", group.known_until);
  for (const GroupMember& member : group.members) shown["members"].push_back(MemberToJson(member));
  return shown;
}

GroupMemory GroupFrom(JsonFields& fields) {
  GroupMemory group{
      .key = {.vlan = {static_cast<uint16_t>(fields.Number("vlan", 0, kVlanCount - 1))},
              .group = {.ip = IpFrom(fields, "ip"),
                        .mac = MacAddress::FromNumber(fields.Number("mac", 0, kMostGroupMac))}},
      .host = {.joined = fields.Flag("host"),
               .permanent = fields.Flag("host_permanent"),
               .until = Tick{fields.Number("host_until")}},
      .known_until = Tick{fields.Number("known_until")},
      .members = ReadEach<GroupMember>(fields, "members", kMaxPorts, MemberFrom)};
  if (!group.key.group.is_mac()) group.key.group.mac = {};
  return group;
}

}  // namespace

json GroupsToJson(const std::vector<GroupMemory>& groups) {
  json shown = json::array();
  for (const GroupMemory& group : groups) shown.push_back(GroupToJson(group));
  return shown;
}

absl::StatusOr<std::vector<GroupMemory>> GroupsFromJson(const json& shown) {
  // Each group counts, and those that are only known besides.
  constexpr size_t kMost = size_t{2} * MulticastTable::kMostGroups;
  if (!shown.is_array() || shown.size() > kMost) return BadGroups("list of groups");
  std::vector<GroupMemory> groups;
  groups.reserve(shown.size());
  for (const json& one : shown) {
    JsonFields fields(one);
    groups.push_back(GroupFrom(fields));
    if (!fields.status().ok()) return fields.status();
  }
  return groups;
}

}  // namespace tapswitch
