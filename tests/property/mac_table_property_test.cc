// MacTable against a naive model of its contract, on random operations; and its events against what
// somebody can tell from them.
//
// The model is a std::map in which flushed entries are erased at once (but for those of a flushed
// VLAN, which keep their room), and which looks at all its entries to find the one to evict.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"
#include "tests/support/recorded_events.h"

namespace tapswitch::mac_table_property_test {
namespace {

using Key = std::pair<VlanId, MacAddress>;

class Model {
 public:
  Model(uint32_t capacity, Ticks initial_ageing) : ageing(initial_ageing), capacity_(capacity) {}

  LearnResult Learn(const Key& key, PortId port, Tick now) {
    const auto found = entries_.find(key);
    const bool live = found != entries_.end() && IsLive(found->second, now);
    Entry wanted{.ports = {port}};
    bool counts_already = false;
    if (live) {
      Entry& entry = found->second;
      if (entry.state == MacEntryState::kPermanent) return LearnResult::kLocal;
      if (entry.ports.contains(port)) {
        if (entry.last_seen != now) See(entry, now);
        return LearnResult::kRefreshed;
      }
      if (entry.state == MacEntryState::kStatic || entry.sticky) return LearnResult::kPinned;
      wanted.by_user = entry.by_user && !entry.extern_learn;
      counts_already = IsPlain(entry);
    }
    if (ageing == Ticks{0}) return LearnResult::kRefused;
    if (found != entries_.end() && !live) entries_.erase(found);
    if (!wanted.by_user) {
      while (port_limits[port] != 0 && learned(port) >= port_limits[port]) {
        if (!EraseExpired(port, now)) return LearnResult::kLimited;
      }
      while (!counts_already && limit != 0 && learned() >= limit) {
        if (!EraseExpired(std::nullopt, now)) return LearnResult::kLimited;
      }
    }
    if (!live && !MakeRoom(port, now)) return LearnResult::kRefused;
    Put(key, wanted, now);
    return live ? LearnResult::kMoved : LearnResult::kLearned;
  }

  bool Set(const MacEntry& wanted, Tick now) {
    const Key key{wanted.vlan, wanted.address};
    if (!entries_.contains(key) && !MakeRoom(wanted.port, now)) return false;
    Put(key, EntryFrom(wanted), now);
    return true;
  }

  bool Append(MacEntry wanted, Tick now) {
    wanted.state = MacEntryState::kStatic;
    const auto found = entries_.find({wanted.vlan, wanted.address});
    if (found == entries_.end() || found->second.state == MacEntryState::kLearned) {
      return Set(wanted, now);
    }
    if (found->second.state == MacEntryState::kPermanent) return false;
    Entry entry = EntryFrom(wanted);
    entry.ports.merge(found->second.ports);
    Put(found->first, entry, now);
    return true;
  }

  bool Erase(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    const bool was_there = !found->second.in_flushed_vlan;
    entries_.erase(found);
    return was_there;
  }

  bool Erase(const Key& key, PortId port) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || !found->second.ports.contains(port)) return false;
    if (found->second.ports.size() == 1) return Erase(key);
    found->second.ports.erase(port);
    return true;
  }

  void FlushPort(PortId port) {
    std::erase_if(entries_, [&](const auto& item) {
      return IsMortal(item.second) && item.second.port() == port;
    });
  }
  void FlushVlan(VlanId vlan) {
    for (auto& [key, entry] : entries_) {
      if (key.first == vlan && IsMortal(entry)) entry.in_flushed_vlan = true;
    }
  }
  void FlushAll() {
    std::erase_if(entries_, [](const auto& item) { return IsMortal(item.second); });
  }
  void ErasePort(PortId port) {
    for (auto& [key, entry] : entries_) entry.ports.erase(port);
    std::erase_if(entries_, [](const auto& item) { return item.second.ports.empty(); });
  }

