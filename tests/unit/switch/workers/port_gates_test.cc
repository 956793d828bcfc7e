#include "switch/workers/port_gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "switch/forwarding/view/forwarding_view.h"

namespace tapswitch::port_gates_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PortId kPort{3};
constexpr PortId kOther{5};

class PortGatesTest : public ::testing::Test {
 protected:
  PortGatesTest() {
    SetWanted(PortState::kForwarding);
    gates_.Add(kPort, false);
    gates_.Add(kOther, false);
  }

  void SetWanted(PortState state) {
    const std::vector<PortForwarding> ports{{.id = kPort, .state = state}, {.id = kOther}};
    bridge_.SetView(ForwardingView(ports));
    gates_.FollowView();
  }

  [[nodiscard]] bool Passes(PortId id) const {
    return bridge_.view().gates().forwarding().contains(id);
  }
  [[nodiscard]] bool Learns(PortId id) const {
    return bridge_.view().gates().learning().contains(id);
  }

  // Opens gates whose time has come; the ports to be recovered.
  std::vector<PortId> Pass(Ticks span) {
    now_ = now_ + span;
    std::vector<PortId> due;
    gates_.ActOnTime(now_, [&](PortId id) {
      due.push_back(id);
      EXPECT_TRUE(gates_.Recover(id));
    });
    return due;
  }

  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
  PortGates gates_{bridge_};
  Tick now_{1000};
};

TEST_F(PortGatesTest, AGateIsOpenWhileTheLinkIsUp) {
  EXPECT_FALSE(Passes(kPort));
  EXPECT_TRUE(gates_.SetLink(kPort, true));
  EXPECT_TRUE(Passes(kPort));
  EXPECT_FALSE(Passes(kOther)) << "each has its own";
  EXPECT_FALSE(gates_.SetLink(kPort, true)) << "no news";
  EXPECT_TRUE(gates_.SetLink(kPort, false));
  EXPECT_FALSE(Passes(kPort));
}

TEST_F(PortGatesTest, TheStateThatIsWantedCountsWhileTheLinkIsUp) {
  gates_.SetLink(kPort, true);
  SetWanted(PortState::kLearning);
  EXPECT_EQ(gates_.state(kPort), PortState::kLearning);
  EXPECT_TRUE(Learns(kPort));
  EXPECT_FALSE(Passes(kPort));
  gates_.SetLink(kPort, false);
  EXPECT_EQ(gates_.state(kPort), PortState::kDisabled);
  EXPECT_FALSE(Learns(kPort));
  gates_.SetLink(kPort, true);
  EXPECT_EQ(gates_.state(kPort), PortState::kLearning);
}

TEST_F(PortGatesTest, NothingPassesAMaskedPort) {
  gates_.SetLink(kPort, true);
  gates_.SetMasked(kPort, true);
  EXPECT_FALSE(Passes(kPort));
  gates_.SetMasked(kPort, false);
  EXPECT_TRUE(Passes(kPort));
}

TEST_F(PortGatesTest, APortThatIsShutDownRecoversWhenItsTimeHasCome) {
  gates_.SetLink(kPort, true);
  gates_.ShutDownPort(kPort, {.cause = Alarm::Kind::kStorm, .until = now_ + Ticks{50}});
  EXPECT_FALSE(Passes(kPort));
  EXPECT_TRUE(bridge_.view().is_shut_down(kPort));
  EXPECT_EQ(gates_.next_deadline(), now_ + Ticks{50});
  EXPECT_THAT(Pass({49}), IsEmpty());
  EXPECT_THAT(Pass({1}), ElementsAre(kPort));
  EXPECT_TRUE(Passes(kPort));
  EXPECT_FALSE(bridge_.view().is_shut_down(kPort));
  EXPECT_EQ(gates_.next_deadline(), std::nullopt);
}

TEST_F(PortGatesTest, APortThatIsShutDownForGoodRecoversByHandOnly) {
  gates_.SetLink(kPort, true);
  gates_.ShutDownPort(kPort, {.cause = Alarm::Kind::kStorm, .until = {}});
  EXPECT_EQ(gates_.next_deadline(), std::nullopt);
  EXPECT_THAT(Pass({1'000'000}), IsEmpty());
  EXPECT_TRUE(gates_.Recover(kPort));
  EXPECT_FALSE(gates_.Recover(kPort));
  EXPECT_TRUE(Passes(kPort));
}

TEST_F(PortGatesTest, EachChangeOfALinkThatFlapsTakesEffectAtOnce) {
  for (int i = 0; i < 1000; ++i) {
    gates_.SetLink(kPort, true);
    ASSERT_TRUE(Passes(kPort)) << i;
    gates_.SetLink(kPort, false);
    ASSERT_FALSE(Passes(kPort)) << i;
  }
}

TEST_F(PortGatesTest, APortThatWasRemovedIsClosed) {
  gates_.SetLink(kPort, true);
  gates_.Remove(kPort);
  EXPECT_FALSE(Passes(kPort));
  EXPECT_EQ(gates_.state(kPort), PortState::kDisabled);
  gates_.Add(kPort, false);
  EXPECT_FALSE(Passes(kPort)) << "its link is down at first";
}

// A view in which little differs is no news of ports that are closed.
TEST_F(PortGatesTest, AnotherViewLeavesTheGatesAsTheyAre) {
  gates_.SetLink(kPort, true);
  const std::vector<PortForwarding> ports{{.id = kPort, .flood = false}, {.id = kOther}};
  PreparedView view = bridge_.Prepare(ForwardingView(ports));
  const GateMasks before = bridge_.view().gates();
  const uint64_t generation = bridge_.generation(kOther);
  bridge_.SwapView(view);
  EXPECT_EQ(bridge_.view().gates(), before);
  gates_.FollowView();
  EXPECT_EQ(bridge_.view().gates(), before);
  EXPECT_EQ(bridge_.generation(kOther), generation);
}

TEST_F(PortGatesTest, SaysOnceThatSomethingHasChanged) {
  static_cast<void>(gates_.TakeChanged());
  EXPECT_FALSE(gates_.TakeChanged());
  gates_.SetLink(kPort, true);
  EXPECT_TRUE(gates_.TakeChanged());
  EXPECT_FALSE(gates_.TakeChanged());
}

}  // namespace
}  // namespace tapswitch::port_gates_test
