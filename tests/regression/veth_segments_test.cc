// What the other end of a veth pair left to be cut was lost before Linux 6.2, where packet sockets
// cannot hand over segmentation of UDP. An XDP program at the near end has the other one cut
// itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <memory>
#include <optional>
#include <string>

#include "ports/interface/netdev/peer_segmentation.h"
#include "ports/os/netns.h"
#include "tests/support/netns_sandbox.h"

namespace tapswitch::veth_segments_test {
namespace {

using testing::HasSubstr;

class VethSegmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    sandbox_->AddNetns("h1");
  }

  void AddPair(const std::string& mtu = "1500") const {
    sandbox_->Run("ip link add vnet1 up mtu " + mtu + " type veth peer name eth0 mtu " + mtu +
                  " netns h1 && ip -n h1 link set eth0 up");
  }

  void ExpectGroOfNearEnd(const std::string& state) const {
    EXPECT_THAT(sandbox_->Run("ethtool -k vnet1"), HasSubstr("generic-receive-offload: " + state));
  }
  [[nodiscard]] std::string PeersFeatures() const {
    return sandbox_->Run("ip netns exec h1 ethtool -k eth0");
  }
  void ExpectThatPeerLeavesSegments(const std::string& state) const {
    EXPECT_THAT(PeersFeatures(), HasSubstr("tx-udp-segmentation: " + state));
    EXPECT_THAT(PeersFeatures(), HasSubstr("tcp-segmentation-offload: " + state));
    EXPECT_THAT(PeersFeatures(), HasSubstr("tx-sctp-segmentation: " + state));
  }

  static absl::StatusOr<std::unique_ptr<PeerSegmentationOff>> Apply(const std::string& interface) {
    return PeerSegmentationOff::Apply(NetworkNamespace::Current().value(),
                                      static_cast<int>(if_nametoindex(interface.c_str())));
  }

  std::optional<NetnsSandbox> sandbox_;
};

TEST_F(VethSegmentsTest, TheOtherEndCutsAsLongAsTheObjectLives) {
  AddPair();
  ExpectThatPeerLeavesSegments("on");
  auto off = Apply("vnet1");
  ASSERT_TRUE(off.ok()) << off.status();
  ExpectThatPeerLeavesSegments("off");
  sandbox_->Run(
      "ip address add 10.83.0.1/24 dev vnet1 && ip -n h1 address add 10.83.0.2/24 dev eth0");
  sandbox_->Run("ping -c 1 -W 10 10.83.0.2");
  off->reset();
  ExpectThatPeerLeavesSegments("on");
  ExpectGroOfNearEnd("off");
}

TEST_F(VethSegmentsTest, GroThatWasOnStaysOn) {
  AddPair();
  sandbox_->Run("ethtool -K vnet1 gro on");
  auto off = Apply("vnet1");
  ASSERT_TRUE(off.ok()) << off.status();
  off->reset();
  ExpectThatPeerLeavesSegments("on");
  ExpectGroOfNearEnd("on");
}

TEST_F(VethSegmentsTest, AlsoWithFramesBeyondAPage) {
  AddPair("65535");
  const auto off = Apply("vnet1");
  ASSERT_TRUE(off.ok()) << off.status();
  ExpectThatPeerLeavesSegments("off");
}

TEST_F(VethSegmentsTest, AnotherProgramThereIsSaidToBe) {
  AddPair();
  const auto first = Apply("vnet1");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(absl::IsAlreadyExists(Apply("vnet1").status())) << Apply("vnet1").status();
}

TEST_F(VethSegmentsTest, TheInterfaceMayBeDeletedAndComeBack) {
  AddPair();
  auto off = Apply("vnet1");
  ASSERT_TRUE(off.ok()) << off.status();
  sandbox_->Run("ip link delete vnet1");
  AddPair();
  ExpectThatPeerLeavesSegments("on");
  off = Apply("vnet1");
  ASSERT_TRUE(off.ok()) << off.status();
  ExpectThatPeerLeavesSegments("off");
}

TEST_F(VethSegmentsTest, AnInterfaceWithoutSuchProgramsIsLeftAsItIs) {
  EXPECT_FALSE(Apply("lo").ok());
}

}  // namespace
}  // namespace tapswitch::veth_segments_test
