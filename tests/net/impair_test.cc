// Links that misbehave on purpose, in the running switch: each fate of frames, what it is about,
// what the counters say of it, and that it outlives a process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/payload_transfer.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::impair_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Frame = std::vector<std::byte>;
using Clock = std::chrono::steady_clock;

constexpr int kFrames = 2000;

// Two hosts that say nothing unasked.
class ImpairTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (!IsSkipped()) Begin(SilentHosts(io(), 2));
  }

  void Begin(const TestNetwork::Options& options) {
    receiver_.reset();
    network_.reset();
    network_.emplace(options);
    receiver_.emplace(network_->host(2).OpenPacketSocket(static_cast<uint16_t>(kTestType)));
  }

  std::string Tapctl(const std::string& words) {
    const auto result = network_->sandbox().TryRun(TAPCTL_PATH " " + words);
    EXPECT_EQ(result.status, 0) << words << ": " << result.output;
    return result.output;
  }
  std::string Refused(const std::string& words, int status) {
    const auto result = network_->sandbox().TryRun(TAPCTL_PATH " " + words);
    EXPECT_EQ(result.status, status) << words << ": " << result.output;
    return result.output;
  }
  json Impairments() { return json::parse(Tapctl("-j impair show")); }
  json PortAt(int host) {
    return json::parse(Tapctl("-j -s port show vnet" + std::to_string(host))).at(0);
  }
  uint64_t Drops(int host, const std::string& reason) {
    return PortAt(host)["drops"][reason].get<uint64_t>();
  }

  static Frame Numbered(int number, std::string_view text = "") {
    return TestFrame(kBroadcastAddress, Station(1),
                     std::to_string(number) + " " + std::string(text));
  }

  // Sends so many frames from the first host, slowly enough for any queue.
  void SendSome(int count) {
    const PacketSocket sender = network_->host(1).OpenPacketSocket(0);
    for (int i = 0; i < count; ++i) {
      sender.Send(Numbered(i));
      if (i % 50 == 49) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  // Nothing is held any more, and each frame that came in has been counted.
  void AwaitRest() {
    EXPECT_TRUE(WaitUntil([&] {
      for (int host = 1; host <= network_->size(); ++host) {
        const json port = PortAt(host);
        if (port.value("held", 0) != 0) return false;
        const json& received = port["stats64"]["rx"];
        if (received["packets"] !=
            port["forwarded"].get<uint64_t>() + received["dropped"].get<uint64_t>()) {
          return false;
        }
      }
      return true;
    }));
  }

  // What the second host gets, until nothing has come for a while after all came to rest.
  std::vector<Frame> Received() {
    AwaitRest();
    std::vector<Frame> frames;
    for (;;) {
      Frame frame = receiver_->Receive(std::chrono::milliseconds(200));
      if (frame.empty()) return frames;
      frames.push_back(std::move(frame));
    }
  }

  std::optional<TestNetwork> network_;
  std::optional<PacketSocket> receiver_;
};
INSTANTIATE_TEST_SUITE_P(Io, ImpairTest, kEachIo, IoName);

TEST_P(ImpairTest, LosesTheSameFramesInEveryRun) {
  Tapctl("impair set dev vnet2 loss 20% seed 7");
  SendSome(kFrames);
  const auto first = Received();
  Tapctl("impair set dev vnet2 loss 20% seed 8");
  SendSome(kFrames);
  const auto other = Received();
  Tapctl("impair set dev vnet2 loss 20% seed 7");
  SendSome(kFrames);
  EXPECT_EQ(Received(), first);
  EXPECT_NE(other, first);
  EXPECT_NEAR(static_cast<double>(first.size()), kFrames * 0.8, 54) << "three standard deviations";
  EXPECT_EQ(Drops(2, "impaired_loss") + first.size() * 2 + other.size(), 3U * kFrames);
}

TEST_P(ImpairTest, LosesFramesOnTheirWayInUnderAReasonOfTheirOwn) {
  Tapctl("impair set dev vnet1 ingress loss 100%");
  SendSome(100);
  EXPECT_TRUE(Received().empty());
  EXPECT_EQ(Drops(1, "impaired_loss_in"), 100U);
  EXPECT_EQ(Drops(1, "impaired_loss"), 0U);
  Tapctl("impair del dev vnet1 ingress");
  SendSome(10);
  EXPECT_EQ(Received().size(), 10U);
}

TEST_P(ImpairTest, DelaysFramesInTheDirectionThatIsNamed) {
  Tapctl("impair set dev vnet2 egress delay 60ms");
  Tapctl("impair set dev vnet1 ingress delay 60ms");
  const PacketSocket sender = network_->host(1).OpenPacketSocket(0);
  const auto sent = Clock::now();
  sender.Send(Numbered(1));
  EXPECT_EQ(receiver_->Receive(), Numbered(1));
  const auto delay = Clock::now() - sent;
  EXPECT_GE(delay, std::chrono::milliseconds(120));
  EXPECT_LT(delay, std::chrono::seconds(5));
  AwaitRest();
}

TEST_P(ImpairTest, ShowsWhatIsHeldAndReleasesItInOrder) {
  Tapctl("impair set dev vnet1 ingress delay 20s");
  SendSome(10);
  EXPECT_TRUE(WaitUntil([&] { return PortAt(1).value("held", 0) == 10; }));
  EXPECT_EQ(Impairments().at(0)["held"], 10);
  Tapctl("impair del dev vnet1");
  const auto frames = Received();
  ASSERT_EQ(frames.size(), 10U) << "what is held leaves at once";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(frames[static_cast<size_t>(i)], Numbered(i));
}

TEST_P(ImpairTest, HoldsNoMoreThanItsLimit) {
  Tapctl("impair set dev vnet2 delay 500ms limit 10");
  SendSome(30);
  EXPECT_EQ(Received().size(), 10U);
  EXPECT_EQ(Drops(2, "impaired_limit"), 20U);
}

TEST_P(ImpairTest, DuplicatesFrames) {
  Tapctl("impair set dev vnet1 ingress duplicate 100%");
  SendSome(20);
  EXPECT_EQ(Received().size(), 40U);
  EXPECT_EQ(PortAt(1)["stats64"]["rx"]["packets"], 40);
}

TEST_P(ImpairTest, ReorderedFramesOvertakeDelayedOnes) {
  Tapctl("impair set dev vnet2 delay 100ms reorder 20%");
  SendSome(100);
  const auto frames = Received();
  EXPECT_EQ(frames.size(), 100U);
  EXPECT_FALSE(std::is_sorted(frames.begin(), frames.end(), [](const Frame& a, const Frame& b) {
    const auto number = [](const Frame& frame) {
      return std::atoi(reinterpret_cast<const char*>(frame.data()) + kEthernetHeaderSize);
    };
    return number(a) < number(b);
  }));
  const json counters = Impairments().at(0)["counters"];
  EXPECT_NEAR(counters["reordered"].get<double>(), 20, 13);
}

TEST_P(ImpairTest, CorruptsOneBitBehindTheHeader) {
  Tapctl("impair set dev vnet2 corrupt 100%");
  SendSome(20);
  const auto frames = Received();
  ASSERT_EQ(frames.size(), 20U);
  for (int i = 0; i < 20; ++i) {
    const Frame sent = Numbered(i);
    const Frame& got = frames[static_cast<size_t>(i)];
    ASSERT_EQ(got.size(), sent.size());
    int bits = 0;
    for (size_t at = 0; at < sent.size(); ++at) {
      bits += std::popcount(std::to_integer<unsigned>(sent[at] ^ got[at]));
    }
    EXPECT_EQ(bits, 1);
  }
}

TEST_P(ImpairTest, LimitsTheRate) {
  constexpr int kCount = 500;
  Tapctl("impair set dev vnet2 rate 1mbit");
  const auto began = Clock::now();
  SendSome(kCount);
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(receiver_->Receive(), Numbered(i));
  const std::chrono::duration<double> took = Clock::now() - began;
  const double expected = kCount * 60 * 8 / 1e6;
  EXPECT_GE(took.count(), expected);
  EXPECT_LT(took.count(), expected + 5);
}

TEST_P(ImpairTest, IsAboutTheStationThatIsNamed) {
  Tapctl("impair set dev vnet2 loss 100% match mac " + Station(1).ToString());
  const PacketSocket sender = network_->host(1).OpenPacketSocket(0);
  sender.Send(Numbered(1));
  const Frame other = TestFrame(kBroadcastAddress, Station(2), "passes");
  sender.Send(other);
  EXPECT_THAT(Received(), testing::ElementsAre(other));
}

TEST_P(ImpairTest, IsAboutTheVlanOfFramesWhetherTheyLeaveTaggedOrNot) {
  Tapctl("bridge set vlan_filtering on");
  for (const char* port : {"vnet1", "vnet2"}) {
    Tapctl(std::string("vlan add vid 10 dev ") + port);
  }
  Tapctl("vlan add vid 20 dev vnet1");
  Tapctl("vlan add vid 20 dev vnet2 untagged");
  Tapctl("impair set dev vnet2 egress loss 100% match vlan 20");
  const PacketSocket sender = network_->host(1).OpenPacketSocket(0);
  const PacketSocket all = network_->host(2).OpenPacketSocket();
  const auto tagged = [](uint16_t vlan) {
    return FrameBuilder(kBroadcastAddress, Station(1))
        .Tag(EtherType::kVlan, vlan)
        .Type(kTestType)
        .Text("vlan")
        .Pad(64)
        .Build();
  };
  sender.Send(tagged(20));
  sender.Send(tagged(10));
  AwaitRest();
  EXPECT_EQ(all.Receive(), tagged(10));
  EXPECT_TRUE(all.Receive(std::chrono::milliseconds(200)).empty());
  EXPECT_EQ(Drops(2, "impaired_loss"), 1U);
}

TEST_P(ImpairTest, ScheduleChangesItForSomeTime) {
  Tapctl("impair schedule dev vnet2 at 0s loss 100% for 3s at 3s duplicate 100%");
  SendSome(10);
  EXPECT_TRUE(Received().empty());
  const json shown = Impairments().at(0);
  EXPECT_EQ(shown["schedule"].at(0),
            json::parse(R"({"at": 0, "for": 3, "loss": 1, "correlation": 0})"));
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  SendSome(10);
  EXPECT_EQ(Received().size(), 20U);
  Tapctl("impair schedule dev vnet2 off");
  EXPECT_EQ(Impairments(), json::array());
}

TEST_P(ImpairTest, WhatIsShownAndSavedCanBeFedBack) {
  Tapctl(
      "impair set dev vnet1 ingress delay 20ms jitter 5ms distribution pareto loss 1% "
      "correlation 25% duplicate 0.1% reorder 1% corrupt 0.01% rate 10mbit burst 64kb limit 1000 "
      "match vlan 10 seed 5");
  Tapctl("impair set dev vnet2 loss 0.5% burst 5% 30% gso keep");
  Tapctl("impair schedule dev vnet2 at 10s loss 5% for 2s at 1.5s rate 1mbit burst 2kb");
  const json before = Impairments();
  EXPECT_EQ(before.at(0)["delay"], 0.02);
  EXPECT_EQ(before.at(0)["loss"], 0.01);
  EXPECT_EQ(before.at(0)["match"]["vlan"], 10);
  EXPECT_EQ(before.at(1)["loss_burst"], json::parse(R"({"begins": 0.05, "ends": 0.3})"));

  const std::string shown = Tapctl("impair show dev vnet1");
  const std::string saved = Tapctl("save");
  Tapctl("impair del dev vnet1");
  Tapctl("impair set " + shown.substr(0, shown.find('\n')));
  EXPECT_EQ(Impairments(), before);

  Tapctl("impair del dev vnet1");
  Tapctl("impair del dev vnet2");
  std::string lines;
  for (size_t at = 0; (at = saved.find("impair ", at)) != std::string::npos;) {
    const size_t end = saved.find('\n', at);
    Tapctl(saved.substr(at, end - at));
    at = end;
  }
  EXPECT_EQ(Impairments(), before);
  EXPECT_EQ(Tapctl("save"), saved);
}

TEST_P(ImpairTest, RefusesWhatMakesNoSense) {
  EXPECT_THAT(Refused("impair set dev vnet1 delay 20", 1), HasSubstr("unit"));
  EXPECT_THAT(Refused("impair set dev vnet1 loss 101%", 1), HasSubstr("percentage"));
  EXPECT_THAT(Refused("impair set dev vnet1 reorder 1%", 1), HasSubstr("add delay"));
  EXPECT_THAT(Refused("impair set dev vnet1 loss 1% burst 5%", 1), HasSubstr("second"));
  EXPECT_THAT(Refused("impair set dev nobody loss 1%", 2), HasSubstr("nobody"));
  EXPECT_EQ(Impairments(), json::array());
}

TEST_P(ImpairTest, TraceAndOverviewTellOfIt) {
  Tapctl("impair set dev vnet2 delay 20ms");
  const std::string frame = "trace in vnet1 src 02:00:00:00:00:01 dst ff:ff:ff:ff:ff:ff";
  EXPECT_THAT(Tapctl(frame), HasSubstr("impaired: delay 20ms, towards vnet2"));
  EXPECT_THAT(Tapctl("show"), HasSubstr("vnet2 is impaired"));
  EXPECT_THAT(Tapctl("port show vnet2"), HasSubstr("impaired: egress"));
  Tapctl("impair set dev vnet1 ingress loss 100%");
  EXPECT_THAT(Tapctl(frame), HasSubstr("impaired_loss_in"));
}

TEST_P(ImpairTest, TcpPassesADelayedLinkWithLosses) {
  Begin({.io = io(), .ports = {"", ""}});
  Tapctl("impair set dev vnet2 delay 5ms loss 0.1%");
  Tapctl("impair set dev vnet2 ingress delay 5ms");
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    ExpectTcpCarries(network_->host(1), network_->host(2), version, size_t{4} << 20U);
    ExpectTcpCarries(network_->host(2), network_->host(1), version, size_t{4} << 20U);
  }
  const json shown = Impairments();
  EXPECT_GT(shown.at(1)["counters"]["passed"], 5000) << "frames are cut into segments first";
  AwaitRest();
}

