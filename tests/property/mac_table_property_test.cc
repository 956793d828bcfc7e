// MacTable against a naive model of its contract, on random operations; and its events against what
// somebody can tell from them.

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
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"
#include "tests/support/mac_table_model.h"
#include "tests/support/recorded_events.h"
#include "tests/support/sanitized.h"

namespace tapswitch::mac_table_property_test {
namespace {

using Key = MacTableModel::Key;

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
  MacTableModel model_;
  Follower follower_;
  std::set<LearnResult> results_;
};

class MacTablePropertyTest : public ::testing::TestWithParam<Scenario> {};

TEST_P(MacTablePropertyTest, AgreesWithTheModel) {
  std::set<LearnResult> results;
  for (uint64_t seed = 1; seed <= GetParam().seeds; ++seed) {
    Comparison comparison(GetParam(), seed);
    for (uint32_t step = 0; step < Rounds(GetParam().steps); ++step) {
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