  // Removes what has expired or is of a flushed VLAN; returns the former.
  std::vector<MacEntry> Sweep(Tick now) {
    std::vector<MacEntry> expired;
    std::erase_if(entries_, [&](const auto& item) {
      if (IsLive(item.second, now)) return false;
      if (!item.second.in_flushed_vlan) expired.push_back(Show(item.first, item.second));
      return true;
    });
    return expired;
  }

  [[nodiscard]] std::vector<MacEntry> FindAll(const Key& key, Tick now) const {
    std::vector<MacEntry> found;
    const auto item = entries_.find(key);
    if (item != entries_.end() && IsLive(item->second, now)) ShowAll(key, item->second, found);
    return found;
  }
  [[nodiscard]] std::vector<MacEntry> Live(Tick now) const {
    std::vector<MacEntry> live;
    for (const auto& [key, entry] : entries_) {
      if (IsLive(entry, now)) ShowAll(key, entry, live);
    }
    return live;
  }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  [[nodiscard]] uint32_t learned() const {
    return Count([](const Entry& entry) { return IsPlain(entry); });
  }
  [[nodiscard]] uint32_t learned(PortId port) const {
    return Count([&](const Entry& entry) { return IsPlain(entry) && entry.port() == port; });
  }
  [[nodiscard]] bool has_mortal() const { return Count(IsMortal) > 0; }
  [[nodiscard]] bool has_flushed_vlans() const {
    return Count([](const Entry& entry) { return entry.in_flushed_vlan; }) > 0;
  }

  Ticks ageing;
  uint32_t limit = 0;
  std::map<PortId, uint32_t> port_limits;
  uint64_t evictions = 0;

 private:
  struct Entry {
    std::set<PortId> ports;
    MacEntryState state = MacEntryState::kLearned;
    bool sticky = false;
    bool by_user = false;
    bool extern_learn = false;
    bool in_flushed_vlan = false;
    Tick last_seen{};
    uint64_t order = 0;  // of its last refresh, among all

    [[nodiscard]] PortId port() const { return *ports.begin(); }
  };
  using Entries = std::map<Key, Entry>;

  static bool IsMortal(const Entry& entry) {
    return entry.state == MacEntryState::kLearned && !entry.extern_learn;
  }
  static bool IsPlain(const Entry& entry) { return IsMortal(entry) && !entry.by_user; }
  static Entry EntryFrom(const MacEntry& wanted) {
    return {.ports = {wanted.port},
            .state = wanted.state,
            .sticky = wanted.sticky,
            .by_user = wanted.by_user,
            .extern_learn = wanted.extern_learn};
  }
  static MacEntry Show(const Key& key, const Entry& entry) {
    return {.vlan = key.first,
            .address = key.second,
            .port = entry.port(),
            .state = entry.state,
            .sticky = entry.sticky,
            .by_user = entry.by_user,
            .extern_learn = entry.extern_learn,
            .last_seen = entry.last_seen};
  }
  static void ShowAll(const Key& key, const Entry& entry, std::vector<MacEntry>& shown) {
    for (const PortId port : entry.ports) {
      shown.push_back(Show(key, entry));
      shown.back().port = port;
    }
  }
  template <typename Predicate>
  [[nodiscard]] uint32_t Count(Predicate predicate) const {
    return static_cast<uint32_t>(
        std::count_if(entries_.begin(), entries_.end(),
                      [&](const auto& item) { return predicate(item.second); }));
  }
  [[nodiscard]] bool IsExpired(const Entry& entry, Tick now) const {
    return IsMortal(entry) && entry.last_seen + ageing <= now;
  }
  [[nodiscard]] bool IsLive(const Entry& entry, Tick now) const {
    return !entry.in_flushed_vlan && !IsExpired(entry, now);
  }

  void See(Entry& entry, Tick now) {
    entry.last_seen = now;
    entry.order = ++order_;
  }
  void Put(const Key& key, Entry entry, Tick now) {
    See(entry, now);
    entries_[key] = entry;
  }

