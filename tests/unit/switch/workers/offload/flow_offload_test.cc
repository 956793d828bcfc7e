// Conversations that are handed to the kernel, and taken back when something changes. The kernel's
// part is the real one: its programs get the frames that a test makes.

#include "switch/workers/offload/flow_offload.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/flow_offload_fixture.h"

namespace tapswitch::flow_offload_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FlowOffloadTest : public FlowOffloadFixture {};

// ---- What is handed over

TEST_F(FlowOffloadTest, AConversationIsHandedOverOnceItHasGoneOn) {
  for (uint32_t i = 0; i < FlowSightings::kEnough; ++i) EXPECT_EQ(Send(), kToSwitch);
  EXPECT_FALSE(InKernel().has_value()) << "the last frame is judged when it has left";
  rig_->Turn();
  ASSERT_TRUE(InKernel().has_value());
  EXPECT_EQ(flows().size(), 1U);
  EXPECT_EQ(Send(), kCarried);
}

TEST_F(FlowOffloadTest, AScanOfAddressesIsNot) {
  for (int i = 0; i < 100; ++i) {
    Learn(Station(100 + i), kB);
    for (int copies = 0; copies < 2; ++copies)
      EXPECT_EQ(Send(kSource, Station(100 + i)), kToSwitch);
  }
  rig_->Turn();
  EXPECT_EQ(flows().size(), 0U);
}

TEST_F(FlowOffloadTest, WhatTheBridgeHasToSeeIsNot) {
  ports_[0].kernel_forwarding = false;
  SetView();
  SendEnough();
  EXPECT_EQ(flows().size(), 0U);
  EXPECT_EQ(Explain().advice.obstacle, FlowObstacle::kTurnedOff);
}

// A port that shares its interface with the host.
TEST_F(FlowOffloadTest, APortWithoutTheFilterGetsFlowsAndHasNone) {
  rig_->port(kA).kernel_path().seat->set_in_use(false);
  flows().SetPort(rig_->port(kA));
  SendEnough();
  EXPECT_EQ(flows().size(), 0U);
  EXPECT_EQ(Explain().advice.obstacle, FlowObstacle::kIngress);
  rig_->port(kA).kernel_path().seat->set_in_use(true);
  flows().SetPort(rig_->port(kA));
  rig_->port(kB).kernel_path().seat->set_in_use(false);
  flows().SetPort(rig_->port(kB));
  Begin();
}

TEST_F(FlowOffloadTest, TheStationsEndOfAPairIsReachedDirectly) {
  rig_->port(kB).status().station = kDestination;
  flows().SetPort(rig_->port(kB));
  SendEnough();
  EXPECT_TRUE(rig_->Receive(kA, FlowFrame(kSource, kDestination)).is_direct);
  Learn(Station(3), kB);
  SendEnough(kSource, Station(3));
  const KernelReceipt other = rig_->Receive(kA, FlowFrame(kSource, Station(3)));
  EXPECT_EQ(other.way, kCarried);
  EXPECT_FALSE(other.is_direct) << "that station is behind the other one";
}

TEST_F(FlowOffloadTest, WhatThereIsIsShownAndExplained) {
  Learn(Station(3), kC);
  SendEnough(kSource, Station(3));
  SendEnough();
  EXPECT_TRUE(Explain().is_pending);
  EXPECT_EQ(Send(), kCarried);
  EXPECT_TRUE(Explain().is_carried);
  EXPECT_FALSE(Explain().is_pending);
  std::vector<ShownFlow> shown;
  const auto next = flows().Show(0, 1, shown);
  ASSERT_EQ(next, 1U);
  EXPECT_EQ(flows().Show(*next, 1, shown), std::nullopt);
  ASSERT_EQ(shown.size(), 2U);
  EXPECT_EQ(shown[0].egress, kC);
  EXPECT_EQ(shown[1].egress, kB);
  EXPECT_EQ(shown[1].source, kSource);
  EXPECT_EQ(shown[1].destination, kDestination);
}

// ---- Pending flows

TEST_F(FlowOffloadTest, AFlowBeginsWhenNothingOfItsPortIsOnItsWay) {
  std::vector<PortId> told;
  flows().set_on_pending([&](PortId port) { told.push_back(port); });
  rig_->set_finishes(false);
  EXPECT_EQ(Send(), kToSwitch);
  SendEnough();
  EXPECT_EQ(told, std::vector{kA});
  EXPECT_TRUE(flows().has_pending());
  EXPECT_EQ(Send(), kToSwitch);
  EXPECT_TRUE(Explain().is_pending);
  rig_->port(kA).kernel_path().seat->Done(2);
  EXPECT_EQ(Send(), kCarried);
  rig_->Pass(milliseconds(10));
  EXPECT_FALSE(flows().has_pending());
}

