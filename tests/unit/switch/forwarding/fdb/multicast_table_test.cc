#include "switch/forwarding/fdb/multicast_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tapswitch::multicast_table_test {
namespace {

using ::testing::ElementsAre;
using Author = MulticastTable::Author;
using Budget = MulticastTable::Budget;
using Refusal = MulticastTable::Refusal;

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr VlanId kVlan{10};
constexpr Tick kLater{5000};

constexpr IpAddress Source(uint32_t n) { return IpAddress::FromV4(0xC0000200 + n); }
constexpr GroupKey Group(uint32_t n, VlanId vlan = kVlan) {
  return {.vlan = vlan, .group = GroupAddress::Of(IpAddress::FromV4(0xEF010000 + n))};
}

class MulticastTableTest : public ::testing::Test {
 protected:
  // The port wants the group from any source.
  Refusal Join(const GroupKey& key, PortId port, Author author = Author::kReport) {
    return table_.Edit(key, port, author, [&](GroupMember& member, Budget& budget) {
      if (!member.has_star && !budget.Take()) return;
      member.has_star = true;
      member.mode = FilterMode::kExclude;
      member.until = kLater;
    });
  }

  Refusal Include(const GroupKey& key, PortId port, const std::vector<IpAddress>& sources) {
    return table_.Edit(key, port, Author::kReport, [&](GroupMember& member, Budget& budget) {
      if (!member.has_star && !budget.Take()) return;
      member.has_star = true;
      for (const IpAddress source : sources) {
        if (budget.Take()) member.sources.push_back({.address = source, .until = kLater});
      }
    });
  }

  PortSet Wanted(const GroupKey& key, IpAddress source = Source(1)) {
    const MulticastGroup* const group = table_.Find(key);
    return group == nullptr ? PortSet() : group->PortsFor(source).wanted;
  }

