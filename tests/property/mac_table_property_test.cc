// MacTable against a naive model of its contract, on random operations.
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
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "switch/forwarding/mac_table.h"

namespace tapswitch {
namespace {

using Key = std::pair<VlanId, MacAddress>;

class Model {
 public:
  Model(uint32_t capacity, Ticks initial_ageing) : ageing(initial_ageing), capacity_(capacity) {}

  LearnResult Learn(const Key& key, PortId port, Tick now) {
    const auto found = entries_.find(key);
    const bool live = found != entries_.end() && IsLive(found->second, now);
    if (live) {
      Entry& entry = found->second;
      if (entry.state == MacEntryState::kPermanent) return LearnResult::kPinned;
      if (entry.port == port) {
        if (entry.last_seen != now) See(entry, now);
        return LearnResult::kRefreshed;
      }
      if (entry.state == MacEntryState::kStatic || entry.sticky) return LearnResult::kPinned;
    }
    if (ageing == Ticks{0}) return LearnResult::kRefused;
    if (found == entries_.end() && !MakeRoom(port, now)) return LearnResult::kRefused;
    Put(key, {.port = port}, now);
    return live ? LearnResult::kMoved : LearnResult::kLearned;
  }

  bool Set(const MacEntry& wanted, Tick now) {
    const Key key{wanted.vlan, wanted.address};
    if (!entries_.contains(key) && !MakeRoom(wanted.port, now)) return false;
    Put(key, {.port = wanted.port, .state = wanted.state, .sticky = wanted.sticky}, now);
    return true;
  }

  bool Erase(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    const bool was_there = !found->second.in_flushed_vlan;
    entries_.erase(found);
    return was_there;
  }

