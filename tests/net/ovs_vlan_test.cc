// The same ports, the same frames: does the switch deliver what Open vSwitch's userspace datapath
// delivers, byte for byte?

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_drain.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/open_vswitch.h"
#include "tests/support/peer_hosts.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::ovs_vlan_test {
namespace {

// A port, in the words of both.
struct PortMode {
  std::string name;
  std::string ovs;                  // columns of table Port
  std::vector<std::string> tapctl;  // behind `vlan add dev NAME`; a new port is in no VLAN
};

const std::vector<PortMode>& Modes() {
  static const std::vector<PortMode> modes{
      {"access10", "tag=10", {"vid 10 pvid untagged"}},
      {"access20", "tag=20", {"vid 20 pvid untagged"}},
      {"trunk", "trunks=10,20", {"vid 10", "vid 20"}},
      {"trunk20", "trunks=20,30", {"vid 20", "vid 30"}},
      {"native_untagged",
       "vlan_mode=native-untagged tag=10 trunks=20,30",
       {"vid 10 pvid untagged", "vid 20", "vid 30"}},
      {"native_tagged", "vlan_mode=native-tagged tag=20 trunks=10", {"vid 20 pvid", "vid 10"}},
  };
  return modes;
}

class OvsVlanTest : public SwitchTest {
 protected:
  static constexpr int kPorts = 6;

  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(SilentHosts(io(), kPorts, {"--vlan_filtering"}));
    client_.emplace();
    Tapctl("bridge set default_pvid 0");
    drain_.emplace(*network_, *client_);
    if (TryRun("command -v ovs-vswitchd ovsdb-server").status != 0) {
      GTEST_SKIP() << "there is no Open vSwitch: install openvswitch-switch";
    }
    StartOvs();
  }

  NetnsSandbox::Result TryRun(const std::string& command) const {
    return network_->sandbox().TryRun(command);
  }
  std::string Run(const std::string& command) const { return network_->sandbox().Run(command); }
  void Tapctl(const std::string& words) const { Run(std::string(TAPCTL_PATH) + " " + words); }

  void StartOvs() {
    ovs_.emplace(network_->sandbox());
    ovs_->AddBridge("ovs0");
    peer_.emplace(network_->sandbox(), kPorts);
    for (int i = 1; i <= kPorts; ++i) {
      ovs_->AddPort("ovs0", PeerHosts::EndOf(i), Modes()[static_cast<size_t>(i) - 1].ovs);
    }
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
  std::optional<FrameDrain> drain_;
  std::optional<OpenVSwitch> ovs_;
  std::optional<PeerHosts> peer_;
};
INSTANTIATE_TEST_SUITE_P(Io, OvsVlanTest, testing::Values("uring"), IoName);

TEST_P(OvsVlanTest, BothDeliverTheSame) {
  constexpr unsigned kSeed = 20;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const auto below = [&](unsigned bound) { return static_cast<uint16_t>(random() % bound); };
  for (int i = 1; i <= kPorts; ++i) {
    for (const std::string& words : Modes()[static_cast<size_t>(i) - 1].tapctl) {
      Tapctl("vlan add dev vnet" + std::to_string(i) + " " + words);
    }
  }
  drain_->Drain();
  for (uint32_t number = 0; number < 300 && !HasFailure(); ++number) {
    const int host = 1 + below(kPorts);
    const MacAddress source = Station(host * 10 + below(3));
    MacAddress destination = Station((1 + below(kPorts)) * 10 + below(3));
    if (below(4) == 0) destination = kBroadcastAddress;
    if (destination == source) continue;
    const PortMode& mode = Modes()[static_cast<size_t>(host) - 1];
    FrameBuilder builder(destination, source);
    constexpr std::array<uint16_t, 5> kVids{10, 20, 30, 40, 0};
    const unsigned tags = below(3);
    for (unsigned i = 0; i < tags; ++i) {
      const unsigned priority = below(8);
      uint16_t vid = i == 0 ? kVids[below(kVids.size())] : uint16_t{77};
      // Here as on a Linux bridge, an access port takes frames that are tagged with its VLAN; there
      // it drops all that are tagged.
      if (i == 0 && mode.name.starts_with("access")) vid = 0;
      builder.Tag(EtherType::kVlan, static_cast<uint16_t>(priority << 13U | vid));
    }
    const auto frame = builder.Type(kTestType).U32(number).Pad(64).Build();
    const auto ours = drain_->Pass(host, frame);
    EXPECT_EQ(peer_->Pass(host, frame, ours), ours) << "frame " << number << " into " << mode.name;
  }
}

}  // namespace
}  // namespace tapswitch::ovs_vlan_test
