// Who gets which frame: nobody a frame too many, nobody one too few.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::flooding_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FloodingTest : public SwitchTest {
 protected:
  void Start(size_t hosts) {
    network_.emplace(SilentHosts(io(), hosts));
    exchange_.emplace(*network_);
  }

  // The switch learns that Station(host) is behind this host.
  void Introduce(int host) {
    exchange_->Send(host, TestFrame(kBroadcastAddress, Station(host), "here I am"));
    static_cast<void>(exchange_->Collect());
  }

  std::optional<TestNetwork> network_;
  std::optional<FrameExchange> exchange_;
};
INSTANTIATE_TEST_SUITE_P(Io, FloodingTest, kEachIo, IoName);

TEST_P(FloodingTest, AFrameToAnUnknownStationReachesEveryOtherHostOnce) {
  Start(4);
  const auto frame = TestFrame(Station(9), Station(1), "who knows 9?");
  exchange_->Send(1, frame);
  auto received = exchange_->Collect();
  EXPECT_THAT(received.at(1), IsEmpty()) << "its sender";
  for (const int other : {2, 3, 4}) EXPECT_THAT(received.at(other), ElementsAre(frame)) << other;
}

TEST_P(FloodingTest, FloodingStopsOnceTheStationIsKnown) {
  Start(4);
  Introduce(3);
  const auto frame = TestFrame(Station(3), Station(1), "only for 3");
  exchange_->Send(1, frame);
  auto received = exchange_->Collect();
  EXPECT_THAT(received.at(3), ElementsAre(frame));
  for (const int other : {1, 2, 4}) EXPECT_THAT(received.at(other), IsEmpty()) << other;
}

TEST_P(FloodingTest, BroadcastAndMulticastAreFloodedHoweverMuchIsKnown) {
  Start(4);
  for (int host = 1; host <= 4; ++host) Introduce(host);
  const auto broadcast = TestFrame(kBroadcastAddress, Station(2), "to all");
  const auto multicast =
      TestFrame(MacAddress::FromNumber(0x01005E000001), Station(2), "to a group");
  exchange_->Send(2, broadcast);
  exchange_->Send(2, multicast);
  auto received = exchange_->Collect();
  EXPECT_THAT(received.at(2), IsEmpty());
  for (const int other : {1, 3, 4}) {
    EXPECT_THAT(received.at(other), ElementsAre(broadcast, multicast)) << other;
  }
}

TEST_P(FloodingTest, FramesKeepTheirOrder) {
  constexpr int kFrames = 300;
  Start(3);
  std::vector<std::vector<std::byte>> frames;
  for (int i = 0; i < kFrames; ++i) {
    frames.push_back(TestFrame(kBroadcastAddress, Station(1), "frame " + std::to_string(i)));
    exchange_->Send(1, frames.back());
  }
  auto received = exchange_->Collect();
  for (const int other : {2, 3}) {
    EXPECT_EQ(received.at(other), frames) << "at h" << other;
  }
}

TEST_P(FloodingTest, TrafficFollowsAStationThatMoves) {
  Start(4);
  Introduce(3);
  exchange_->Send(4, TestFrame(kBroadcastAddress, Station(3), "I have moved from 3 to 4"));
  static_cast<void>(exchange_->Collect());

  const auto frame = TestFrame(Station(3), Station(1), "for 3, now at 4");
  exchange_->Send(1, frame);
  auto received = exchange_->Collect();
  EXPECT_THAT(received.at(4), ElementsAre(frame));
  EXPECT_THAT(received.at(3), IsEmpty());
  EXPECT_THAT(received.at(2), IsEmpty());
}

TEST_P(FloodingTest, AFrameToAStationBehindItsOwnPortGoesNowhere) {
  Start(3);
  Introduce(1);
  exchange_->Send(1, TestFrame(Station(1), Station(5), "my neighbour"));
  auto received = exchange_->Collect();
  for (const int host : {1, 2, 3}) EXPECT_THAT(received.at(host), IsEmpty()) << host;
}

TEST_P(FloodingTest, OneOfSixtyFourPortsReachesTheOtherSixtyThree) {
  constexpr int kHosts = 64;
  Start(kHosts);
  const auto broadcast = TestFrame(kBroadcastAddress, Station(7), "to all");
  exchange_->Send(7, broadcast);
  auto received = exchange_->Collect();
  for (int host = 1; host <= kHosts; ++host) {
    if (host == 7) {
      EXPECT_THAT(received.at(host), IsEmpty());
    } else {
      EXPECT_THAT(received.at(host), ElementsAre(broadcast)) << host;
    }
  }

  const auto unicast = TestFrame(Station(7), Station(64), "only for 7");
  exchange_->Send(64, unicast);
  received = exchange_->Collect();
  for (int host = 1; host <= kHosts; ++host) {
    if (host == 7) {
      EXPECT_THAT(received.at(host), ElementsAre(unicast));
    } else {
      EXPECT_THAT(received.at(host), IsEmpty()) << host;
    }
  }
}

}  // namespace
}  // namespace tapswitch::flooding_test