TEST_P(ImpairTest, TcpPassesCorruptingLinksUnharmedAndFramesThatAreNotCut) {
  Begin({.io = io(), .ports = {"", ""}});
  Tapctl("impair set dev vnet1 ingress corrupt 1% duplicate 1%");
  ExpectTcpCarries(network_->host(1), network_->host(2), IpVersion::kV4, size_t{1} << 20U);
  Tapctl("impair del dev vnet1");
  Tapctl("impair set dev vnet2 delay 2ms gso keep");
  Tapctl("impair set dev vnet2 ingress delay 2ms gso keep");
  ExpectTcpCarries(network_->host(1), network_->host(2), IpVersion::kV4, size_t{4} << 20U);
  ExpectTcpCarries(network_->host(2), network_->host(1), IpVersion::kV4, size_t{4} << 20U);
  AwaitRest();
}

TEST_P(ImpairTest, HoldsForAllWorkers) {
  Begin({.io = io(), .ports = {"", "", ""}, .flags = {"--workers=2"}});
  Tapctl("impair set dev vnet2 delay 5ms loss 0.1%");
  Tapctl("impair set dev vnet1 ingress delay 1ms");
  ExpectTcpCarries(network_->host(1), network_->host(2), IpVersion::kV4, size_t{4} << 20U);
  ExpectTcpCarries(network_->host(2), network_->host(1), IpVersion::kV4, size_t{4} << 20U);
  AwaitRest();
}

