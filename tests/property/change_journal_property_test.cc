// Who reads nothing but the change journal knows the address table, also after it fell behind.

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/fdb/change_journal.h"
#include "tests/support/mac_stations.h"
#include "tests/support/random_traffic.h"

namespace tapswitch::change_journal_property_test {
namespace {

using Key = std::pair<VlanId, MacAddress>;

// A copy of the table that is kept by the journal.
class Replica {
 public:
  void Apply(const Change& change) {
    const MacEntry& entry = change.entry;
    const Key key{entry.vlan, entry.address};
    switch (change.kind) {
      case Change::Kind::kLearned:
      case Change::Kind::kMoved:
      case Change::Kind::kSet:
        entries_[key] = {.entry = entry, .ports = {entry.port}};
        return;
      case Change::Kind::kAppended:
        return Note(entry);
      case Change::Kind::kAged:
      case Change::Kind::kFlushed:
      case Change::Kind::kErased:
        return Remove(key, entry.port);
      case Change::Kind::kPortFlushed:
        return Flush([&](const Known& known) { return known.ports.contains(entry.port); });
      case Change::Kind::kVlanFlushed:
        return Flush([&](const Known& known) { return known.entry.vlan == entry.vlan; });
      default:
        return;
    }
  }

  // From a walk.
  void Note(const MacEntry& entry) {
    Known& known = entries_[{entry.vlan, entry.address}];
    known.entry = entry;
    known.ports.insert(entry.port);
  }
  void Clear() { entries_.clear(); }

  // All that is live, and beyond that only what has expired.
  void Compare(const MacTable& table, Tick now) const {
    std::set<Key> live;
    for (const MacEntry& entry : EntriesOf(table, now)) {
      const Key key{entry.vlan, entry.address};
      live.insert(key);
      const auto known = entries_.find(key);
      ASSERT_NE(known, entries_.end()) << entry.address.ToString();
      EXPECT_TRUE(known->second.ports.contains(entry.port));
      MacEntry expected = entry;
      expected.port = known->second.entry.port;
      expected.last_seen = known->second.entry.last_seen;
      EXPECT_EQ(known->second.entry, expected);
    }
    for (const auto& [key, known] : entries_) {
      const auto found = table.FindAll(key.first, key.second, now);
      const bool is_same_key = !found.empty() && found.front().vlan == key.first;
      EXPECT_EQ(live.contains(key), is_same_key);
      if (is_same_key) {
        EXPECT_EQ(known.ports.size(), found.size());
      }
    }
    EXPECT_LE(entries_.size(), table.size());
  }

 private:
  struct Known {
    MacEntry entry;
    std::set<PortId> ports;
  };

  void Remove(const Key& key, PortId port) {
    const auto known = entries_.find(key);
    if (known == entries_.end()) return;
    known->second.ports.erase(port);
    if (known->second.ports.empty()) entries_.erase(known);
  }
  template <typename Concerns>
  void Flush(Concerns concerns) {
    std::erase_if(entries_, [&](const auto& item) {
      const MacEntry& entry = item.second.entry;
      const bool mortal = entry.state == MacEntryState::kLearned && !entry.extern_learn;
      return mortal && concerns(item.second);
    });
  }

  std::map<Key, Known> entries_;
};

class FollowedTable {
 public:
  explicit FollowedTable(uint64_t seed)
      : random_(seed), bridge_({.capacity = 40, .ageing = {500}, .salt = seed}) {}

  void Change() {
    MacTable& table = bridge_.table();
    const MacEntry entry = random_.Entry();
    now_ = now_ + Ticks{random_.OneIn(4) ? random_.Below(20) : 0};
    switch (random_.Below(40)) {
      case 0:
        return static_cast<void>(table.Set(entry, now_));
      case 1:
        if (entry.port != kBridgePort) static_cast<void>(table.Append(entry, now_));
        return;
      case 2:
        return static_cast<void>(table.Erase(entry.vlan, entry.address));
      case 3:
        return static_cast<void>(table.Flush(entry.vlan, entry.address, entry.port));
      case 4:
        return table.FlushVlan(entry.vlan);
      case 5:
        return table.FlushPort(random_.Port());
      case 6:
        return static_cast<void>(table.ErasePort(random_.Port(), 4));
      case 7:
        return static_cast<void>(table.Sweep(1 + random_.Below(table.slots()), now_));
      case 8:
        return table.set_max_learned(random_.Port(), static_cast<uint32_t>(random_.Below(6)));
      case 9:
        return bridge_.journal().set_lists_flushed(random_.OneIn(2));
      default:
        table.Learn(entry.vlan, entry.address, random_.Port(), now_);
    }
  }

  void Follow() {
    if (reader_.needs_resync()) {
      ++resyncs_;
      replica_.Clear();
      reader_.Resync();
      Walk();
    }
    reader_.Read(~size_t{0}, [this](const tapswitch::Change& change) { replica_.Apply(change); });
    replica_.Compare(bridge_.table(), now_);
  }

  void FallBehind() {
    while (!reader_.needs_resync()) Change();
  }

  [[nodiscard]] int resyncs() const { return resyncs_; }

 private:
  // The table goes on to change meanwhile.
  void Walk() {
    const MacTable& table = bridge_.table();
    auto cursor = table.BeginWalk();
    bool done = false;
    while (!done) {
      done = table.Walk(cursor, 8, now_, [this](const MacEntry& entry) { replica_.Note(entry); });
      for (uint64_t i = random_.Below(4); i > 0; --i) Change();
    }
  }

  RandomTraffic random_;
  Bridge bridge_;
  ChangeReader reader_{bridge_.journal()};
  Replica replica_;
  Tick now_{1000};
  int resyncs_ = 0;
};

class ChangeJournalPropertyTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(ChangeJournalPropertyTest, ItsReadersKnowTheTable) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  FollowedTable table(GetParam());
  for (int step = 0; step < 20000 && !HasFailure(); ++step) {
    table.Change();
    if (step % 2000 == 1999) table.FallBehind();
    if (step % 3 == 0) table.Follow();
  }
  table.Follow();
  EXPECT_EQ(table.resyncs(), 10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChangeJournalPropertyTest, ::testing::Range<uint64_t>(1, 11));

}  // namespace
}  // namespace tapswitch::change_journal_property_test
