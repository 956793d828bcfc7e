// The same flags, the same frames: does the switch deliver what the kernel's bridge delivers?

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/beside_kernel_bridge.h"
#include "tests/support/frame_exchange.h"

namespace tapswitch::kernel_bridge_test {
namespace {

constexpr int kPorts = 4;
constexpr unsigned kSeed = 7;

class KernelBridgeTest : public BesideKernelBridgeTest {
 protected:
  KernelBridgeTest() : BesideKernelBridgeTest(kSeed) {}

  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    StartSwitch(kPorts);
    if (!MakeKernelBridge(kPorts, "mcast_snooping 0")) GTEST_SKIP() << "this kernel has no bridge";
    drain_->Drain();
  }

  // A few flags of one port, on both.
  void ChangeFlags() {
    // Not `locked`: it asks who was learned, also from frames that teach in the kernel only.
    constexpr std::array kFlags{"flood",   "mcast_flood", "bcast_flood",
                                "hairpin", "isolated",    "learning"};
    const int port = 1 + Below(kPorts);
    std::string words;
    for (const char* flag : kFlags) {
      // Mostly as it is at first, so that something gets through.
      const bool usual = std::string(flag).ends_with("flood") || flag == kFlags[5];
      words += std::string(" ") + flag +
               (Below(4) == 0 ? (usual ? " off" : " on") : (usual ? " on" : " off"));
    }
    network_->sandbox().Run(std::string(TAPCTL_PATH) + " link set dev vnet" + std::to_string(port) +
                            words);
    network_->sandbox().Run("bridge link set dev " + PeerHosts::EndOf(port) + words);
  }

  void ChangeMask() {
    // The kernel does not forward :00 to :02.
    const std::string mask = std::to_string(Below(0x10000) & 0xFFF8);
    network_->sandbox().Run(std::string(TAPCTL_PATH) + " bridge set group_fwd_mask " + mask);
    network_->sandbox().Run("ip link set kbr0 type bridge group_fwd_mask " + mask);
  }

  std::vector<std::byte> RandomFrame(int host, uint32_t number) {
    MacAddress destination = Station((1 + Below(kPorts)) * 10 + Below(2));
    if (Below(5) == 0) destination = kBroadcastAddress;
    if (Below(8) == 0) destination = MacAddress::FromNumber(0x01005E000000 + Below(4));
    // Sometimes a station has moved.
    const int behind = Below(10) == 0 ? 1 + Below(kPorts) : host;
    MacAddress source = Station(behind * 10 + Below(2));
    if (Below(6) == 0) {
      destination = MacAddress::FromNumber(0x0180C2000003 + Below(13));
      // The kernel learns from these, and the switch does not: nobody asks for this station.
      source = Station(200 + host);
    }
    FrameBuilder frame(destination, source);
    if (Below(4) == 0) frame.Tag(EtherType::kVlan, Below(4096));
    return frame.Type(kTestType).U32(number).Pad(64).Build();
  }
};
INSTANTIATE_TEST_SUITE_P(Io, KernelBridgeTest, kEachIo, IoName);

TEST_P(KernelBridgeTest, BothDeliverTheSame) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  for (uint32_t number = 0; number < 400 && !HasFailure(); ++number) {
    if (number % 20 == 10) ChangeFlags();
    if (number % 50 == 25) ChangeMask();
    const int host = 1 + Below(kPorts);
    const auto frame = RandomFrame(host, number);
    const auto ours = drain_->Pass(host, frame);
    EXPECT_EQ(peer_->Pass(host, frame, ours), ours)
        << "frame " << number << " from host " << host << " to "
        << ParseHeader(frame)->destination.ToString();
  }
}

}  // namespace
}  // namespace tapswitch::kernel_bridge_test
