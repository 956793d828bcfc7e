// `tapctl capture` of a running switch: tshark reads it, and nobody has to wait for it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/pcapng_blocks.h"
#include "tests/support/running_capture.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::capture_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kOurFrames = "ether proto 0x88b5 or \\(vlan and ether proto 0x88b5\\)";

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class CaptureTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(SilentHosts(io(), 3));
    for (int host = 1; host <= 3; ++host) {
      sockets_.push_back(network_->host(host).OpenPacketSocket());
    }
  }

  std::string Tapctl(const std::string& words) {
    return network_->sandbox().Run(TAPCTL_PATH " " + words);
  }
  PacketSocket& at(int host) { return sockets_.at(static_cast<size_t>(host) - 1); }
  [[nodiscard]] std::string file() const { return directory_.Path("capture.pcapng"); }

  // Interface, direction, VLAN and length of each frame, as tshark reads the file.
  std::vector<std::string> Read() {
    return LinesOf(network_->sandbox().Run(
        "tshark -r " + file() +
        " -T fields -E separator=, -e frame.interface_name -e frame.packet_flags_direction "
        "-e vlan.id -e frame.len 2>/dev/null"));
  }

  std::optional<TestNetwork> network_;
  std::deque<PacketSocket> sockets_;
  TemporaryDirectory directory_;
};
INSTANTIATE_TEST_SUITE_P(Io, CaptureTest, kEachIo, IoName);

constexpr const char* kIn = "0x00000001";
constexpr const char* kOut = "0x00000002";

std::string Line(const std::string& port, const char* direction, const char* vlan, int length) {
  return port + "," + direction + "," + vlan + "," + std::to_string(length);
}

TEST_P(CaptureTest, TsharkSeesPortsDirectionsAndTags) {
  Tapctl("bridge set vlan_filtering on");
  Tapctl("vlan add vid 10 dev vnet1 pvid untagged");
  Tapctl("vlan add vid 10 dev vnet2");
  RunningCapture capture(*network_, std::string("all -w ") + file() + " filter " + kOurFrames);
  const auto frame = TestFrame(kBroadcastAddress, Station(1), "hello");
  at(1).Send(frame);
  EXPECT_FALSE(at(2).Receive().empty());
  at(2).Send(FrameBuilder(Station(1), Station(2))
                 .Tag(EtherType::kVlan, 10)
                 .Type(kTestType)
                 .Pad(100)
                 .Build());
  EXPECT_FALSE(at(1).Receive().empty());
  at(3).Send(FrameBuilder(kBroadcastAddress, Station(3)).Type(EtherType::kIpv4).Pad(60).Build());
  EXPECT_FALSE(at(2).Receive().empty()) << "it does not pass the filter";
  capture.Signal("INT");
  EXPECT_EQ(capture.Status(), "0") << capture.errors();
  EXPECT_THAT(Read(), ElementsAre(Line("vnet1", kIn, "", 60), Line("vnet2", kOut, "10", 64),
                                  Line("vnet2", kIn, "10", 100), Line("vnet1", kOut, "", 96)));
  const auto blocks = PcapngBlocks(ContentOf(file()));
  EXPECT_THAT(std::vector(blocks.begin(), blocks.begin() + 4),
              ElementsAre("section", "interface vnet1", "interface vnet2", "interface vnet3"));
  EXPECT_THAT(std::vector(blocks.end() - 3, blocks.end()),
              ElementsAre("statistics 0 seen 3 lost 0", "statistics 1 seen 3 lost 0",
                          "statistics 2 seen 1 lost 0"));
}

TEST_P(CaptureTest, WhatIsDroppedIsSeenComing) {
  RunningCapture capture(*network_, "vnet1 -c 1 -w " + file());
  at(1).Send(TestFrame(Station(1), Station(1), "to myself"));
  EXPECT_EQ(capture.Status(), "0") << capture.errors();
  EXPECT_THAT(Read(), ElementsAre(Line("vnet1", kIn, "", 60)));
}