  // The first of all mortal entries by rank(entry).
  template <typename Rank>
  Entries::iterator FirstMortal(Rank rank) {
    auto first = entries_.end();
    for (auto item = entries_.begin(); item != entries_.end(); ++item) {
      if (!IsMortal(item->second)) continue;
      if (first == entries_.end() || rank(item->second) < rank(first->second)) first = item;
    }
    return first;
  }

  // An expired entry of `port`, or of the lowest port that has one; within a port the oldest.
  bool EraseExpired(std::optional<PortId> port, Tick now) {
    const auto victim = FirstMortal([&](const Entry& entry) {
      return std::tuple(!IsExpired(entry, now), port.has_value() && entry.port() != *port,
                        entry.port(), entry.order);
    });
    if (victim == entries_.end() || !IsExpired(victim->second, now)) return false;
    if (port.has_value() && victim->second.port() != *port) return false;
    entries_.erase(victim);
    return true;
  }

  bool MakeRoom(PortId wanted_by, Tick now) {
    if (entries_.size() < capacity_) return true;
    std::map<PortId, uint32_t> held;
    for (const auto& [key, entry] : entries_) held[entry.port()] += IsMortal(entry) ? 1 : 0;
    // The first of all mortal entries by: expired ones, lowest port first; the port that holds
    // most, `wanted_by` first of equals; and within a port the oldest.
    const auto victim = FirstMortal([&](const Entry& entry) {
      const bool expired = IsExpired(entry, now);
      const uint32_t others = capacity_ - held[entry.port()];
      return std::tuple(!expired, expired ? 0 : others, !expired && entry.port() != wanted_by,
                        entry.port(), entry.order);
    });
    if (victim == entries_.end()) return false;
    if (IsLive(victim->second, now)) ++evictions;
    entries_.erase(victim);
    return true;
  }

  uint32_t capacity_;
  uint64_t order_ = 0;
  Entries entries_;
};

// What somebody knows who hears of events and of what is done by hand, and looks at nothing else.
class Follower {
 public:
  void Hear(const FdbEvent& event) {
    const Key key{event.entry.vlan, event.entry.address};
    const auto known = ports_.find(key);
    if (event.kind == FdbEvent::Kind::kLearned) {
      EXPECT_EQ(known, ports_.end()) << "learned, but known";
      ports_[key] = {event.entry.port};
      return;
    }
    ASSERT_NE(known, ports_.end()) << "of an unknown entry: " << static_cast<int>(event.kind);
    EXPECT_EQ(known->second, std::set{event.from});
    if (event.kind == FdbEvent::Kind::kMoved) {
      EXPECT_NE(event.entry.port, event.from);
      known->second = {event.entry.port};
    } else {
      EXPECT_EQ(event.entry.port, event.from);
      ports_.erase(known);
    }
  }
  void Set(const MacEntry& entry) { ports_[{entry.vlan, entry.address}] = {entry.port}; }
  void Copy(const Key& key, const std::vector<MacEntry>& entries) {
    ports_.erase(key);
    for (const MacEntry& entry : entries) ports_[key].insert(entry.port);
  }
  void Erase(const Key& key) { ports_.erase(key); }
  void ErasePort(PortId port) {
    for (auto& [key, ports] : ports_) ports.erase(port);
    std::erase_if(ports_, [](const auto& item) { return item.second.empty(); });
  }

  [[nodiscard]] const std::map<Key, std::set<PortId>>& ports() const { return ports_; }

 private:
  std::map<Key, std::set<PortId>> ports_;
};

struct Scenario {
  uint32_t capacity;
  uint16_t ports;
  uint16_t vlans;
  uint32_t stations;
  uint32_t steps;
  uint32_t steps_per_full_check;
  uint64_t seeds;
};

