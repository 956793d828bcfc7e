// The same reports, leaves and data to groups: does the switch deliver what the kernel's bridge
// delivers that snoops, too?
//
// The kernel's bridge sends groups that nobody has asked for to routers alone once somebody asks,
// so the switch is told to do so, too. Groups of link scope, which it never withholds, are left
// out. A port that wants all sources but some, beside another that has listed sources, misses some
// of these in the kernel; so hosts of the new versions share no group.
//
// With VLANs, all ports are members of three, one of them untagged. A kernel without VLAN filtering
// skips that; tests/vm/multicast_vlans_test.sh tries it on Debian's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/beside_kernel_bridge.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/group_frames.h"

namespace tapswitch::multicast_kernel_test {
namespace {

using nlohmann::json;
using Received = FrameDrain::Received;

// Hosts 1 and 2 speak the old versions of both protocols, 3 and 4 the new ones; who asks is behind
// 5.
constexpr int kPorts = 5;
constexpr int kQuerier = 5;

IpAddress Group(bool is_v4, unsigned number) {
  return is_v4 ? V4(0xEF010100 + number) : V6(0xFF0E000000000000, 0x100 + number);
}
IpAddress Address(bool is_v4, int host) {
  const auto number = static_cast<uint32_t>(host);
  return is_v4 ? V4(0x0A530000 + number) : V6(0xFE80000000000000, number);
}

constexpr unsigned kSeed = 11;

// The VLAN of untagged frames comes first.
const std::vector<uint16_t> kVids{1, 10, 20};

class MulticastKernelTest : public BesideKernelBridgeTest {
 protected:
  explicit MulticastKernelTest(std::vector<uint16_t> vids = {1})
      : BesideKernelBridgeTest(kSeed), vids_(std::move(vids)) {}

  [[nodiscard]] bool has_vlans() const { return vids_.size() > 1; }

  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    StartSwitch(kPorts);
    if (!MakeKernelBridge(kPorts, has_vlans() ? "vlan_filtering 1" : "mcast_snooping 1")) {
      GTEST_SKIP() << "this kernel has no bridge that snoops, or filters VLANs";
    }
    if (has_vlans()) AddVlans();
    // It cuts off the padding of packets on their way through netfilter.
    static_cast<void>(
        network_->sandbox().TryRun("sysctl -q net.bridge.bridge-nf-call-iptables=0 "
                                   "net.bridge.bridge-nf-call-ip6tables=0"));
    // Nothing expires meanwhile.
    const std::string settings =
        " mcast_snooping 1 mcast_igmp_version 3 mcast_mld_version 2 mcast_last_member_interval "
        "6000";
    network_->sandbox().Run("ip link set kbr0 type bridge" + settings);
    network_->sandbox().Run(std::string(TAPCTL_PATH) + " bridge set mcast_unregistered routers" +
                            settings);
    network_->sandbox().Run("bridge link set dev " + PeerHosts::EndOf(1) + " fastleave on");
    client_->Call("link.set", {{"dev", "vnet1"}, {"fastleave", true}});
    BecomeActive();
  }

  void AddVlans() const {
    const NetnsSandbox& sandbox = network_->sandbox();
    const std::string tapctl = std::string(TAPCTL_PATH) + " ";
    sandbox.Run(tapctl + "bridge set vlan_filtering on");
    for (int i = 1; i <= kPorts; ++i) {
      for (size_t tagged = 1; tagged < vids_.size(); ++tagged) {
        const std::string vid = std::to_string(vids_[tagged]);
        sandbox.Run("bridge vlan add vid " + vid + " dev " + PeerHosts::EndOf(i));
        sandbox.Run(tapctl + "vlan add vid " + vid + " dev vnet" + std::to_string(i));
      }
    }
  }

  // Nothing: the frame has no tag.
  static std::optional<uint16_t> TagOf(uint16_t vid) {
    return vid == kVids.front() ? std::nullopt : std::optional(vid);
  }
  static WireBytes Tagged(WireBytes frame, uint16_t vid) {
    if (!TagOf(vid)) return frame;
    WireBytes tag(kVlanTagSize);
    StoreBe16(tag.data(), static_cast<uint16_t>(EtherType::kVlan));
    StoreBe16(tag.data() + 2, vid);
    frame.insert(frame.begin() + 2 * kMacAddressSize, tag.begin(), tag.end());
    return frame;
  }
  [[nodiscard]] uint16_t AnyVid() { return vids_[has_vlans() ? Below(3) : 0]; }

