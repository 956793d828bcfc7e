#include "switch/handover/live_state_json.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "switch/forwarding/guards/move_watch.h"
#include "switch/handover/json_fields.h"
#include "switch/handover/snooping_json.h"
#include "switch/handover/tree_memory_json.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr uint64_t kMostPort = kMaxPorts - 1;
constexpr uint64_t kMostVlan = kVlanCount - 1;
// Credit below this is not earned by any frame (TokenBucket).
constexpr int64_t kLeastCredit = -(int64_t{1} << 56U);

json PairOf(uint64_t first, uint64_t second) { return json::array({first, second}); }

std::pair<uint64_t, uint64_t> PairFrom(JsonFields& fields, std::string_view key) {
  const json& pair = fields.Array(key);
  if (pair.empty()) return {};
  if (pair.size() >= 2 && pair[0].is_number_unsigned() && pair[1].is_number_unsigned()) {
    return {pair[0].get<uint64_t>(), pair[1].get<uint64_t>()};
  }
  fields.Note(absl::InvalidArgumentError("the state has a bad pair of counts"));
  return {};
}

FrameCounter FramesFrom(JsonFields& fields, std::string_view key) {
  const auto [frames, bytes] = PairFrom(fields, key);
  return {.frames = frames, .bytes = bytes};
}

// Counts by name, without those that are zero.
template <typename NameOf>
json NamedCounts(std::span<const uint64_t> counts, const NameOf& name_of) {
  json named = json::object();
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] != 0) named[std::string(name_of(i))] = counts[i];
  }
  return named;
}

template <typename NameOf>
void ReadNamedCounts(JsonFields& fields, std::string_view key, std::span<uint64_t> counts,
                     const NameOf& name_of) {
  JsonFields named(fields.Object(key));
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = named.Number(name_of(i));
  fields.Note(named.status());
}

std::string_view DropName(size_t i) { return kDropReasons[i].name; }
std::string_view StormName(size_t i) { return kStormKindNames[i]; }
std::string_view AlarmName(size_t i) { return kAlarmNames[i]; }

// The ordinary case has no name, as it is not counted.
std::string_view LearnName(size_t i) {
  for (const LearnResultInfo& info : kCountedLearnResults) {
    if (static_cast<size_t>(info.result) == i) return info.name;
  }
  return "refreshed";
}

json CountersToJson(const PortCounters& counters) {
  return {{"received", PairOf(counters.received.frames, counters.received.bytes)},
          {"sent", PairOf(counters.sent.frames, counters.sent.bytes)},
          {"joined", PairOf(counters.joined.frames, counters.joined.into)},
          {"forwarded", counters.forwarded},
          {"drops", NamedCounts(counters.drops, DropName)},
          {"learning", NamedCounts(counters.learning, LearnName)},
          {"storm", NamedCounts(counters.storm, StormName)},
          {"alarms", NamedCounts(counters.alarms, AlarmName)}};
}

PortCounters CountersFromJson(JsonFields& port) {
  JsonFields fields(port.Object("counters"));
  PortCounters counters{.received = FramesFrom(fields, "received"),
                        .sent = FramesFrom(fields, "sent"),
                        .forwarded = fields.Number("forwarded")};
  const auto [frames, into] = PairFrom(fields, "joined");
  counters.joined = {.frames = frames, .into = into};
  ReadNamedCounts(fields, "drops", counters.drops, DropName);
  ReadNamedCounts(fields, "learning", counters.learning, LearnName);
  ReadNamedCounts(fields, "storm", counters.storm, StormName);
  ReadNamedCounts(fields, "alarms", counters.alarms, AlarmName);
  port.Note(fields.status());
  return counters;
}

json EpisodeToJson(const EpisodeMemory& episode) {
  return {{"last", episode.last->centiseconds}, {"shuts_down", episode.shuts_down}};
}

EpisodeMemory EpisodeFromJson(JsonFields& parent, std::string_view key) {
  if (!parent.has(key)) return {};
  JsonFields fields(parent.Object(key));
  EpisodeMemory episode{.last = Tick{fields.Number("last")},
                        .shuts_down = fields.Flag("shuts_down")};
  parent.Note(fields.status());
  return episode;
}