TEST_F(FlowOffloadTest, OneThatCannotBeginIsTakenBackAndHeldOff) {
  rig_->set_finishes(false);
  EXPECT_EQ(Send(), kToSwitch);
  SendEnough();
  rig_->Pass(milliseconds(490));
  EXPECT_EQ(flows().size(), 1U);
  rig_->Pass(milliseconds(30));
  EXPECT_EQ(flows().size(), 0U);
  EXPECT_FALSE(InKernel().has_value());
  EXPECT_FALSE(flows().has_pending());
  SendEnough();
  EXPECT_EQ(flows().size(), 0U) << "for a second";
  rig_->Pass(milliseconds(1000));
  SendEnough();
  EXPECT_EQ(flows().size(), 1U);
}

class OverloadTest : public FlowOffloadFixture {
 protected:
  // There is always a frame on its way, and some are lost.
  void Overload() {
    rig_->set_finishes(false);
    EXPECT_EQ(Send(Station(50), Station(51)), kToSwitch);
  }
  [[nodiscard]] KernelSeat& seat() { return *rig_->port(kA).kernel_path().seat; }
  // The number is that of a frame which the program has seen, too.
  void Lose() {
    EXPECT_EQ(Send(Station(50), Station(51)), kToSwitch);
    seat().Lost(1);
  }
  [[nodiscard]] bool drains() { return Send() == kDropped; }
};

TEST_F(OverloadTest, FramesOfPendingFlowsAreDroppedWhereOthersAreLostAnyway) {
  Overload();
  SendEnough();
  rig_->Pass(milliseconds(4));
  Lose();
  EXPECT_FALSE(drains()) << "not before it has waited a while";
  rig_->Pass(milliseconds(4));
  EXPECT_TRUE(drains());
  EXPECT_EQ(flows().traffic().Read()[kA].drained, 1U);
  seat().Done(2);  // the one that was on its way, and that of the question
  EXPECT_EQ(Send(), kCarried);
  rig_->Pass(milliseconds(10));
  EXPECT_EQ(Send(Station(50), Station(51)), kToSwitch) << "frames of others are not dropped";
}

TEST_F(OverloadTest, WithoutLossesNothingIsDropped) {
  Overload();
  SendEnough();
  rig_->Pass(milliseconds(50));
  EXPECT_EQ(Send(), kToSwitch);
}

TEST_F(OverloadTest, DrainingInVainEndsAndPausesLongerEachTime) {
  Overload();
  for (const seconds pause : {seconds(10), seconds(20)}) {
    SendEnough();
    rig_->Pass(milliseconds(2));
    Lose();
    rig_->Pass(milliseconds(20));
    ASSERT_TRUE(drains());
    rig_->Pass(milliseconds(80));
    EXPECT_TRUE(drains()) << "for a tenth of a second";
    rig_->Pass(milliseconds(10));
    EXPECT_FALSE(drains());
    EXPECT_EQ(flows().size(), 0U);
    rig_->Pass(pause - seconds(2));
    SendEnough();
    Lose();
    rig_->Pass(milliseconds(20));
    EXPECT_EQ(flows().size(), 1U);
    EXPECT_FALSE(drains()) << "so soon again";
    rig_->Pass(seconds(3));
  }
}

TEST_F(OverloadTest, DrainingTakesItsTimeAlsoWhenItBeginsLate) {
  Overload();
  SendEnough();
  rig_->Pass(milliseconds(300));
  EXPECT_EQ(Send(), kToSwitch);
  Lose();
  rig_->Pass(milliseconds(10));
  EXPECT_TRUE(drains());
  rig_->Pass(milliseconds(60));
  EXPECT_TRUE(drains());
  EXPECT_EQ(flows().size(), 1U);
}

// ---- What ends them