  // The frames of the test's stations that the switch delivers.
  Received PassOurs(int host, const WireBytes& bytes) {
    Received ours = drain_->Pass(host, bytes);
    for (auto& [to, frames] : ours) {
      std::erase_if(frames, [](const auto& one) { return one[7] != std::byte{0xAA}; });
    }
    std::erase_if(ours, [](const auto& one) { return one.second.empty(); });
    return ours;
  }

  // Both have heard who asks, and wait no longer for answers.
  void BecomeActive() {
    for (const uint16_t vid : vids_) {
      for (const bool is_v4 : {true, false}) {
        GroupPacketFrame query = QueryFrom(Address(is_v4, kQuerier), {}, 1);
        query.source = Station(kQuerier);
        query.tag = TagOf(vid);
        const auto bytes = query.Build();
        drain_->Pass(kQuerier, bytes);
        peer_->SendTo(1, kQuerier, bytes);
      }
    }
    EXPECT_TRUE(WaitUntil([&] {
      const json status = client_->Call("multicast.list").at(0)["queriers"];
      return std::ranges::all_of(status, [](const json& one) { return one["active"] == true; });
    }));
    // The kernel waits for as long as the query says: a tenth of a second.
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    drain_->Drain();
  }

  // The kernel floods reports of the new versions, and leaves; here they go to routers alone.
  void ShowReport() {
    const bool is_v4 = Below(2) == 0;
    const int host = 1 + static_cast<int>(Below(4));
    const bool leaves = Below(3) == 0;
    GroupPacketFrame report = RandomReport(host, is_v4, leaves);
    report.source = Station(host);
    report.from = Address(is_v4, host);
    report.tag = TagOf(AnyVid());
    const auto bytes = report.Build();
    const Received to_routers{{kQuerier, {bytes}}};
    EXPECT_EQ(PassOurs(host, bytes), to_routers) << "report of host " << host;
    if (host <= 2 && !leaves) {
      EXPECT_EQ(peer_->Pass(host, bytes, to_routers), to_routers);
    } else {
      peer_->SendTo(kQuerier, host, bytes);
    }
  }

  GroupPacketFrame RandomReport(int host, bool is_v4, bool leaves) {
    if (host <= 2) return OldReport(Group(is_v4, Below(2)), leaves);
    const IpAddress group = Group(is_v4, static_cast<unsigned>(host) - 1);
    if (leaves) return NewReport({{.type = RecordType::kToInclude, .group = group}});
    std::vector<IpAddress> sources;
    for (int i = 1; i <= 3; ++i) {
      if (Below(2) == 0) sources.push_back(Address(is_v4, 100 + i));
    }
    return NewReport({{static_cast<RecordType>(1 + Below(6)), group, sources}});
  }

  void ShowData() {
    const bool is_v4 = Below(2) == 0;
    const int host = 1 + static_cast<int>(Below(4));
    const IpAddress group = Group(is_v4, Below(5));
    const auto source = Address(is_v4, 101 + static_cast<int>(Below(4)));
    const auto frame = Tagged(DataTo(group, source, Station(host)), AnyVid());
    const Received ours = PassOurs(host, frame);
    EXPECT_EQ(peer_->Pass(host, frame, ours), ours)
        << "from host " << host << " to group " << (is_v4 ? "v4 " : "v6 ") << (group.low() & 0xFU);
  }

  // Shows both the same frames in random order.
  void Compare() {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed);
    for (int number = 0; number < 300 && !HasFailure(); ++number) {
      SCOPED_TRACE(testing::Message() << "frame " << number);
      Below(2) == 0 ? ShowReport() : ShowData();
    }
  }

  std::vector<uint16_t> vids_;
};
INSTANTIATE_TEST_SUITE_P(Io, MulticastKernelTest, kEachIo, IoName);

TEST_P(MulticastKernelTest, BothDeliverTheSame) { Compare(); }

class MulticastKernelVlanTest : public MulticastKernelTest {
 protected:
  MulticastKernelVlanTest() : MulticastKernelTest(kVids) {}
};
INSTANTIATE_TEST_SUITE_P(Io, MulticastKernelVlanTest, kEachIo, IoName);

TEST_P(MulticastKernelVlanTest, BothDeliverTheSameInEachVlan) { Compare(); }

}  // namespace
}  // namespace tapswitch::multicast_kernel_test