class Comparison {
 public:
  Comparison(const Scenario& scenario, uint64_t seed)
      : scenario_(scenario),
        random_(seed),
        table_({.capacity = scenario.capacity, .ageing = kAgeing, .salt = seed}),
        model_(scenario.capacity, kAgeing) {
    table_.set_journal(&log_.journal());
  }

  void Step() {
    now_ = now_ + Ticks{Below(4) == 0 ? Below(20) : 0};
    Operate();
    HearEvents();
    EXPECT_EQ(table_.size(), model_.size());
    EXPECT_EQ(table_.learned(), model_.learned());
    EXPECT_EQ(table_.evictions(), model_.evictions);
    EXPECT_EQ(table_.has_mortal(), model_.has_mortal());
    EXPECT_LE(table_.size(), scenario_.capacity);
    CheckFind(AnyKey());
  }

  // All that learning ever came to.
  [[nodiscard]] const std::set<LearnResult>& results() const { return results_; }

  void CheckEverything() {
    for (uint16_t i = 0; i < scenario_.ports; ++i) {
      EXPECT_EQ(table_.learned(PortId{i}), model_.learned(PortId{i})) << "port " << i;
    }
    const auto live = EntriesOf(table_, now_);
    EXPECT_EQ(Sorted(live), Sorted(model_.Live(now_)));
    CheckFollower(live);
    for (uint16_t vlan = 0; vlan < scenario_.vlans; ++vlan) {
      for (uint32_t i = 0; i < scenario_.stations; ++i) CheckLookup({VlanId{vlan}, Address(i)});
    }
  }

 private:
  static constexpr Ticks kAgeing{200};

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  PortId AnyPort() { return PortId{static_cast<uint16_t>(Below(scenario_.ports))}; }
  VlanId AnyVlan() { return VlanId{static_cast<uint16_t>(Below(scenario_.vlans))}; }
  static MacAddress Address(uint64_t number) {
    return MacAddress::FromNumber(0x020000000000 + (number << 20U));
  }
  Key AnyKey() { return {AnyVlan(), Address(Below(scenario_.stations))}; }

  static std::vector<MacEntry> Sorted(std::vector<MacEntry> entries) {
    std::sort(entries.begin(), entries.end(), [](const MacEntry& a, const MacEntry& b) {
      return std::tie(a.vlan, a.address, a.port) < std::tie(b.vlan, b.address, b.port);
    });
    return entries;
  }

  void CheckFind(const Key& key) const {
    const auto expected = model_.FindAll(key, now_);
    EXPECT_EQ(table_.FindAll(key.first, key.second, now_), expected);
    const auto first = expected.empty() ? std::nullopt : std::optional(expected.front());
    EXPECT_EQ(table_.Find(key.first, key.second, now_), first);
  }

  void CheckLookup(const Key& key) const {
    const auto found = table_.Lookup(key.first, key.second, now_);
    const auto expected = model_.FindAll(key, now_);
    ASSERT_EQ(found.has_value(), !expected.empty());
    if (!found.has_value()) return;
    EXPECT_EQ(found->is_local, expected.front().state == MacEntryState::kPermanent);
    ASSERT_EQ(found->group != kNoGroup, expected.size() > 1);
    if (found->group == kNoGroup) {
      EXPECT_EQ(found->port, expected.front().port);
      return;
    }
    PortSet ports;
    for (const MacEntry& entry : expected) ports.insert(entry.port);
    EXPECT_EQ(table_.group(found->group), ports);
  }

  // Who follows the events knows all that is live; and beyond that only what has expired.
  void CheckFollower(const std::vector<MacEntry>& live) const {
    auto known = follower_.ports();
    for (const MacEntry& entry : live) {
      const Key key{entry.vlan, entry.address};
      EXPECT_EQ(known[key].erase(entry.port), 1U);
    }
    for (const auto& [key, ports] : known) {
      if (ports.empty()) continue;
      EXPECT_TRUE(table_.FindAll(key.first, key.second, now_).empty());
    }
    EXPECT_LE(follower_.ports().size(), table_.size());
  }

