#include "switch/forwarding/view/vlan_counters.h"

#include <gtest/gtest.h>

#include <vector>

namespace tapswitch::vlan_counters_test {
namespace {

constexpr VlanId kVlan{10};
constexpr VlanCounters kSome{.received = {.frames = 3, .bytes = 300}, .sent = {}};

class VlanCountersTest : public ::testing::Test {
 protected:
  // Has the ports of these ids be the members of kVlan.
  void SetMembers(const std::vector<uint16_t>& ids, bool filters = true) {
    std::vector<PortForwarding> ports;
    for (const uint16_t id : ids) {
      ports.push_back({.id = {id}});
      ports.back().vlans.members.insert(kVlan);
    }
    ForwardingView after(ports, {.vlan_filtering = filters});
    VlanCounterChange change = table_.Plan(view_, after);
    table_.Apply(change);
    view_ = std::move(after);
    last_change_ = std::move(change);
  }

  ForwardingView view_;
  VlanCounterTable table_;
  VlanCounterChange last_change_;
};

TEST_F(VlanCountersTest, CountsGoOnWhenMembersComeAndGo) {
  SetMembers({1});
  table_.of(kVlan, {1}) = kSome;
  SetMembers({1, 700});
  EXPECT_EQ(table_.Find(kVlan, {1}), kSome);
  EXPECT_EQ(table_.Find(kVlan, {700}), VlanCounters{});
  table_.of(kVlan, {700}) = kSome;
  SetMembers({1});
  EXPECT_EQ(table_.Find(kVlan, {1}), kSome);
  EXPECT_EQ(table_.Find(kVlan, {700}), VlanCounters{});
}

TEST_F(VlanCountersTest, APortThatComesBackBeginsAtZero) {
  SetMembers({1, 2});
  table_.of(kVlan, {2}) = kSome;
  SetMembers({1});
  SetMembers({1, 2});
  EXPECT_EQ(table_.Find(kVlan, {2}), VlanCounters{});
}

TEST_F(VlanCountersTest, AVlanWithoutMembersIsForgotten) {
  SetMembers({1});
  table_.of(kVlan, {1}) = kSome;
  SetMembers({});
  EXPECT_EQ(table_.Find(kVlan, {1}), VlanCounters{});
  SetMembers({1});
  EXPECT_EQ(table_.Find(kVlan, {1}), VlanCounters{});
}

TEST_F(VlanCountersTest, NothingIsCountedWhileVlansAreNotFiltered) {
  SetMembers({1});
  table_.of(kVlan, {1}) = kSome;
  SetMembers({1}, false);
  EXPECT_EQ(table_.Find(kVlan, {1}), VlanCounters{});
  SetMembers({1});
  EXPECT_EQ(table_.Find(kVlan, {1}), VlanCounters{});
}

TEST_F(VlanCountersTest, AViewWithTheSameMembersChangesNothing) {
  SetMembers({1, 2});
  SetMembers({1, 2});
  EXPECT_TRUE(last_change_.rows.empty());
}

}  // namespace
}  // namespace tapswitch::vlan_counters_test
