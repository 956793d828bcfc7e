#include "switch/handover/table_json.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"
#include "switch/handover/json_fields.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr uint64_t kMostEntries = uint64_t{1} << 30U;
constexpr uint64_t kMostAddress = 0xFFFF'FFFF'FFFF;

absl::Status BadEntry(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("the state has a bad {}", what));
}

// The kinds of changes that are handed over. Gates and views are made anew.
constexpr std::array<std::pair<Change::Kind, std::string_view>, 11> kKinds{{
    {Change::Kind::kSet, "set"},  // the first of those with this name is what it is read as
    {Change::Kind::kLearned, "set"},
    {Change::Kind::kMoved, "set"},
    {Change::Kind::kAppended, "append"},
    {Change::Kind::kErased, "erase"},
    {Change::Kind::kAged, "erase"},
    {Change::Kind::kFlushed, "erase"},
    {Change::Kind::kPortFlushed, "flush_port"},
    {Change::Kind::kVlanFlushed, "flush_vlan"},
    {Change::Kind::kHeld, "hold"},
    {Change::Kind::kReleased, "release"},
}};

std::string_view NameOf(Change::Kind kind) {
  const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                         [&](const auto& one) { return one.first == kind; });
  return found == kKinds.end() ? std::string_view() : found->second;
}

std::optional<Change::Kind> KindNamed(std::string_view name) {
  const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                         [&](const auto& one) { return one.second == name; });
  return found == kKinds.end() ? std::nullopt : std::optional(found->first);
}

std::string WordsOf(const MacEntry& entry) {
  std::string words = entry.state == MacEntryState::kStatic      ? "static"
                      : entry.state == MacEntryState::kPermanent ? "permanent"
                                                                 : "";
  if (entry.sticky) words += " sticky";
  if (entry.by_user) words += " by_user";
  if (entry.extern_learn) words += " extern_learn";
  if (entry.locked) words += " locked";
  return words;
}