  void HearEvents() {
    for (const FdbEvent& event : log_.events()) follower_.Hear(event);
    EXPECT_EQ(log_.missed(), 0U);
    log_.Clear();
  }

  void Operate() {
    const uint64_t dice = Below(1000);
    if (dice < 830) return Learn();
    if (dice < 870) return Set();
    if (dice < 890) return Append();
    if (dice < 910) return Erase();
    if (dice < 930) return EraseFromPort();
    if (dice < 945) return Flush();
    if (dice < 950) return ErasePort();
    if (dice < 960) return ChangeLimits();
    if (dice < 975) return SweepSome();
    if (dice < 990) return SweepAll();
    ChangeAgeing();
  }

  void Learn() {
    const Key key = AnyKey();
    const PortId port = AnyPort();
    const LearnResult expected = table_.WouldLearn(key.first, key.second, port, now_);
    EXPECT_EQ(table_.Learn(key.first, key.second, port, now_), expected);
    EXPECT_EQ(model_.Learn(key, port, now_), expected);
    results_.insert(expected);
    CheckFind(key);
  }

  // Mostly learned entries, so that those set by hand do not fill the table for good.
  MacEntry AnyEntry() {
    constexpr std::array kStates{MacEntryState::kLearned, MacEntryState::kLearned,
                                 MacEntryState::kStatic, MacEntryState::kPermanent};
    const Key key = AnyKey();
    MacEntry entry{.vlan = key.first,
                   .address = key.second,
                   .port = AnyPort(),
                   .state = kStates[Below(kStates.size())],
                   .sticky = Below(2) == 0,
                   .by_user = Below(2) == 0,
                   .extern_learn = Below(4) == 0};
    if (entry.state == MacEntryState::kPermanent && Below(2) == 0) entry.port = kBridgePort;
    return entry;
  }

  void Set() {
    const MacEntry entry = AnyEntry();
    const bool done = table_.Set(entry, now_);
    EXPECT_EQ(done, model_.Set(entry, now_));
    HearEvents();
    if (done) follower_.Set(entry);
  }

  void Append() {
    MacEntry entry = AnyEntry();
    if (entry.port == kBridgePort) entry.port = PortId{0};
    EXPECT_EQ(table_.Append(entry, now_), model_.Append(entry, now_));
    HearEvents();
    const Key key{entry.vlan, entry.address};
    follower_.Copy(key, model_.FindAll(key, now_));
  }

  void Erase() {
    const Key key = AnyKey();
    EXPECT_EQ(table_.Erase(key.first, key.second), model_.Erase(key));
    follower_.Erase(key);
  }

  void EraseFromPort() {
    const Key key = AnyKey();
    const PortId port = Below(5) == 0 ? kBridgePort : AnyPort();
    const bool done = table_.Erase(key.first, key.second, port);
    EXPECT_EQ(done, model_.Erase(key, port));
    if (done) follower_.Copy(key, model_.FindAll(key, now_));
  }

  void Flush() {
    const PortId port = AnyPort();
    const VlanId vlan = AnyVlan();
    switch (Below(5)) {
      case 0:
        table_.FlushAll();
        return model_.FlushAll();
      case 1:
      case 2:
        table_.FlushVlan(vlan);
        return model_.FlushVlan(vlan);
      default:
        table_.FlushPort(port);
        return model_.FlushPort(port);
    }
  }

  void ErasePort() {
    const PortId port = Below(5) == 0 ? kBridgePort : AnyPort();
    const size_t piece = 1 + Below(4);
    while (!table_.ErasePort(port, piece)) continue;
    model_.ErasePort(port);
    HearEvents();
    follower_.ErasePort(port);
  }

