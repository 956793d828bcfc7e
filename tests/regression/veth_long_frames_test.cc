// Frames of full size with a provider's and a customer's tag, or up to four bytes above the MTU:
// the Linux bridge passes them to a veth, and a packet socket refused them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_builder.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/switch_process.h"
#include "tests/support/switch_test.h"
#include "tests/support/wait_until.h"

namespace tapswitch::veth_long_frames_test {
namespace {

constexpr MacAddress kSender = MacAddress::FromNumber(0x020000000001);

// With these tags and so many bytes behind them.
std::vector<std::byte> MakeFrame(std::initializer_list<EtherType> tags, size_t payload) {
  FrameBuilder frame(kBroadcastAddress, kSender);
  for (const EtherType tag : tags) frame.Tag(tag, 5);
  const size_t header = kEthernetHeaderSize + tags.size() * kVlanTagSize;
  return frame.Type(kTestType).Text("full size").Pad(header + payload).Build();
}

class VethLongFramesTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    sandbox_.emplace();
    // The sender's side takes more, so that what the other cannot have is seen to be refused there.
    sandbox_->Run(
        "ip link add p1 up mtu 9000 type veth peer name h1 mtu 9000 && ip link set h1 up && "
        "ip link add p2 up type veth peer name h2 && ip link set h2 up");
    switch_.emplace(std::vector<std::string>{"--io=" + io(), "netdev:p1", "netdev:p2"});
    ASSERT_TRUE(switch_->WaitUntilReady());
    from_.emplace("h1", uint16_t{0});
    to_.emplace("h2");
  }

  // The next frame of the test that comes in at the other end.
  [[nodiscard]] std::vector<std::byte> Next() const {
    for (;;) {
      auto frame = to_->Receive();
      if (frame.size() < kEthernetHeaderSize || IsOfTheTest(frame)) return frame;
    }
  }

  [[nodiscard]] static bool IsOfTheTest(const std::vector<std::byte>& frame) {
    const auto any = MakeFrame({}, 60);
    return std::equal(frame.begin(), frame.begin() + 2 * kMacAddressSize, any.begin());
  }

  [[nodiscard]] static uint64_t TooLong() {
    return ControlClient().Call("port.list").at(1).at("drops").at("too_long");
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
  std::optional<PacketSocket> from_;
  std::optional<PacketSocket> to_;
};
INSTANTIATE_TEST_SUITE_P(Io, VethLongFramesTest, kEachIo, IoName);

constexpr EtherType kC = EtherType::kVlan;
constexpr EtherType kS = EtherType::kServiceVlan;

// One after the other, and the bound of each kind at last.
TEST_P(VethLongFramesTest, WhatTheBridgePassesArrivesAsItWasAndTheRestIsCounted) {
  const std::vector<std::vector<std::byte>> pass{
      MakeFrame({}, 1500),   MakeFrame({}, 1504),       MakeFrame({kC}, 1500),
      MakeFrame({kC}, 1504), MakeFrame({kS}, 1500),     MakeFrame({kS}, 1504),
      MakeFrame({kS}, 60),   MakeFrame({kS, kC}, 1500), MakeFrame({kC, kC}, 1500)};
  const std::vector<std::vector<std::byte>> too_long{MakeFrame({}, 1505), MakeFrame({kC}, 1505),
                                                     MakeFrame({kS, kC}, 1501)};
  for (const auto& frame : too_long) from_->Send(frame);
  // Twice as many as there is room for at a time, should none be given back.
  for (int round = 0; round < 4; ++round) {
    for (const auto& frame : pass) {
      from_->Send(frame);
      EXPECT_EQ(Next(), frame);
    }
  }
  EXPECT_EQ(TooLong(), too_long.size());
  switch_->Stop();
}

TEST_P(VethLongFramesTest, TheyGoOnWhenTheMtuIsRaised) {
  const auto before = MakeFrame({kS, kC}, 1500);
  from_->Send(before);
  EXPECT_EQ(Next(), before);
  sandbox_->Run("ip link set p2 mtu 8000 && ip link set h2 mtu 8000");
  const auto after = MakeFrame({kS, kC}, 8000);
  EXPECT_TRUE(WaitUntil([] { return ControlClient().Call("port.list").at(1).at("mtu") == 8000; }));
  from_->Send(after);
  EXPECT_EQ(Next(), after);
}

}  // namespace
}  // namespace tapswitch::veth_long_frames_test