TEST_F(FlowOffloadTest, EachChangeThatConcernsAFlowEndsItForTheNextFrame) {
  const std::pair<std::string, std::function<void()>> kChanges[] = {
      {"the view", [&] { SetView(); }},
      {"a gate", [&] { rig_->bridge().SetGate(kB, {.state = PortState::kBlocking}); }},
      {"the link", [&] { rig_->port(kB).status().link_up = false; }},
      {"the MTU", [&] { rig_->port(kB).status().mtu = 1400; }},
      {"the MTU where it comes in", [&] { rig_->port(kA).status().mtu = 1400; }},
      {"the interface", [&] { rig_->port(kB).status().ifindex = 99; }},
      {"the namespace", [&] { rig_->port(kB).status().netns = NetnsId{1}; }},
      {"the station's end", [&] { rig_->port(kB).status().station = kDestination; }},
      {"the destination moves", [&] { Learn(kDestination, kC); }},
      {"the source moves", [&] { Learn(kSource, kC); }},
      {"the destination is forgotten",
       [&] { static_cast<void>(table().Erase(kNoVlan, kDestination)); }},
      {"the source is forgotten", [&] { static_cast<void>(table().Erase(kNoVlan, kSource)); }},
      {"the destination is set",
       [&] {
         static_cast<void>(table().Set({.vlan = kNoVlan,
                                        .address = kDestination,
                                        .port = kC,
                                        .state = MacEntryState::kStatic},
                                       rig_->now()));
       }},
      {"the destination is set for all VLANs",
       [&] {
         static_cast<void>(table().Set({.vlan = kAnyVlan,
                                        .address = kDestination,
                                        .port = kBridgePort,
                                        .state = MacEntryState::kPermanent},
                                       rig_->now()));
       }},
      {"a port is flushed", [&] { table().FlushPort(kB); }},
      {"a VLAN is flushed", [&] { table().FlushVlan(kNoVlan); }},
      {"all is flushed", [&] { table().FlushAll(); }},
      {"the source is held", [&] { table().Hold(kNoVlan, kSource); }},
      {"the ageing time", [&] { table().set_ageing(Ticks{20000}); }},
      {"a port goes", [&] { flows().RemovePort(kB); }},
      {"the port where it comes in goes", [&] { flows().RemovePort(kA); }},
  };
  for (const auto& [name, change] : kChanges) {
    SCOPED_TRACE(name);
    SetUp();
    if (IsSkipped()) return;
    Begin();
    change();
    for (const PortId id : {kA, kB}) {
      if (name.ends_with("goes")) break;
      flows().SetPort(rig_->port(id));
    }
    flows().Follow();
    EXPECT_EQ(Send(), kToSwitch);
    // Nothing of it is left.
    rig_->Pass(Ticks{200});
    EXPECT_EQ(flows().size(), 0U);
    EXPECT_FALSE(InKernel().has_value());
  }
}

TEST_F(FlowOffloadTest, WhatDoesNotConcernItLeavesItAlone) {
  Begin();
  Learn(Station(3), kC);
  static_cast<void>(table().Erase(kNoVlan, Station(3)));
  rig_->bridge().SetGate(kC, {.state = PortState::kBlocking});
  rig_->port(kC).status().mtu = 900;
  flows().SetPort(rig_->port(kC));
  flows().RemovePort(kC);
  flows().Follow();
  EXPECT_EQ(Send(), kCarried);
}

TEST_F(FlowOffloadTest, AStationWithManyFlowsTakesAllOfThemAlong) {
  for (int i = 0; i < 300; ++i) {
    Learn(Station(100 + i), kA);
    SendEnough(Station(100 + i), kDestination);
  }
  EXPECT_EQ(Send(Station(399)), kCarried);
  EXPECT_EQ(Send(Station(100)), kCarried);
  Learn(kDestination, kC);
  flows().Follow();
  EXPECT_EQ(Send(Station(100)), kToSwitch);
  EXPECT_EQ(Send(Station(399)), kToSwitch);
}

TEST_F(FlowOffloadTest, AChangeThatWasOverwrittenInTheJournalCountsAll) {
  Begin();
  Learn(kDestination, kC);
  for (uint64_t i = 0; i <= ChangeJournal::kCapacity; ++i) {
    Learn(Station(100), i % 2 == 0 ? kA : kC);
  }
  flows().Follow();
  EXPECT_EQ(Send(), kToSwitch);
}

TEST_F(FlowOffloadTest, NothingIsCarriedWhileAnotherProcessIsToHaveThePrograms) {
  Begin();
  flows().Suspend();
  EXPECT_EQ(Send(), kToSwitch);
  SendEnough();
  EXPECT_TRUE(flows().RemoveSome(10));
  EXPECT_FALSE(InKernel().has_value());
  flows().Resume();
  for (const PortId id : {kA, kB, kC}) flows().SetPort(rig_->port(id));
  SendEnough();
  EXPECT_EQ(Send(), kCarried);
}

TEST_F(FlowOffloadTest, FlowsAreRemovedSomeAtATime) {
  for (int i = 0; i < 5; ++i) {
    Learn(Station(100 + i), kA);
    SendEnough(Station(100 + i), kDestination);
  }
  flows().Suspend();
  EXPECT_FALSE(flows().RemoveSome(3));
  EXPECT_EQ(flows().size(), 2U);
  EXPECT_TRUE(flows().RemoveSome(3));
}

}  // namespace
}  // namespace tapswitch::flow_offload_test