  void FlushPort(PortId port) {
    std::erase_if(entries_, [&](const auto& item) {
      return IsLearned(item.second) && item.second.port == port;
    });
  }
  void FlushVlan(VlanId vlan) {
    for (auto& [key, entry] : entries_) {
      if (key.first == vlan && IsLearned(entry)) entry.in_flushed_vlan = true;
    }
  }
  void FlushAll() {
    std::erase_if(entries_, [](const auto& item) { return IsLearned(item.second); });
  }
  void ErasePort(PortId port) {
    std::erase_if(entries_, [&](const auto& item) { return item.second.port == port; });
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

  [[nodiscard]] std::optional<MacEntry> Find(const Key& key, Tick now) const {
    const auto found = entries_.find(key);
    if (found == entries_.end() || !IsLive(found->second, now)) return std::nullopt;
    return Show(key, found->second);
  }
  [[nodiscard]] std::vector<MacEntry> Live(Tick now) const {
    std::vector<MacEntry> live;
    for (const auto& [key, entry] : entries_) {
      if (IsLive(entry, now)) live.push_back(Show(key, entry));
    }
    return live;
  }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  [[nodiscard]] uint32_t learned() const {
    return static_cast<uint32_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const auto& item) { return IsLearned(item.second); }));
  }
  [[nodiscard]] uint32_t learned(PortId port) const {
    return static_cast<uint32_t>(std::count_if(
        entries_.begin(), entries_.end(),
        [&](const auto& item) { return IsLearned(item.second) && item.second.port == port; }));
  }
  [[nodiscard]] bool has_flushed_vlans() const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [](const auto& item) { return item.second.in_flushed_vlan; });
  }

  Ticks ageing;
  uint64_t evictions = 0;

 private:
  struct Entry {
    PortId port;
    MacEntryState state = MacEntryState::kLearned;
    bool sticky = false;
    bool in_flushed_vlan = false;
    Tick last_seen{};
    uint64_t order = 0;  // of its last refresh, among all
  };

  static bool IsLearned(const Entry& entry) { return entry.state == MacEntryState::kLearned; }
  static MacEntry Show(const Key& key, const Entry& entry) {
    return {.vlan = key.first,
            .address = key.second,
            .port = entry.port,
            .state = entry.state,
            .sticky = entry.sticky,
            .last_seen = entry.last_seen};
  }
  [[nodiscard]] bool IsExpired(const Entry& entry, Tick now) const {
    return IsLearned(entry) && entry.last_seen + ageing <= now;
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

  bool MakeRoom(PortId wanted_by, Tick now) {
    if (entries_.size() < capacity_) return true;
    std::map<PortId, uint32_t> held;
    for (const auto& [key, entry] : entries_) held[entry.port] += IsLearned(entry) ? 1 : 0;
    // The first of all learned entries by: expired ones, lowest port first; the port that holds most,
    // `wanted_by` first of equals; and within a port the oldest.
    const auto rank = [&](const Entry& entry) {
      const bool expired = IsExpired(entry, now);
      const uint32_t others = capacity_ - held[entry.port];
      return std::tuple(!expired, expired ? 0 : others, !expired && entry.port != wanted_by,
                        entry.port, entry.order);
    };
    auto victim = entries_.end();
    for (auto item = entries_.begin(); item != entries_.end(); ++item) {
      if (!IsLearned(item->second)) continue;
      if (victim == entries_.end() || rank(item->second) < rank(victim->second)) victim = item;
    }
    if (victim == entries_.end()) return false;
    if (IsLive(victim->second, now)) ++evictions;
    entries_.erase(victim);
    return true;
  }

  uint32_t capacity_;
  uint64_t order_ = 0;
  std::map<Key, Entry> entries_;
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
        model_(scenario.capacity, kAgeing) {}

  void Step() {
    now_ = now_ + Ticks{Below(4) == 0 ? Below(20) : 0};
    Operate();
    EXPECT_EQ(table_.size(), model_.size());
    EXPECT_EQ(table_.learned(), model_.learned());
    EXPECT_EQ(table_.evictions(), model_.evictions);
    EXPECT_LE(table_.size(), scenario_.capacity);
    const Key key = AnyKey();
    EXPECT_EQ(table_.Find(key.first, key.second, now_), model_.Find(key, now_));
  }

  void CheckEverything() {
    for (uint16_t i = 0; i < scenario_.ports; ++i) {
      EXPECT_EQ(table_.learned(PortId{i}), model_.learned(PortId{i})) << "port " << i;
    }
    std::vector<MacEntry> live;
    table_.ForEach(now_, [&](const MacEntry& entry) { live.push_back(entry); });
    EXPECT_EQ(Sorted(live), Sorted(model_.Live(now_)));
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
      return std::tie(a.vlan, a.address) < std::tie(b.vlan, b.address);
    });
    return entries;
  }

  void CheckLookup(const Key& key) const {
    const auto found = table_.Lookup(key.first, key.second, now_);
    const auto expected = model_.Find(key, now_);
    ASSERT_EQ(found.has_value(), expected.has_value());
    if (!found.has_value()) return;
    EXPECT_EQ(found->port, expected->port);
    EXPECT_EQ(found->is_local, expected->state == MacEntryState::kPermanent);
  }

  void Operate() {
    const uint64_t dice = Below(1000);
    if (dice < 850) return Learn();
    if (dice < 900) return Set();
    if (dice < 940) return Erase();
    if (dice < 955) return Flush();
    if (dice < 957) return ErasePort();
    if (dice < 975) return SweepSome();
    if (dice < 990) return SweepAll();
    ChangeAgeing();
  }

  void Learn() {
    const Key key = AnyKey();
    const PortId port = AnyPort();
    EXPECT_EQ(table_.Learn(key.first, key.second, port, now_), model_.Learn(key, port, now_));
    EXPECT_EQ(table_.Find(key.first, key.second, now_), model_.Find(key, now_));
  }

  // Mostly learned entries, so that those set by hand do not fill the table for good.
  void Set() {
    constexpr std::array kStates{MacEntryState::kLearned, MacEntryState::kLearned,
                                 MacEntryState::kStatic, MacEntryState::kPermanent};
    const Key key = AnyKey();
    const MacEntry entry{.vlan = key.first,
                         .address = key.second,
                         .port = AnyPort(),
                         .state = kStates[Below(kStates.size())],
                         .sticky = Below(2) == 0};
    EXPECT_EQ(table_.Set(entry, now_), model_.Set(entry, now_));
  }

  void Erase() {
    const Key key = AnyKey();
    EXPECT_EQ(table_.Erase(key.first, key.second), model_.Erase(key));
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
    const PortId port = AnyPort();
    table_.ErasePort(port);
    model_.ErasePort(port);
  }

  // Which entries a part of a round meets depends on the hash: the model forgets those it is told of.
  // It is not told of those of a flushed VLAN, so there must be none.
  void SweepSome() {
    if (model_.has_flushed_vlans()) return;
    table_.Sweep(Below(table_.slots()), now_, [&](const MacEntry& entry) {
      EXPECT_LE(entry.last_seen + model_.ageing, now_);
      EXPECT_TRUE(model_.Erase({entry.vlan, entry.address}));
    });
  }

  // The rest of this round and all of the next, in steps of any length, miss nothing.
  void SweepAll() {
    std::vector<MacEntry> expired;
    for (int rounds = 0; rounds < 2;) {
      const bool completed = table_.Sweep(1 + Below(table_.slots()), now_,
                                          [&](const auto& entry) { expired.push_back(entry); });
      rounds += completed ? 1 : 0;
    }
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
  Model model_;
};

class MacTablePropertyTest : public ::testing::TestWithParam<Scenario> {};

TEST_P(MacTablePropertyTest, AgreesWithTheModel) {
  for (uint64_t seed = 1; seed <= GetParam().seeds; ++seed) {
    Comparison comparison(GetParam(), seed);
    for (uint32_t step = 0; step < GetParam().steps; ++step) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", step " << step);
      comparison.Step();
      if (step % GetParam().steps_per_full_check == 0) comparison.CheckEverything();
      if (HasFailure()) return;
    }
  }
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
}  // namespace tapswitch
