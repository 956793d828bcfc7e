// The change journal: numbered, bounded, and each reader knows what it does not know.

#include "switch/forwarding/fdb/change_journal.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::change_journal_test {
namespace {

constexpr size_t kAll = ~size_t{0};
constexpr Tick kNow{1000};

Change ChangeOf(uint16_t port) {
  return {.kind = Change::Kind::kGate, .entry = {.port = PortId{port}}};
}

std::vector<uint16_t> PortsIn(ChangeReader& reader, size_t max = kAll) {
  std::vector<uint16_t> ports;
  const size_t read =
      reader.Read(max, [&](const Change& change) { ports.push_back(change.entry.port.value); });
  EXPECT_EQ(read, ports.size());
  return ports;
}

TEST(ChangeJournalTest, EachReaderHasAPositionOfItsOwn) {
  ChangeJournal journal;
  journal.Record(ChangeOf(1));
  ChangeReader first(journal);
  journal.Record(ChangeOf(2));
  ChangeReader second(journal);
  journal.Record(ChangeOf(3));
  EXPECT_EQ(journal.next(), 3U);
  EXPECT_EQ(first.waiting(), 2U);
  EXPECT_EQ(PortsIn(first, 1), (std::vector<uint16_t>{2}));
  EXPECT_EQ(PortsIn(second), (std::vector<uint16_t>{3}));
  EXPECT_EQ(PortsIn(first), (std::vector<uint16_t>{3}));
  EXPECT_EQ(PortsIn(first), (std::vector<uint16_t>{}));
  EXPECT_EQ(first.position(), 3U);
}

TEST(ChangeJournalTest, AReaderThatFellBehindLearnsSoExactly) {
  ChangeJournal journal;
  ChangeReader reader(journal);
  for (size_t i = 0; i < ChangeJournal::kCapacity; ++i) journal.Record(ChangeOf(1));
  EXPECT_FALSE(reader.needs_resync()) << "the journal has all that it did not read";
  journal.Record(ChangeOf(2));
  journal.Record(ChangeOf(3));
  EXPECT_EQ(reader.lost(), 2U);
  EXPECT_EQ(PortsIn(reader), (std::vector<uint16_t>{})) << "not before it has taken note";

  ChangeReader other = reader;
  reader.Resync();
  journal.Record(ChangeOf(4));
  EXPECT_EQ(PortsIn(reader), (std::vector<uint16_t>{4}));
  EXPECT_EQ(other.SkipLost(), 3U);
  EXPECT_EQ(PortsIn(other).size(), ChangeJournal::kCapacity);
}

TEST(ChangeJournalTest, ARecordAllocatesNothing) {
  ChangeJournal journal;
  const size_t allocations = AllocationCount();
  for (size_t i = 0; i < 2 * ChangeJournal::kCapacity; ++i) journal.Record(ChangeOf(1));
  EXPECT_EQ(AllocationCount(), allocations);
}

class BridgeJournalTest : public ::testing::Test {
 protected:
  // Kind and port of each record since the last call.
  std::string Read() {
    constexpr std::array kNames{"learned",  "moved",  "set",          "appended",     "aged",
                                "flushed",  "erased", "port_flushed", "vlan_flushed", "held",
                                "released", "gate",   "view"};
    std::string text;
    reader_.Read(kAll, [&](const Change& change) {
      if (!text.empty()) text += ", ";
      text += kNames.at(static_cast<size_t>(change.kind));
      text += " " + std::to_string(change.entry.port.value);
    });
    return text;
  }
  MacEntry Static(uint16_t port) const {
    return {.vlan = kNoVlan,
            .address = Station(1),
            .port = PortId{port},
            .state = MacEntryState::kStatic};
  }

  Bridge bridge_{{.capacity = 8, .ageing = {300}, .salt = 7}};
  MacTable& table_ = bridge_.table();
  ChangeReader reader_{bridge_.journal()};
};

TEST_F(BridgeJournalTest, WhatIsDoneByHandIsRecorded) {
  ASSERT_TRUE(table_.Set(Static(1), kNow));
  ASSERT_TRUE(table_.Append(Static(2), kNow));
  EXPECT_EQ(Read(), "set 1, appended 2");
  EXPECT_TRUE(table_.Erase(kNoVlan, Station(1), PortId{1}));
  EXPECT_TRUE(table_.Flush(kNoVlan, Station(1), PortId{2}));
  EXPECT_EQ(Read(), "erased 1, flushed 2");
  ASSERT_TRUE(table_.Set(Static(1), kNow));
  ASSERT_TRUE(table_.Append(Static(2), kNow));
  Read();
  EXPECT_TRUE(table_.Erase(kNoVlan, Station(1)));
  EXPECT_EQ(Read(), "erased 1, erased 2");
}

TEST_F(BridgeJournalTest, AFlushIsOneRecordUnlessItIsToBeListed) {
  LearnRange(table_, 1, 3, PortId{1}, kNow);
  Read();
  table_.FlushPort(PortId{1});
  EXPECT_EQ(Read(), "port_flushed 1");
  bridge_.journal().set_lists_flushed(true);
  LearnRange(table_, 1, 2, PortId{1}, kNow);
  Read();
  table_.FlushVlan(kNoVlan);
  EXPECT_EQ(Read(), "flushed 1, flushed 1, vlan_flushed 0");
}

TEST_F(BridgeJournalTest, GatesAndViewsAreRecordedWhenTheyChange) {
  const std::vector<PortForwarding> ports{{.id = PortId{1}}, {.id = PortId{2}}};
  bridge_.SetView(ForwardingView(ports));
  bridge_.SetGate(PortId{1}, {.state = PortState::kForwarding});
  bridge_.SetGate(PortId{2}, {.state = PortState::kBlocking});
  EXPECT_EQ(Read(), "view 0, gate 2");
}

TEST_F(BridgeJournalTest, AHoldIsRecorded) {
  LearnRange(table_, 1, 1, PortId{1}, kNow);
  table_.Hold(kNoVlan, Station(1));
  EXPECT_TRUE(table_.ReleaseHold(kNoVlan, Station(1)));
  EXPECT_EQ(Read(), "learned 1, held 1, released 1");
}

}  // namespace
}  // namespace tapswitch::change_journal_test
