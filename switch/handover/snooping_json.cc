#include "switch/handover/snooping_json.h"

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"
#include "switch/handover/json_fields.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr uint64_t kMostSnoopedPort = kMaxPorts - 1;
constexpr uint64_t kMostSnoopedVlan = kVlanCount - 1;
constexpr uint64_t kMostStation = 0xFFFF'FFFF'FFFF;
constexpr uint64_t kMostVersion = std::numeric_limits<uint8_t>::max();
constexpr uint64_t kMostCount32 = std::numeric_limits<uint32_t>::max();

absl::Status BadSnooping(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("the state has a bad {}", what));
}

PortId SnoopedPortFrom(JsonFields& fields, std::string_view key) {
  return {static_cast<uint16_t>(fields.Number(key, 0, kMostSnoopedPort))};
}

VlanId SnoopedVlanFrom(JsonFields& fields) {
  return {static_cast<uint16_t>(fields.Number("vlan", 0, kMostSnoopedVlan))};
}

json HeardToJson(const HeardQuerier& heard) {
  return {{"ip", IpAddressText(heard.address)},
          {"port", heard.port.value},
          {"version", heard.version},
          {"first", heard.first_heard.centiseconds},
          {"last", heard.last_heard.centiseconds},
          {"until", heard.until.centiseconds}};
}

HeardQuerier HeardFrom(JsonFields& parent, std::string_view key) {
  if (!parent.has(key)) return {};
  JsonFields fields(parent.Object(key));
  const auto address = ParseIpAddress("ip", fields.Text("ip"));
  const HeardQuerier heard{
      .address = address.value_or(IpAddress()),
      .port = SnoopedPortFrom(fields, "port"),
      .version = static_cast<uint8_t>(fields.Number("version", 0, kMostVersion)),
      .first_heard = Tick{fields.Number("first")},
      .last_heard = Tick{fields.Number("last")},
      .until = Tick{fields.Number("until")}};
  fields.Note(address.status());
  parent.Note(fields.status());
  return heard.address == IpAddress() ? HeardQuerier() : heard;
}

json ContextToJson(const SnoopingMemory::Context& context) {
  const QuerierMemory& querier = context.querier;
  json shown{
      {"vlan", context.vlan.value},        {"v4", context.is_v4},
      {"next", querier.next.centiseconds}, {"startup_left", querier.startup_left},
      {"was_asked", querier.was_asked},    {"answered_at", querier.answered_at.centiseconds}};
  if (querier.other.address != IpAddress()) shown["other"] = HeardToJson(querier.other);
  if (querier.rival.address != IpAddress()) shown["rival"] = HeardToJson(querier.rival);
  for (const RouterPorts::Heard& router : context.routers) {
    shown["routers"].push_back(json::array({router.port.value, router.until.centiseconds}));
  }
  if (context.check_answers_at) shown["check"] = context.check_answers_at->centiseconds;
  return shown;
}

std::vector<RouterPorts::Heard> RoutersFrom(JsonFields& fields) {
  std::vector<RouterPorts::Heard> routers;
  for (const json& one : fields.Array("routers")) {
    const bool has_sense = one.is_array() && one.size() >= 2 && one[0].is_number_unsigned() &&
                           one[1].is_number_unsigned() &&
                           one[0].get<uint64_t>() <= kMostSnoopedPort && routers.size() < kMaxPorts;
    if (!has_sense) {
      fields.Note(BadSnooping("list of routers"));
      break;
    }
    routers.push_back({PortId{one[0].get<uint16_t>()}, Tick{one[1].get<uint64_t>()}});
  }
  return routers;
}

SnoopingMemory::Context ContextFrom(JsonFields& fields) {
  SnoopingMemory::Context context{.vlan = SnoopedVlanFrom(fields),
                                  .is_v4 = fields.Flag("v4"),
                                  .querier = {.other = HeardFrom(fields, "other"),
                                              .rival = HeardFrom(fields, "rival"),
                                              .next = Tick{fields.Number("next")},
                                              .startup_left = static_cast<uint32_t>(
                                                  fields.Number("startup_left", 0, kMostCount32)),
                                              .was_asked = fields.Flag("was_asked"),
                                              .answered_at = Tick{fields.Number("answered_at")}},
                                  .routers = RoutersFrom(fields),
                                  .check_answers_at = std::nullopt};
  if (fields.has("check")) context.check_answers_at = Tick{fields.Number("check")};
  return context;
}

json SnoopedPortToJson(const SnoopingMemory::Port& port) {
  json shown{{"id", port.id.value}};
  if (port.unasked_until) shown["unasked_until"] = port.unasked_until->centiseconds;
  if (port.is_deaf) shown["deaf"] = true;
  if (port.unanswered != 0) shown["unanswered"] = port.unanswered;
  if (port.counted != Tick{}) shown["counted"] = port.counted.centiseconds;
  if (port.refused != Memberships::Refused()) {
    shown["refused"] = {{"count", port.refused.count},
                        {"crowded", port.refused.is_crowded},
                        {"flooded_until", port.refused.flooded_until.centiseconds},
                        {"told_until", port.refused.told_until.centiseconds}};
  }
  for (const MldWitnesses::Witness& one : port.witnesses) {
    shown["witnesses"].push_back({{"vlan", one.vlan.value},
                                  {"mac", one.station.number()},
                                  {"until", one.until.centiseconds}});
  }
  return shown;
}