// On its way out as well as in.
TEST_P(CaptureTest, WhatAnImpairmentDidToAFrameIsSaid) {
  const auto seen = [&](const std::string& impairment, size_t frames) {
    Tapctl("impair set dev vnet2 " + impairment);
    RunningCapture capture(*network_, "vnet2 -c " + std::to_string(frames) + " -w " + file() +
                                          " filter " + kOurFrames);
    at(1).Send(TestFrame(kBroadcastAddress, Station(1), "one of many"));
    EXPECT_EQ(capture.Status(), "0") << capture.errors();
    std::vector<std::string> comments;
    for (const std::string& block : PcapngBlocks(ContentOf(file()))) {
      if (block.starts_with("packet")) comments.push_back(block.substr(block.find('6')));
    }
    return comments;
  };
  EXPECT_THAT(seen("duplicate 100%", 2), ElementsAre("60", "60 # impaired: duplicated"));
  EXPECT_THAT(seen("corrupt 100%", 1), ElementsAre("60 # impaired: corrupted on the way"));
  EXPECT_THAT(seen("loss 100%", 1), ElementsAre("60 # impaired: lost"));
}

TEST_P(CaptureTest, AFrameIsCutWhereItWasWanted) {
  RunningCapture capture(*network_, "vnet1 -s 20 -c 1 -w " + file());
  at(1).Send(TestFrame(kBroadcastAddress, Station(1), "a long story"));
  EXPECT_EQ(capture.Status(), "0") << capture.errors();
  EXPECT_EQ(network_->sandbox().Run("tshark -r " + file() +
                                    " -T fields -e frame.len -e frame.cap_len 2>/dev/null"),
            "60\t20\n");
}

TEST_P(CaptureTest, TsharkReadsItLiveFromAPipe) {
  RunningCapture capture(*network_, std::string("all filter ") + kOurFrames +
                                        " | tshark -l -r - -T fields " +
                                        "-e frame.interface_name >" + file() + " 2>/dev/null");
  at(1).Send(TestFrame(kBroadcastAddress, Station(1), "hello"));
  EXPECT_TRUE(WaitUntil([&] { return LinesOf(ContentOf(file())).size() == 3; }))
      << ContentOf(file()) << capture.errors();
  EXPECT_EQ(ContentOf(file()), "vnet1\nvnet2\nvnet3\n");
  capture.Signal("KILL");  // of the last in the pipe: tshark, which would wait for a frame
  EXPECT_TRUE(network_->tapswitchd().WaitForLog(": ends")) << "nobody reads any more";
}

TEST_P(CaptureTest, ASlowReaderLosesFramesAndIsToldHowMany) {
  RunningCapture capture(*network_, "vnet1 -w " + file());
  capture.Signal("STOP");
  // Some 30 MB, of which 10 or so find room on the way to it.
  constexpr size_t kFrames = 20'000;
  constexpr size_t kSize = 1500;
  auto frame = TestFrame(Station(2), Station(1), "much");
  frame.resize(kSize);
  const auto received = [] {
    return ControlClient().Call("port.list", {{"name", "vnet1"}})[0]["stats64"]["rx"]["packets"];
  };
  for (size_t i = 0; i < kFrames; ++i) {
    at(1).Send(frame);
    // So that the port is not overrun, which would be no loss of the capture's.
    if (i % 200 == 0) {
      EXPECT_TRUE(WaitUntil([&] { return received() >= i; }));
    }
  }
  EXPECT_TRUE(WaitUntil([&] { return received() == kFrames; })) << received();
  capture.Signal("CONT");
  EXPECT_TRUE(WaitUntil([&] { return ContentOf(file()).size() > kSize * 5000; }));
  at(1).Send(frame);
  EXPECT_TRUE(WaitUntil([&] {
    const std::string content = ContentOf(file());
    return content.find(std::string("\x05\x00\x00\x00\x40\x00\x00\x00", 8)) != std::string::npos;
  })) << "it is told while it goes on";
  capture.Signal("TERM");
  EXPECT_EQ(capture.Status(), "0") << capture.errors();
  const auto blocks = PcapngBlocks(ContentOf(file()));
  const auto packets =
      static_cast<size_t>(std::count_if(blocks.begin(), blocks.end(), [](const std::string& block) {
        return block.starts_with("packet 0 1500");
      }));
  EXPECT_LT(packets, kFrames);
  EXPECT_EQ(blocks.back(), "statistics 0 seen " + std::to_string(kFrames + 1) + " lost " +
                               std::to_string(kFrames + 1 - packets));
}

