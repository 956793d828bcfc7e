// Multicast groups among hosts of a running switch that snoops: hosts join with their own network
// stacks, or a test joins for them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_drain.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/group_frames.h"
#include "tests/support/snooping_switch.h"
#include "tests/support/wait_until.h"

namespace tapswitch::multicast_hosts_test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGroup = "239.10.10.10";
constexpr IpAddress kGroupAddress = V4(0xEF0A0A0A);

class MulticastHostsTest : public SnoopingSwitchTest {};
INSTANTIATE_TEST_SUITE_P(Io, MulticastHostsTest, kEachIo, IoName);

TEST_P(MulticastHostsTest, GroupGoesToHostsWhoseStacksHaveJoinedItUntilTheyLeave) {
  Start();
  Join(2, kGroup);
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet2"); }));
  FrameExchange exchange(*network_);
  const auto data = DataTo(kGroupAddress, kHostV4, Station(1));
  exchange.Send(1, data);
  auto received = exchange.Collect();
  EXPECT_THAT(received.at(2), ElementsAre(data));
  EXPECT_THAT(received.at(3), IsEmpty());
  Leave(2, kGroup);
  ASSERT_TRUE(WaitUntil([&] { return !HasEntry(kGroup, "vnet2"); }));
  exchange.Send(1, data);
  received = exchange.Collect();
  EXPECT_THAT(received.at(2), testing::Not(Contains(data)));
  EXPECT_TRUE(HasProblem("sender_without_member", "vnet1"));
}

TEST_P(MulticastHostsTest, HostThatWasForgottenIsBackOnceItIsAsked) {
  Start();
  Join(2, kGroup);
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet2"); }));
  client_->Call("mdb.flush");
  EXPECT_FALSE(HasEntry(kGroup, "vnet2"));
  client_->Call("bridge.set", {{"mcast_query_interval", "100ms"}});
  EXPECT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet2"); }));
}

TEST_P(MulticastHostsTest, FastLeaveNeedsNoQuestion) {
  Start();
  client_->Call("bridge.set", {{"mcast_last_member_interval", "3000s"}});
  client_->Call("link.set", {{"dev", "vnet2"}, {"fastleave", true}});
  Join(2, kGroup);
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet2"); }));
  Leave(2, kGroup);
  EXPECT_TRUE(WaitUntil([&] { return !HasEntry(kGroup, "vnet2"); }));
}

TEST_P(MulticastHostsTest, EachHostGetsACopyOfItsOwnWhereThePortWantsItSo) {
  Start();
  client_->Call("link.set", {{"dev", "vnet2"}, {"mcast_to_unicast", true}});
  FrameExchange exchange(*network_);
  for (const int station : {21, 22}) {
    GroupPacketFrame report = OldReport(kGroupAddress);
    report.source = Station(station);
    report.from = V4(0x0A530000 + static_cast<uint32_t>(station));
    exchange.Send(2, report.Build());
  }
  exchange.Send(3, OldReport(kGroupAddress).Build());
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet3"); }));
  static_cast<void>(exchange.Collect());
  const auto data = DataTo(kGroupAddress, kHostV4, Station(1));
  exchange.Send(1, data);
  auto received = exchange.Collect();
  const auto to = [&](int station) {
    auto copy = data;
    StoreBe48(copy.data(), Station(station).number());
    return copy;
  };
  EXPECT_THAT(received.at(2), ElementsAre(to(21), to(22)));
  EXPECT_THAT(received.at(3), ElementsAre(data));
}

TEST_P(MulticastHostsTest, NeighbourDiscoveryIsWithheldOnlyFromHostsThatAnswerQueries) {
  Start({"", "", ""}, NetnsSandbox::Ipv6::kOn);
  client_->Call("bridge.set", {{"mcast_query_interval", "500ms"}});
  FrameDrain drain(*network_, *client_);
  // A guest that answers nothing, beside the host's own stack, which does.
  drain.Pass(3, TestFrame(kBroadcastAddress, Station(31), "here I am"));
  const auto question = DataTo(V6(0xFF02000000000000, 0x1FF000031), kHostV6, Station(1));
  EXPECT_TRUE(WaitUntil([&] {
    auto received = drain.Pass(1, question);
    EXPECT_THAT(received[3], Contains(question));
    return std::ranges::count(received[2], question) == 0;
  })) << "host 2 answers queries, and the question is not for it";
  EXPECT_TRUE(WaitUntil([&] { return HasProblem("deaf_port", "vnet3"); }));
  EXPECT_FALSE(HasProblem("deaf_port", "vnet2"));
}

TEST_P(MulticastHostsTest, DoctorNamesAVlanWhoseHostsNobodyAsks) {
  Start();
  client_->Call("bridge.set", {{"mcast_querier", false}});
  EXPECT_TRUE(HasProblem("no_querier", ""));
}

TEST_P(MulticastHostsTest, SavedSettingsAndEntriesGiveTheSameSwitch) {
  Start();
  const NetnsSandbox& sandbox = network_->sandbox();
  const std::string tapctl = TAPCTL_PATH;
  sandbox.Run(tapctl + " bridge set vlan_filtering on mcast_vlan_snooping on mcast_hash_max 512");
  sandbox.Run(tapctl + " vlan global set vid 1 mcast_querier on mcast_igmp_version 3");
  sandbox.Run(tapctl +
              " link set dev vnet2 fastleave on mcast_router 2 mcast_max_groups 40 "
              "mcast_to_unicast on");
  sandbox.Run(tapctl + " vlan set vid 1 dev vnet3 mcast_router 0 mcast_max_groups 9");
  sandbox.Run(tapctl +
              " mdb add port vnet1 grp 239.1.1.1 permanent vid 1 filter_mode include "
              "source_list 10.0.0.1,10.0.0.2");
  sandbox.Run(tapctl + " mdb add port vnet2 grp ff0e::1 src fd83::9 permanent vid 1");
  sandbox.Run(tapctl + " mdb add port vnet3 grp 01:02:03:04:05:06 permanent vid 1 proto bgp");
  const std::string saved = sandbox.Run(tapctl + " save");
  EXPECT_THAT(saved, HasSubstr("mdb add port vnet3 grp 01:02:03:04:05:06"));
  EXPECT_THAT(sandbox.Run(tapctl + " save | " + tapctl + " apply - --dry-run"), IsEmpty());
  const json before = client_->Call("mdb.list");
  sandbox.Run(tapctl + " save > /run/saved");
  sandbox.Run(tapctl + " mdb flush; " + tapctl + " bridge set mcast_snooping off mcast_hash_max 9");
  sandbox.Run(tapctl + " apply /run/saved");
  EXPECT_EQ(client_->Call("mdb.list"), before);
  EXPECT_EQ(sandbox.Run(tapctl + " save"), saved);
}

}  // namespace
}  // namespace tapswitch::multicast_hosts_test