bool HasWord(std::string_view words, std::string_view word) {
  for (size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || words[at - 1] == ' ';
    if (begins && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

void ReadWords(std::string_view words, MacEntry& entry) {
  if (HasWord(words, "static")) entry.state = MacEntryState::kStatic;
  if (HasWord(words, "permanent")) entry.state = MacEntryState::kPermanent;
  entry.sticky = HasWord(words, "sticky");
  entry.by_user = HasWord(words, "by_user");
  entry.extern_learn = HasWord(words, "extern_learn");
  entry.locked = HasWord(words, "locked");
}

json EntryToJson(const MacEntry& entry) {
  return json::array({entry.vlan.value, entry.address.number(), entry.port.value,
                      entry.last_seen.centiseconds, WordsOf(entry)});
}

std::optional<MacEntry> EntryFromJson(const json& shown) {
  constexpr std::array<uint64_t, 4> kMost{kVlanCount - 1, kMostAddress,
                                          std::numeric_limits<uint16_t>::max(),
                                          std::numeric_limits<uint64_t>::max()};
  if (!shown.is_array() || shown.size() < kMost.size() + 1) return std::nullopt;
  std::array<uint64_t, kMost.size()> numbers{};
  for (size_t i = 0; i < kMost.size(); ++i) {
    if (!shown[i].is_number_unsigned()) return std::nullopt;
    numbers[i] = shown[i].get<uint64_t>();
    if (numbers[i] > kMost[i]) return std::nullopt;
  }
  if (!shown[kMost.size()].is_string()) return std::nullopt;
  MacEntry entry{.vlan = {static_cast<uint16_t>(numbers[0])},
                 .address = MacAddress::FromNumber(numbers[1]),
                 .port = {static_cast<uint16_t>(numbers[2])},
                 .last_seen = Tick{numbers[3]}};
  ReadWords(shown[kMost.size()].get_ref<const std::string&>(), entry);
  return entry;
}

absl::StatusOr<Neighbour> NeighbourFromJson(const json& shown) {
  JsonFields fields(shown);
  const auto address = ParseIpAddress("ip", fields.Text("ip"));
  Neighbour neighbour{.address = address.value_or(IpAddress()),
                      .mac = MacAddress::FromNumber(fields.Number("mac", 0, kMostAddress)),
                      .vlan = {static_cast<uint16_t>(fields.Number("vlan", 0, kVlanCount - 1))},
                      .is_router = std::nullopt,
                      .last_seen = Tick{fields.Number("last_seen")},
                      .contested_until = Tick{fields.Number("contested_until")}};
  if (fields.has("is_router")) neighbour.is_router = fields.Flag("is_router");
  if (fields.has("fixed")) neighbour.fixed = fields.Flag("fixed");
  if (fields.has("extern_learn")) neighbour.extern_learn = fields.Flag("extern_learn");
  fields.Note(address.status());
  if (!fields.status().ok()) return fields.status();
  return neighbour;
}

}  // namespace

json EntriesToJson(const std::vector<MacEntry>& entries) {
  json shown = json::array();
  shown.get_ref<json::array_t&>().reserve(entries.size());
  for (const MacEntry& entry : entries) shown.push_back(EntryToJson(entry));
  return shown;
}

json ChangesToJson(const std::vector<Change>& changes) {
  json shown = json::array();
  for (const Change& change : changes) {
    const std::string_view name = NameOf(change.kind);
    if (!name.empty()) shown.push_back(json::array({name, EntryToJson(change.entry)}));
  }
  return shown;
}

json NeighboursToJson(const std::vector<Neighbour>& neighbours) {
  json shown = json::array();
  for (const Neighbour& neighbour : neighbours) {
    json one{{"ip", IpAddressText(neighbour.address)},
             {"mac", neighbour.mac.number()},
             {"vlan", neighbour.vlan.value},
             {"last_seen", neighbour.last_seen.centiseconds},
             {"contested_until", neighbour.contested_until.centiseconds}};
    if (neighbour.is_router) one["is_router"] = *neighbour.is_router;
    if (neighbour.fixed) one["fixed"] = true;
    if (neighbour.extern_learn) one["extern_learn"] = true;
    shown.push_back(std::move(one));
  }
  return shown;
}

absl::StatusOr<std::vector<MacEntry>> EntriesFromJson(const json& shown) {
  if (!shown.is_array() || shown.size() > kMostEntries) return BadEntry("list of addresses");
  std::vector<MacEntry> entries;
  entries.reserve(shown.size());
  for (const json& one : shown) {
    const auto entry = EntryFromJson(one);
    if (!entry) return BadEntry("address");
    entries.push_back(*entry);
  }
  return entries;
}

absl::StatusOr<std::vector<Change>> ChangesFromJson(const json& shown) {
  if (!shown.is_array() || shown.size() > ChangeJournal::kCapacity)
    return BadEntry("list of changes");
  std::vector<Change> changes;
  changes.reserve(shown.size());
  for (const json& one : shown) {
    if (!one.is_array() || one.size() < 2 || !one[0].is_string()) return BadEntry("change");
    const auto kind = KindNamed(one[0].get_ref<const std::string&>());
    const auto entry = EntryFromJson(one[1]);
    if (!entry) return BadEntry("change");
    if (kind) changes.push_back({.kind = *kind, .entry = *entry});
  }
  return changes;
}

absl::StatusOr<std::vector<Neighbour>> NeighboursFromJson(const json& shown) {
  if (!shown.is_array() || shown.size() > NeighbourTable::kCapacity) {
    return BadEntry("list of neighbours");
  }
  std::vector<Neighbour> neighbours;
  for (const json& one : shown) {
    auto neighbour = NeighbourFromJson(one);
    if (!neighbour.ok()) return neighbour.status();
    neighbours.push_back(*std::move(neighbour));
  }
  return neighbours;
}

}  // namespace tapswitch