TEST_P(CaptureTest, PortsComeAndGoMeanwhile) {
  RunningCapture capture(*network_, std::string("all -w ") + file() + " filter " + kOurFrames);
  const auto frame = TestFrame(kBroadcastAddress, Station(1), "hello");
  at(1).Send(frame);
  EXPECT_FALSE(at(3).Receive().empty());
  Tapctl("port del vnet3");
  network_->sandbox().AddNetns("h4");
  Tapctl("port add vnet4,netns=h4");
  EXPECT_TRUE(WaitUntil([] {
    return ControlClient().Call("port.list", {{"name", "vnet4"}})[0]["link"] == "up";
  }));
  at(1).Send(frame);
  EXPECT_FALSE(at(2).Receive().empty());
  EXPECT_FALSE(at(2).Receive().empty());
  capture.Signal("TERM");
  EXPECT_EQ(capture.Status(), "0") << capture.errors();
  EXPECT_THAT(Read(), ElementsAre(Line("vnet1", kIn, "", 60), Line("vnet2", kOut, "", 60),
                                  Line("vnet3", kOut, "", 60), Line("vnet1", kIn, "", 60),
                                  Line("vnet2", kOut, "", 60), Line("vnet4", kOut, "", 60)));
}

TEST_P(CaptureTest, ACaptureOfAPortEndsWithIt) {
  RunningCapture capture(*network_, "vnet3 -w " + file());
  at(1).Send(TestFrame(kBroadcastAddress, Station(1), "hello"));
  EXPECT_FALSE(at(3).Receive().empty());
  Tapctl("port del vnet3");
  EXPECT_EQ(capture.Status(), "2");
  EXPECT_THAT(Read(), ElementsAre(Line("vnet3", kOut, "", 60)));
}

TEST_P(CaptureTest, TheFileIsWholeWhenTheSwitchStops) {
  RunningCapture capture(*network_, "vnet1 -w " + file());
  at(1).Send(TestFrame(kBroadcastAddress, Station(1), "hello"));
  EXPECT_FALSE(at(2).Receive().empty());
  network_->tapswitchd().Stop();
  EXPECT_EQ(capture.Status(), "2");
  EXPECT_EQ(PcapngBlocks(ContentOf(file())).back(), "statistics 0 seen 1 lost 0");
}

TEST_P(CaptureTest, ItEndsWhenNobodyReadsAnyMore) {
  RunningCapture capture(*network_, "all | head -c 100 >/dev/null");
  EXPECT_TRUE(network_->tapswitchd().WaitForLog(": ends"));
  EXPECT_THAT(capture.errors(), IsEmpty());
}

TEST_P(CaptureTest, WhatIsSaidWrongIsSaidSo) {
  const auto fails = [&](const std::string& words, int status) {
    const auto result = network_->sandbox().TryRun(TAPCTL_PATH " capture " + words);
    EXPECT_EQ(result.status, status) << words;
    return result.output;
  };
  EXPECT_THAT(fails("vnet1 -w " + file() + " filter no such thing", 1), HasSubstr("filter"));
  EXPECT_THAT(fails("nobody -w " + file(), 2), HasSubstr("is no port"));
  EXPECT_THAT(fails("vnet1 -w /no/such/folder", 1), HasSubstr("/no/such/folder"));
  EXPECT_THAT(fails("-w " + file(), 1), HasSubstr("'dev' is missing"));
  ControlClient client;
  for (const char* filter :
       {"[]", "7", "[[6,0,0]]", "[[6,0,0,-1]]", "[[5,0,0,7],[6,0,0,1]]", "[[70000,0,0,1]]"}) {
    EXPECT_THAT(client.Refused("capture.start", {{"filter", json::parse(filter)}}),
                HasSubstr("classic BPF"));
  }
  EXPECT_THAT(client.Refused("capture.start", {{"snaplen", 1}}), HasSubstr("snaplen"));
}

TEST_P(CaptureTest, ThereAreSoManyAndNoMore) {
  std::deque<ControlClient> clients(9);
  for (size_t i = 0; i < 8; ++i) clients[i].Call("capture.start");
  EXPECT_THAT(clients[8].Refused("capture.start", json::object()), HasSubstr("8 captures"));
  clients[0].Send("{}\n");  // whatever is said ends it
  EXPECT_TRUE(network_->tapswitchd().WaitForLog(": ends"));
  EXPECT_TRUE(WaitUntil([&] {
    const json reply = clients[8].Request("capture.start");
    return reply.contains("result");
  }));
}

}  // namespace
}  // namespace tapswitch::capture_test
