// Mirrors of a running switch, through real TAPs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::mirroring_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

using Bytes = std::vector<std::byte>;

class MirroringTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(SilentHosts(io(), 4));
    for (int host = 1; host <= 4; ++host) {
      sockets_.push_back(network_->host(host).OpenPacketSocket());
    }
  }

  std::string Tapctl(const std::string& words) {
    return network_->sandbox().Run(TAPCTL_PATH " " + words);
  }

  PacketSocket& at(int host) { return sockets_.at(static_cast<size_t>(host) - 1); }

  static json PortOf(const std::string& name) {
    return ControlClient().Call("port.list", {{"name", name}}).at(0);
  }

  std::optional<TestNetwork> network_;
  std::deque<PacketSocket> sockets_;
};
INSTANTIATE_TEST_SUITE_P(Io, MirroringTest, kEachIo, IoName);

TEST_P(MirroringTest, TheObserverSeesBothDirectionsInTheirOrder) {
  Tapctl("mirror add m1 from dev vnet1 to vnet4");
  const Bytes question = TestFrame(kBroadcastAddress, Station(1), "who is there?");
  const Bytes answer = TestFrame(Station(1), Station(2), "I am");
  const Bytes thanks = TestFrame(Station(2), Station(1), "thanks");
  at(1).Send(question);
  EXPECT_EQ(at(2).Receive(), question);
  at(2).Send(answer);
  EXPECT_EQ(at(1).Receive(), answer);
  at(1).Send(thanks);
  EXPECT_EQ(at(2).Receive(), thanks);
  for (const Bytes& frame : {question, answer, thanks}) EXPECT_EQ(at(4).Receive(), frame);
  EXPECT_EQ(at(3).Receive(), question);
}

TEST_P(MirroringTest, TheObserverItselfIsNotHeardUntilTheMirrorIsGone) {
  Tapctl("mirror add m1 from dev vnet1 ingress to vnet4");
  const Bytes unheard = TestFrame(kBroadcastAddress, Station(4), "does anybody hear me?");
  at(4).Send(unheard);
  EXPECT_TRUE(WaitUntil([] { return PortOf("vnet4")["drops"].value("mirror_port", 0) == 1; }));
  Tapctl("mirror del m1");
  const Bytes heard = TestFrame(kBroadcastAddress, Station(4), "and now?");
  at(4).Send(heard);
  EXPECT_EQ(at(1).Receive(), heard);
  const Bytes flooded = TestFrame(kBroadcastAddress, Station(1), "welcome");
  at(1).Send(flooded);
  EXPECT_EQ(at(4).Receive(), flooded);
}

TEST_P(MirroringTest, AccountsBalance) {
  Tapctl("mirror add m1 from dev vnet1 to vnet4");
  constexpr int kFrames = 100;
  for (int i = 0; i < kFrames; ++i) {
    at(1).Send(TestFrame(kBroadcastAddress, Station(1), "frame"));
    at(1).Send(TestFrame(Station(1), Station(1), "to myself, so dropped"));
  }
  for (int i = 0; i < 2 * kFrames; ++i) ASSERT_FALSE(at(4).Receive().empty());
  const json port = PortOf("vnet1");
  EXPECT_EQ(port["stats64"]["rx"]["packets"], 2 * kFrames);
  EXPECT_EQ(port["forwarded"], kFrames);
  EXPECT_EQ(port["drops"]["same_port"], kFrames);
  EXPECT_EQ(PortOf("vnet4")["stats64"]["tx"]["packets"], 2 * kFrames);
}

TEST_P(MirroringTest, AVlanIsSeenAsItCameAndAsItLeaves) {
  Tapctl("bridge set vlan_filtering on");
  Tapctl("vlan add vid 10 dev vnet1 pvid untagged");
  Tapctl("vlan del vid 1 dev vnet1");
  Tapctl("vlan add vid 10 dev vnet2");
  Tapctl("mirror add in10 from vlan 10 ingress to vnet4");
  Tapctl("mirror add out10 from dev vnet2 egress to vnet3");
  const auto untagged = TestFrame(kBroadcastAddress, Station(1), "");
  const auto tagged = FrameBuilder(kBroadcastAddress, Station(1))
                          .Tag(EtherType::kVlan, 10)
                          .Type(kTestType)
                          .Pad(64)
                          .Build();
  at(1).Send(untagged);
  EXPECT_EQ(at(2).Receive(), tagged);
  EXPECT_EQ(at(4).Receive(), untagged) << "as it came";
  EXPECT_EQ(at(3).Receive(), tagged) << "as it left";
  at(2).Send(tagged);
  EXPECT_EQ(at(1).Receive(), untagged);
  EXPECT_EQ(at(4).Receive(), tagged);
}

TEST_P(MirroringTest, WhatIsShownAndSavedMakesItAgain) {
  Tapctl("mirror add m1 from dev vnet1 dev vnet2 vlan 7-9 vlan 5 egress to vnet4");
  EXPECT_EQ(Tapctl("mirror show"),
            "m1: from dev vnet1 dev vnet2 vlan 5 vlan 7-9 egress to vnet4\n");
  const json expected = json::parse(R"([{"name": "m1", "dev": ["vnet1", "vnet2"],
      "vlans": [{"vlan": 5}, {"vlan": 7, "vlanEnd": 9}], "direction": "egress", "to": "vnet4"}])");
  EXPECT_EQ(json::parse(Tapctl("-j mirror show")), expected);
  const std::string line = Tapctl("save | grep ^mirror");
  Tapctl("mirror del m1");
  EXPECT_EQ(json::parse(Tapctl("-j mirror show")), json::array());
  Tapctl(line);
  EXPECT_EQ(json::parse(Tapctl("-j mirror show")), expected);
}

TEST_P(MirroringTest, ItGoesWithItsPorts) {
  Tapctl("mirror add m1 from dev vnet1 dev vnet2 to vnet4");
  Tapctl("port del vnet2");
  EXPECT_EQ(Tapctl("mirror show"), "m1: from dev vnet1 both to vnet4\n");
  Tapctl("port del vnet4");
  EXPECT_EQ(Tapctl("mirror show"), "");
  const Bytes frame = TestFrame(kBroadcastAddress, Station(1), "still there?");
  at(1).Send(frame);
  EXPECT_EQ(at(3).Receive(), frame);
}

TEST_P(MirroringTest, WhatCannotBeIsRefused) {
  const auto refused = [&](const std::string& words) {
    return network_->sandbox().TryRun(TAPCTL_PATH " mirror add " + words);
  };
  Tapctl("mirror add m1 from dev vnet1 to vnet4");
  for (const auto& [words, status, why] :
       {std::tuple{"m1 from dev vnet2 to vnet4", 2, "there already"},
        {"m2 from dev vnet4 to vnet2", 2, "is the destination of mirror m1"},
        {"m2 from dev vnet2 to vnet1", 2, "is a source of mirror m1"},
        {"m2 from dev vnet2 to vnet2", 2, "source and destination"},
        {"m2 from dev nobody to vnet2", 2, "is no port"},
        {"m2 to vnet4", 1, "no source"},
        {"m2 from vlan 4095 to vnet4", 1, "4095"},
        {"m2 from dev vnet2", 1, "'to' is missing"}}) {
    const auto result = refused(words);
    EXPECT_EQ(result.status, status) << words;
    EXPECT_THAT(result.output, HasSubstr(why)) << words;
  }
}

}  // namespace
}  // namespace tapswitch::mirroring_test