  MulticastTable table_{7};
};

TEST_F(MulticastTableTest, GroupIsForThePortsThatJoinedIt) {
  EXPECT_EQ(Join(Group(1), kA), Refusal::kNone);
  EXPECT_EQ(Join(Group(1), kB), Refusal::kNone);
  EXPECT_EQ(Wanted(Group(1)), PortSet::Of(kA) | PortSet::Of(kB));
  EXPECT_TRUE(Wanted(Group(2)).empty());
  EXPECT_TRUE(Wanted(Group(1, VlanId{11})).empty()) << "another VLAN";
}

TEST_F(MulticastTableTest, IncludedSourcesAreForThePortAlone) {
  Include(Group(1), kA, {Source(1), Source(2)});
  Join(Group(1), kB);
  EXPECT_EQ(Wanted(Group(1), Source(1)), PortSet::Of(kA) | PortSet::Of(kB));
  EXPECT_EQ(Wanted(Group(1), Source(3)), PortSet::Of(kB));
  EXPECT_EQ(table_.Find(Group(1))->PortsFor(Source(3)).refused, PortSet::Of(kA));
  EXPECT_EQ(table_.rows(kA), 3U);
  EXPECT_EQ(table_.rows(kA, kVlan), 3U);
}

TEST_F(MulticastTableTest, BlockedSourcesAreWithheldFromThePort) {
  table_.Edit(Group(1), kA, Author::kReport, [](GroupMember& member, Budget&) {
    member.has_star = true;
    member.mode = FilterMode::kExclude;
    member.sources.push_back({.address = Source(1), .blocked = true});
  });
  EXPECT_TRUE(Wanted(Group(1), Source(1)).empty());
  EXPECT_EQ(Wanted(Group(1), Source(2)), PortSet::Of(kA));
}

TEST_F(MulticastTableTest, NothingIsLeftOfAGroupWithoutMembers) {
  Include(Group(1), kA, {Source(1)});
  EXPECT_EQ(table_.Erase(Group(1), kA), 2U);
  EXPECT_EQ(table_.Find(Group(1)), nullptr);
  EXPECT_EQ(table_.rows(), 0U);
  EXPECT_EQ(table_.next_deadline(), std::nullopt);
}

TEST_F(MulticastTableTest, GroupCountsAsKnownForAWhile) {
  Join(Group(1), kA);
  table_.KeepKnown(Group(1), Tick{9000});
  table_.Erase(Group(1), kA);
  ASSERT_NE(table_.Find(Group(1)), nullptr);
  EXPECT_TRUE(Wanted(Group(1)).empty());
  EXPECT_EQ(table_.groups(), 0U);
  EXPECT_EQ(table_.next_deadline(), Tick{9000});
  table_.VisitDue(Tick{9000}, 100, [](const GroupKey&, PortId) {});
  EXPECT_EQ(table_.Find(Group(1)), nullptr);
}

TEST_F(MulticastTableTest, VisitsMembershipsThatAreDue) {
  Join(Group(1), kA);
  std::vector<PortId> due;
  const auto visit = [&](const GroupKey& key, PortId port) {
    due.push_back(port);
    table_.Erase(key, port);
  };
  table_.VisitDue(Tick{4999}, 100, visit);
  EXPECT_TRUE(due.empty());
  table_.VisitDue(kLater, 100, visit);
  EXPECT_THAT(due, ElementsAre(kA));
}

TEST_F(MulticastTableTest, LimitOfAPortIsItsOwn) {
  table_.SetMostRows(kA, 2);
  EXPECT_EQ(Join(Group(1), kA), Refusal::kNone);
  EXPECT_EQ(Include(Group(2), kA, {Source(1)}), Refusal::kPortLimit);
  EXPECT_EQ(table_.rows(kA), 2U);
  EXPECT_EQ(Join(Group(3), kA), Refusal::kPortLimit);
  EXPECT_EQ(table_.Find(Group(3)), nullptr);
  EXPECT_EQ(Join(Group(3), kB), Refusal::kNone);
}

TEST_F(MulticastTableTest, LimitOfAVlanIsForThatVlan) {
  table_.SetMostRows(kA, kVlan, 1);
  EXPECT_EQ(Join(Group(1), kA), Refusal::kNone);
  EXPECT_EQ(Join(Group(2), kA), Refusal::kVlanLimit);
  EXPECT_EQ(Join(Group(2, VlanId{11}), kA), Refusal::kNone);
}

TEST_F(MulticastTableTest, OnePortLeavesHalfOfTheRoomToOthers) {
  table_.set_most_groups(100);
  for (uint32_t n = 0; n < 1000; ++n) static_cast<void>(Join(Group(n), kA));
  EXPECT_EQ(table_.rows(kA), 50U);
  for (uint32_t n = 0; n < 10; ++n) EXPECT_EQ(Join(Group(2000 + n), kB), Refusal::kNone);
  EXPECT_EQ(table_.rows(kA), 50U) << "nothing was evicted";
}

TEST_F(MulticastTableTest, UsersMayFillTheTable) {
  table_.set_most_groups(100);
  for (uint32_t n = 0; n < 100; ++n) EXPECT_EQ(Join(Group(n), kA, Author::kUser), Refusal::kNone);
  EXPECT_EQ(Join(Group(100), kA, Author::kUser), Refusal::kFull);
}

TEST_F(MulticastTableTest, GroupsWithoutMembersTakeNoRoomFromOthers) {
  table_.set_most_groups(100);
  for (uint32_t n = 0; n < 1000; ++n) {
    ASSERT_EQ(Join(Group(n), kA), Refusal::kNone) << n;
    table_.KeepKnown(Group(n), Tick{9000});
    table_.Erase(Group(n), kA);
  }
  EXPECT_EQ(table_.Keys().size(), 25U);
  EXPECT_EQ(Join(Group(2000), kB), Refusal::kNone);
}

TEST_F(MulticastTableTest, TellsThoseWhoWatchOfEachEntry) {
  table_.set_watched(true);
  Include(Group(1), kA, {Source(1)});
  table_.Erase(Group(1), kA);
  const auto [changes, missed] = table_.TakeChanges();
  EXPECT_EQ(missed, 0U);
  const auto change = [](bool added, IpAddress source) {
    return GroupChange{
        .added = added, .permanent = false, .key = Group(1), .port = kA, .source = source};
  };
  EXPECT_THAT(changes, ElementsAre(change(true, {}), change(true, Source(1)), change(false, {}),
                                   change(false, Source(1))));
}

TEST_F(MulticastTableTest, MembershipOfTheBridgeEndsAtItsTime) {
  EXPECT_TRUE(table_.SetHost(Group(1), {.joined = true, .permanent = false, .until = kLater}));
  EXPECT_EQ(table_.groups(), 1U);
  table_.VisitDue(kLater, 100, [](const GroupKey&, PortId) {});
  EXPECT_EQ(table_.Find(Group(1)), nullptr);
}

}  // namespace
}  // namespace tapswitch::multicast_table_test