Memberships::Refused RefusedFrom(JsonFields& port) {
  JsonFields fields(port.Object("refused"));
  const Memberships::Refused refused{
      .count = static_cast<uint32_t>(fields.Number("count", 0, kMostCount32)),
      .is_crowded = fields.Flag("crowded"),
      .flooded_until = Tick{fields.Number("flooded_until")},
      .told_until = Tick{fields.Number("told_until")}};
  port.Note(fields.status());
  return refused;
}

std::vector<MldWitnesses::Witness> WitnessesFrom(JsonFields& port) {
  std::vector<MldWitnesses::Witness> witnesses;
  const json& shown = port.Array("witnesses");
  if (shown.size() > MldWitnesses::kMostOfPort) port.Note(BadSnooping("number of witnesses"));
  for (const json& one : shown) {
    if (witnesses.size() == MldWitnesses::kMostOfPort) break;
    JsonFields fields(one);
    witnesses.push_back({.vlan = SnoopedVlanFrom(fields),
                         .station = MacAddress::FromNumber(fields.Number("mac", 0, kMostStation)),
                         .until = Tick{fields.Number("until")}});
    port.Note(fields.status());
  }
  return witnesses;
}

SnoopingMemory::Port SnoopedPortFromJson(JsonFields& fields) {
  SnoopingMemory::Port port{
      .id = SnoopedPortFrom(fields, "id"),
      .unasked_until = std::nullopt,
      .is_deaf = fields.Flag("deaf"),
      .unanswered = static_cast<uint8_t>(fields.Number("unanswered", 0, kMostVersion)),
      .counted = Tick{fields.Number("counted")},
      .refused = RefusedFrom(fields),
      .witnesses = WitnessesFrom(fields)};
  if (fields.has("unasked_until")) port.unasked_until = Tick{fields.Number("unasked_until")};
  return port;
}

void ReadVersions(JsonFields& fields, std::string_view key, std::span<uint64_t> counts) {
  const json& shown = fields.Array(key);
  for (size_t i = 0; i < counts.size() && i < shown.size(); ++i) {
    if (!shown[i].is_number_unsigned()) return fields.Note(BadSnooping("count of messages"));
    counts[i] = shown[i].get<uint64_t>();
  }
}

json SnoopingCountersToJson(const SnoopingCounters& counters) {
  return {{"igmp_queries", counters.igmp_queries},
          {"igmp_reports", counters.igmp_reports},
          {"igmp_leaves", counters.igmp_leaves},
          {"mld_queries", counters.mld_queries},
          {"mld_reports", counters.mld_reports},
          {"mld_leaves", counters.mld_leaves},
          {"routers", counters.routers},
          {"malformed", counters.malformed},
          {"sent_igmp_queries", counters.sent_igmp_queries},
          {"sent_mld_queries", counters.sent_mld_queries}};
}

SnoopingCounters SnoopingCountersFrom(JsonFields& parent) {
  JsonFields fields(parent.Object("counters"));
  SnoopingCounters counters{.igmp_leaves = fields.Number("igmp_leaves"),
                            .mld_leaves = fields.Number("mld_leaves"),
                            .routers = fields.Number("routers"),
                            .malformed = fields.Number("malformed"),
                            .sent_igmp_queries = fields.Number("sent_igmp_queries"),
                            .sent_mld_queries = fields.Number("sent_mld_queries")};
  ReadVersions(fields, "igmp_queries", counters.igmp_queries);
  ReadVersions(fields, "igmp_reports", counters.igmp_reports);
  ReadVersions(fields, "mld_queries", counters.mld_queries);
  ReadVersions(fields, "mld_reports", counters.mld_reports);
  parent.Note(fields.status());
  return counters;
}

}  // namespace

json SnoopingToJson(const SnoopingMemory& memory) {
  json shown{{"counters", SnoopingCountersToJson(memory.counters)},
             {"refused", memory.refused},
             {"too_many", memory.too_many},
             {"contexts", json::array()},
             {"ports", json::array()}};
  for (const auto& context : memory.contexts) shown["contexts"].push_back(ContextToJson(context));
  for (const auto& port : memory.ports) shown["ports"].push_back(SnoopedPortToJson(port));
  return shown;
}

absl::StatusOr<SnoopingMemory> SnoopingFromJson(const json& shown) {
  JsonFields fields(shown);
  SnoopingMemory memory{.contexts = {},
                        .ports = {},
                        .counters = SnoopingCountersFrom(fields),
                        .refused = fields.Number("refused"),
                        .too_many = fields.Number("too_many")};
  const json& contexts = fields.Array("contexts");
  const json& ports = fields.Array("ports");
  if (contexts.size() > size_t{2} * kVlanCount || ports.size() > kMaxPorts) {
    return BadSnooping("number of VLANs or ports that are snooped");
  }
  for (const json& one : contexts) {
    JsonFields context(one);
    memory.contexts.push_back(ContextFrom(context));
    fields.Note(context.status());
  }
  for (const json& one : ports) {
    JsonFields port(one);
    memory.ports.push_back(SnoopedPortFromJson(port));
    fields.Note(port.status());
  }
  if (!fields.status().ok()) return fields.status();
  return memory;
}

}  // namespace tapswitch