  // Half of the time there is none.
  void ChangeLimits() {
    const PortId port = AnyPort();
    model_.limit = static_cast<uint32_t>(Below(2) * Below(scenario_.capacity + 2));
    model_.port_limits[port] = static_cast<uint32_t>(Below(2) * Below(scenario_.capacity + 2));
    table_.set_max_learned(model_.limit);
    table_.set_max_learned(port, model_.port_limits[port]);
    EXPECT_EQ(table_.max_learned(), model_.limit);
    EXPECT_EQ(table_.max_learned(port), model_.port_limits[port]);
  }

  // Which entries a part of a round meets depends on the hash: the model forgets those it is told
  // of. It is not told of those of a flushed VLAN, so there must be none.
  void SweepSome() {
    if (model_.has_flushed_vlans()) return;
    table_.Sweep(Below(table_.slots()), now_);
    for (const FdbEvent& event : log_.events()) {
      EXPECT_EQ(event.kind, FdbEvent::Kind::kAged);
      EXPECT_LE(event.entry.last_seen + model_.ageing, now_);
      EXPECT_TRUE(model_.Erase({event.entry.vlan, event.entry.address}));
    }
  }

  // The rest of this round and all of the next, in steps of any length, miss nothing.
  void SweepAll() {
    for (int rounds = 0; rounds < 2;) {
      rounds += table_.Sweep(1 + Below(table_.slots()), now_) ? 1 : 0;
    }
    std::vector<MacEntry> expired;
    for (const FdbEvent& event : log_.events()) expired.push_back(event.entry);
    EXPECT_EQ(Sorted(expired), Sorted(model_.Sweep(now_)));
  }

  void ChangeAgeing() {
    constexpr std::array kValues{kAgeing, kAgeing, kAgeing, Ticks{20}, Ticks{0}};
    model_.ageing = kValues[Below(kValues.size())];
    table_.set_ageing(model_.ageing);
  }

  Scenario scenario_;
  std::mt19937_64 random_;
  Tick now_{1000};
  MacTable table_;
  RecordedEvents log_;
  Model model_;
  Follower follower_;
  std::set<LearnResult> results_;
};

class MacTablePropertyTest : public ::testing::TestWithParam<Scenario> {};

TEST_P(MacTablePropertyTest, AgreesWithTheModel) {
  std::set<LearnResult> results;
  for (uint64_t seed = 1; seed <= GetParam().seeds; ++seed) {
    Comparison comparison(GetParam(), seed);
    for (uint32_t step = 0; step < GetParam().steps; ++step) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", step " << step);
      comparison.Step();
      if (step % GetParam().steps_per_full_check == 0) comparison.CheckEverything();
      if (HasFailure()) return;
    }
    results.insert(comparison.results().begin(), comparison.results().end());
  }
  EXPECT_EQ(results.size(), kLearnResultCount) << "the operations were too tame";
}

INSTANTIATE_TEST_SUITE_P(Sizes, MacTablePropertyTest,
                         ::testing::Values(Scenario{.capacity = 1,
                                                    .ports = 2,
                                                    .vlans = 2,
                                                    .stations = 3,
                                                    .steps = 2000,
                                                    .steps_per_full_check = 4,
                                                    .seeds = 10},
                                           Scenario{.capacity = 5,
                                                    .ports = 3,
                                                    .vlans = 1,
                                                    .stations = 8,
                                                    .steps = 5000,
                                                    .steps_per_full_check = 4,
                                                    .seeds = 10},
                                           Scenario{.capacity = 21,
                                                    .ports = 4,
                                                    .vlans = 2,
                                                    .stations = 20,
                                                    .steps = 5000,
                                                    .steps_per_full_check = 4,
                                                    .seeds = 10},
                                           Scenario{.capacity = 200,
                                                    .ports = 12,
                                                    .vlans = 3,
                                                    .stations = 150,
                                                    .steps = 20000,
                                                    .steps_per_full_check = 50,
                                                    .seeds = 3}),
                         [](const auto& instance) {
                           return "Capacity" + std::to_string(instance.param.capacity);
                         });

}  // namespace
}  // namespace tapswitch::mac_table_property_test