TEST_P(ImpairTest, IsKeptFromTheKernelsForwarding) {
  Begin(
      {.io = io(), .ports = {"netdev", "netdev"}, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  const TestHost& from = network_->host(1);
  const std::string ping =
      "ping -q -i 0.02 -c 50 -w 20 " + network_->host(2).address(IpVersion::kV4);
  from.Run(ping);
  Tapctl("impair set dev vnet2 loss 100%");
  EXPECT_NE(
      from.TryRun("ping -q -i 0.02 -c 20 -w 1 " + network_->host(2).address(IpVersion::kV4)).status,
      0)
      << "from the first frame on after the answer";
  const json kernel = json::parse(Tapctl("-j kernel show")).at(0);
  EXPECT_EQ(kernel.value("flows", json::array()), json::array());
  Tapctl("impair del dev vnet2");
  from.Run(ping);
}

TEST_P(ImpairTest, GoesOnInANewProcess) {
  Tapctl("impair set dev vnet2 delay 20s seed 4");
  const json before = Impairments();
  SendSome(5);
  EXPECT_TRUE(WaitUntil([&] { return Impairments().at(0)["held"] == 5; }));
  Upgrade(network_->tapswitchd());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(receiver_->Receive(), Numbered(i)) << "early, not lost";
  json after = Impairments().at(0);
  after["counters"] = before.at(0)["counters"];
  EXPECT_EQ(after, before.at(0));
  SendSome(1);
  EXPECT_TRUE(WaitUntil([&] { return Impairments().at(0)["held"] == 1; }));
  network_->tapswitchd().Stop();  // while a frame is held
}

TEST_P(ImpairTest, EndsWithItsPort) {
  Tapctl("impair set dev vnet2 delay 20s");
  SendSome(5);
  EXPECT_TRUE(WaitUntil([&] { return Impairments().at(0)["held"] == 5; }));
  Tapctl("port del vnet2");
  EXPECT_EQ(Impairments(), json::array());
  Tapctl("port add vnet2");
  EXPECT_EQ(Impairments(), json::array());
  network_->tapswitchd().Stop();
}

}  // namespace
}  // namespace tapswitch::impair_test
