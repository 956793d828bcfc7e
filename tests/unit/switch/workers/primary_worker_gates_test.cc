// Ports that may forward or not: their state, their link, and storms that shut them down.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/support/primary_worker_fixture.h"

namespace tapswitch::primary_worker_gates_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using WorkerGatesTest = WorkerTest;

// Storm control of port 0 that shuts it down at the third broadcast.
PortForwarding ShutDownByStorm(Ticks recovery) {
  PortForwarding forwarding{.id = {0}};
  forwarding.storm.rates[0] = {.per_second = 20};
  forwarding.storm.shuts_down = true;
  forwarding.storm.recovery = recovery;
  return forwarding;
}

TEST_F(WorkerGatesTest, AStormShutsThePortDownUntilItsTimeHasCome) {
  std::vector<Alarm> alarms;
  std::vector<uint16_t> recovered;
  worker_.set_on_alarm([&](const Alarm& alarm) { alarms.push_back(alarm); });
  worker_.set_on_recovery([&](PortId port) { recovered.push_back(port.value); });
  worker_.SetForwarding(ShutDownByStorm({500}));
  for (int i = 0; i < 5; ++i) ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  Settle();
  EXPECT_EQ(WrittenTo().size(), 4U) << "two frames to two ports";
  ASSERT_EQ(alarms.size(), 1U);
  EXPECT_EQ(worker_.lane().counters({0}).alarms[0], 1U);
  EXPECT_EQ(bridge_.table().learned({0}), 0U) << "its stations are forgotten";

  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  ring_.Arrive({1}, Wire(kBroadcastAddress, Station(3)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(2));
  EXPECT_EQ(worker_.lane().counters({0}).dropped(DropReason::kShutDown), 1U);
  EXPECT_EQ(worker_.EffectiveState({0}), PortState::kDisabled);
  EXPECT_EQ(worker_.Snapshot().ports[0].recovers_in, Ticks{500});

  clock_.now = clock_.now + Ticks{499};
  Settle();
  EXPECT_THAT(recovered, IsEmpty());
  clock_.now = clock_.now + Ticks{1};
  Settle();
  EXPECT_THAT(recovered, ElementsAre(0));
  EXPECT_EQ(worker_.EffectiveState({0}), PortState::kForwarding);

  for (int i = 0; i < 5; ++i) ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  Settle();
  EXPECT_EQ(WrittenTo().size(), 4U) << "it begins anew";
  EXPECT_EQ(alarms.size(), 2U) << "and is shut down anew";
}

TEST_F(WorkerGatesTest, WithoutATimeAPortStaysShutDownUntilItIsRecovered) {
  worker_.SetForwarding(ShutDownByStorm({0}));
  for (int i = 0; i < 5; ++i) ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  Settle();
  clock_.now = clock_.now + Ticks{100'000'000};
  Settle();
  EXPECT_EQ(worker_.EffectiveState({0}), PortState::kDisabled);
  EXPECT_FALSE(worker_.Recover({1})) << "another port";
  EXPECT_FALSE(worker_.Recover({900})) << "no port";
  EXPECT_TRUE(worker_.Recover({0}));
  EXPECT_FALSE(worker_.Recover({0}));
  EXPECT_EQ(worker_.EffectiveState({0}), PortState::kForwarding);
}

TEST_F(WorkerGatesTest, ForwardingFollowsWhatIsSetAndTheLink) {
  worker_.SetForwarding({.id = {2}, .flood = false});
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1));

  worker_.SetForwarding({.id = {2}, .state = PortState::kBlocking});
  EXPECT_EQ(worker_.EffectiveState({2}), PortState::kBlocking);
  SetLink(2, false);
  EXPECT_EQ(worker_.EffectiveState({2}), PortState::kDisabled);
  SetLink(2, true);
  EXPECT_EQ(worker_.EffectiveState({2}), PortState::kBlocking) << "a state set by hand stays";
}

}  // namespace
}  // namespace tapswitch::primary_worker_gates_test