json BucketToJson(const TokenBucket& bucket) {
  return {{"per_second", bucket.limit().per_second},
          {"in_bits", bucket.limit().in_bits},
          {"burst", bucket.limit().burst.centiseconds},
          {"credit", bucket.credit()},
          {"seen", bucket.seen().centiseconds}};
}

TokenBucket BucketFromJson(JsonFields& parent, std::string_view key) {
  if (!parent.has(key)) return {};
  JsonFields fields(parent.Object(key));
  const RateLimit limit{
      .per_second = fields.Number("per_second", 0, RateLimit::kMost),
      .in_bits = fields.Flag("in_bits"),
      .burst = {fields.Number("burst", 1, RateLimit::kLongestBurst.centiseconds)}};
  const int64_t credit = std::max(fields.Signed("credit"), kLeastCredit);
  const Tick seen{fields.Number("seen")};
  parent.Note(fields.status());
  return {limit, credit, seen};
}

// Without what is as at the beginning.
json GuardsToJson(const PortGuardMemory& guards) {
  json shown = json::object();
  for (size_t i = 0; i < kStormKindCount; ++i) {
    const std::string kind(kStormKindNames[i]);
    if (guards.buckets[i] != TokenBucket())
      shown["bucket_" + kind] = BucketToJson(guards.buckets[i]);
    if (guards.storms[i].last) shown["storm_" + kind] = EpisodeToJson(guards.storms[i]);
  }
  if (guards.at_limit.last) shown["at_limit"] = EpisodeToJson(guards.at_limit);
  if (guards.spoofing.last) shown["spoofing"] = EpisodeToJson(guards.spoofing);
  return shown;
}

PortGuardMemory GuardsFromJson(JsonFields& port) {
  JsonFields fields(port.Object("guards"));
  PortGuardMemory guards;
  for (size_t i = 0; i < kStormKindCount; ++i) {
    const std::string kind(kStormKindNames[i]);
    guards.buckets[i] = BucketFromJson(fields, "bucket_" + kind);
    guards.storms[i] = EpisodeFromJson(fields, "storm_" + kind);
  }
  guards.at_limit = EpisodeFromJson(fields, "at_limit");
  guards.spoofing = EpisodeFromJson(fields, "spoofing");
  port.Note(fields.status());
  return guards;
}

// A cause that this version does not know is the first one: that it is shut down matters more.
std::optional<ShutDown> ShutDownFromJson(JsonFields& port) {
  if (!port.has("shut_down")) return std::nullopt;
  JsonFields fields(port.Object("shut_down"));
  ShutDown shut_down;
  const std::string cause = fields.Text("cause");
  const auto* const found = std::find(kAlarmNames.begin(), kAlarmNames.end(), cause);
  if (found != kAlarmNames.end()) {
    shut_down.cause = static_cast<Alarm::Kind>(found - kAlarmNames.begin());
  }
  if (fields.has("until")) shut_down.until = Tick{fields.Number("until")};
  port.Note(fields.status());
  return shut_down;
}

json PortToJson(const PortLiveState& port) {
  json shown{{"id", port.id.value}, {"counters", CountersToJson(port.counters)}};
  if (json guards = GuardsToJson(port.guards); !guards.empty()) {
    shown["guards"] = std::move(guards);
  }
  if (port.shut_down) {
    json& shut_down = shown["shut_down"];
    shut_down["cause"] = NameOf(port.shut_down->cause);
    if (port.shut_down->until) shut_down["until"] = port.shut_down->until->centiseconds;
  }
  return shown;
}

absl::Status ReadLivePort(const json& shown, LiveState& live) {
  JsonFields fields(shown);
  const PortLiveState port{.id = {static_cast<uint16_t>(fields.Number("id", 0, kMostPort))},
                           .counters = CountersFromJson(fields),
                           .guards = GuardsFromJson(fields),
                           .shut_down = ShutDownFromJson(fields)};
  if (fields.status().ok()) live.ports.push_back(port);
  return fields.status();
}

absl::Status ReadVlan(const json& shown, LiveState& live) {
  JsonFields fields(shown);
  const VlanLiveState vlan{
      .vlan = {static_cast<uint16_t>(fields.Number("vlan", 0, kMostVlan))},
      .port = {static_cast<uint16_t>(fields.Number("port", 0, kMostPort))},
      .counters = {.received = FramesFrom(fields, "received"), .sent = FramesFrom(fields, "sent")}};
  if (fields.status().ok()) live.vlans.push_back(vlan);
  return fields.status();
}

