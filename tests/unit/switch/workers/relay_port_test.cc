// How frames get from one worker to the port of another.

#include "switch/workers/relay_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"
#include "switch/workers/channels/frame_relay.h"

namespace tapswitch::relay_port_test {
namespace {

using Bytes = std::vector<std::byte>;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class RelayPortTest : public testing::Test {
 protected:
  RelayPortTest() { Follow({.link_up = true}); }

  void Follow(const PortStatus& status) {
    port_.OnFirstQueueStatus(status);
    other_.OnFirstQueueStatus(status);
  }

  // Sends `count` frames of `size` bytes, each in two pieces.
  void Send(RelayPort& port, size_t size, size_t count = 1) {
    const Bytes wire(kVirtioNetHeaderSize + size, std::byte{7});
    const std::array<Piece, 2> pieces{{{wire.data(), kVirtioNetHeaderSize + 14},
                                       {wire.data() + kVirtioNetHeaderSize + 14, size - 14}}};
    port.Send(std::vector<WireFrame>(count, {.pieces = pieces, .size = size}));
  }

  // What has come, as pairs of a port and the size of a frame.
  std::vector<std::pair<uint16_t, size_t>> Take() {
    std::vector<std::pair<uint16_t, size_t>> taken;
    relay_.Take([&](PortId to, std::span<const WireFrame> frames) {
      for (const WireFrame& frame : frames) {
        EXPECT_EQ(frame.pieces.size(), 1U);
        EXPECT_EQ(frame.pieces[0].size, kVirtioNetHeaderSize + frame.size);
        EXPECT_EQ(frame.pieces[0].data[frame.pieces[0].size - 1], std::byte{7});
        taken.emplace_back(to.value, frame.size);
      }
    });
    return taken;
  }

  bool IsAwake() {
    pollfd ready{.fd = wake_.fd(), .events = POLLIN, .revents = 0};
    const bool is_awake = poll(&ready, 1, 0) == 1;
    wake_.Clear();
    return is_awake;
  }

  const WakeEvent wake_ = WakeEvent::Create().value();
  FrameRelay relay_{wake_};
  PortCounters counters_;
  RelayPort port_{{.id = {1}, .counters = &counters_}, relay_};
  RelayPort other_{{.id = {2}, .counters = &counters_}, relay_};
};

TEST_F(RelayPortTest, FramesArriveInTheirOrderForTheirPorts) {
  EXPECT_THAT(Take(), IsEmpty());
  Send(port_, 60);
  Send(other_, 61);
  Send(port_, 62, 2);
  EXPECT_THAT(Take(), ElementsAre(Pair(1, 60U), Pair(2, 61U), Pair(1, 62U), Pair(1, 62U)));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(counters_, PortCounters{}) << "who sends them counts them";
}

TEST_F(RelayPortTest, TheOtherSideIsWokenOnceForWhatWaits) {
  Send(port_, 60);
  EXPECT_TRUE(IsAwake());
  Send(port_, 60);
  EXPECT_FALSE(IsAwake());
  Take();
  Send(port_, 60);
  EXPECT_TRUE(IsAwake());
}

TEST_F(RelayPortTest, WhatHasNoRoomIsDroppedAndCounted) {
  Send(port_, 60, FrameRelay::kMaxFrames + 3);
  EXPECT_EQ(counters_.dropped(DropReason::kQueueFull), 3U);
  EXPECT_EQ(Take().size(), FrameRelay::kMaxFrames);
  Send(port_, 60);
  EXPECT_EQ(Take().size(), 1U) << "there is room again";

  constexpr size_t kLarge = 65'000;
  constexpr size_t kFit = FrameRelay::kMaxBytes / (kLarge + kVirtioNetHeaderSize);
  Send(port_, kLarge, kFit + 2);
  EXPECT_EQ(counters_.dropped(DropReason::kQueueFull), 5U);
  EXPECT_EQ(Take().size(), kFit);
}

TEST_F(RelayPortTest, ItIsAsThePortThatItStandsFor) {
  Follow({.link_up = true, .mtu = 9000, .accepted = OffloadSet::All()});
  EXPECT_EQ(port_.status().mtu, 9000U);
  EXPECT_EQ(port_.status().accepted, OffloadSet::All());
}

// It hears of a link later than the bridge, and the port that it stands for looks at its own.
TEST_F(RelayPortTest, ItLeavesTheLinkToThePortThatItStandsFor) {
  Follow({.link_up = false});
  Send(port_, 60, 2);
  EXPECT_EQ(counters_.dropped(DropReason::kLinkDown), 0U);
  EXPECT_EQ(Take().size(), 2U);
}

TEST_F(RelayPortTest, AClosedOneSendsNothing) {
  EXPECT_FALSE(port_.closed());
  port_.BeginClose();
  EXPECT_TRUE(port_.closed());
  Send(port_, 60);
  EXPECT_EQ(counters_.dropped(DropReason::kLinkDown), 1U);
}

}  // namespace
}  // namespace tapswitch::relay_port_test