json MoveToJson(const MoveMemory& move) {
  return {{"vlan", move.vlan.value},
          {"address", move.address.number()},
          {"first", move.first},
          {"last", move.last},
          {"told_until", move.told_until},
          {"held_until", move.held_until},
          {"moves", move.moves}};
}

absl::Status ReadMove(const json& shown, LiveState& live) {
  JsonFields fields(shown);
  const MoveMemory move{.vlan = {static_cast<uint16_t>(fields.Number("vlan", 0, kMostVlan))},
                        .address = MacAddress::FromNumber(fields.Number("address")),
                        .first = fields.Number("first"),
                        .last = fields.Number("last"),
                        .told_until = fields.Number("told_until"),
                        .held_until = fields.Number("held_until"),
                        .moves = static_cast<uint32_t>(
                            fields.Number("moves", 0, std::numeric_limits<uint32_t>::max() - 1))};
  if (fields.status().ok()) live.moves.push_back(move);
  return fields.status();
}

// Takes each element in turn, up to the first that makes no sense.
template <typename Read>
void ReadAll(JsonFields& fields, std::string_view key, size_t most, LiveState& live, Read read) {
  const json& array = fields.Array(key);
  if (array.size() > most) {
    fields.Note(absl::InvalidArgumentError("the state is larger than any switch"));
    return;
  }
  for (const json& element : array) fields.Note(read(element, live));
}

// Takes a part that may be missing.
template <typename Part, typename Read>
void ReadPart(JsonFields& fields, std::string_view key, Read read, std::optional<Part>& place) {
  if (!fields.has(key)) return;
  auto part = read(fields.Object(key));
  fields.Note(part.status());
  if (part.ok()) place = *std::move(part);
}

}  // namespace

json LiveStateToJson(const LiveState& live) {
  json shown{{"ports", json::array()}, {"evictions", live.evictions}};
  for (const PortLiveState& port : live.ports) shown["ports"].push_back(PortToJson(port));
  for (const VlanLiveState& vlan : live.vlans) {
    const auto& [received, sent] = vlan.counters;
    shown["vlans"].push_back({{"vlan", vlan.vlan.value},
                              {"port", vlan.port.value},
                              {"received", PairOf(received.frames, received.bytes)},
                              {"sent", PairOf(sent.frames, sent.bytes)}});
  }
  for (const MoveMemory& move : live.moves) shown["moves"].push_back(MoveToJson(move));
  shown["loops"] = {{"probes", live.loops.probes}, {"loops", live.loops.loops}};
  shown["neighbours"] = {{"answered", live.neighbours.answered},
                         {"spared", live.neighbours.spared},
                         {"contested", live.neighbours.contested}};
  if (live.tree) shown["tree"] = TreeToJson(*live.tree);
  if (live.snooping) shown["snooping"] = SnoopingToJson(*live.snooping);
  return shown;
}

absl::StatusOr<LiveState> LiveStateFromJson(const json& shown) {
  JsonFields fields(shown);
  LiveState live{.evictions = fields.Number("evictions")};
  ReadAll(fields, "ports", kMaxPorts, live, ReadLivePort);
  ReadAll(fields, "vlans", size_t{kMaxPorts} * kVlanCount, live, ReadVlan);
  ReadAll(fields, "moves", MoveWatch::kStations, live, ReadMove);
  JsonFields loops(fields.Object("loops"));
  live.loops = {.probes = loops.Number("probes"), .loops = loops.Number("loops")};
  JsonFields neighbours(fields.Object("neighbours"));
  live.neighbours = {.answered = neighbours.Number("answered"),
                     .spared = neighbours.Number("spared"),
                     .contested = neighbours.Number("contested")};
  fields.Note(loops.status());
  fields.Note(neighbours.status());
  ReadPart(fields, "tree", TreeFromJson, live.tree);
  ReadPart(fields, "snooping", SnoopingFromJson, live.snooping);
  if (!fields.status().ok()) return fields.status();
  return live;
}

}  // namespace tapswitch
