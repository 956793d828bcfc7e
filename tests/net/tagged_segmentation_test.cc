// Frames that are to be segmented and have a VLAN tag, as a sender with VLANs hands them over:
// whole to a port that takes them so, and cut by the switch for one that does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "tests/support/frame_exchange.h"
#include "tests/support/ip_packet.h"
#include "tests/support/segments.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::tagged_segmentation_test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr uint16_t kSegment = 1400;

struct Protocol {
  std::string name;
  bool is_ipv6 = false;
  bool is_udp = false;

  friend void PrintTo(const Protocol& protocol, std::ostream* out) { *out << protocol.name; }
};

class TaggedSegmentationTest : public SwitchCaseTest<Protocol> {};

INSTANTIATE_TEST_SUITE_P(All, TaggedSegmentationTest,
                         testing::Combine(kEachIo, testing::Values(Protocol{"tcp4", false, false},
                                                                   Protocol{"tcp6", true, false},
                                                                   Protocol{"udp4", false, true},
                                                                   Protocol{"udp6", true, true})),
                         IoAndCaseName<Protocol>);

IpPacket LargePacket(const Protocol& protocol) {
  IpPacket packet{.tags = {{.protocol = EtherType::kVlan, .control = 0x6064}},  // PCP 3, VID 100
                  .is_ipv6 = protocol.is_ipv6,
                  .is_udp = protocol.is_udp,
                  .identification = 0xFFFE,
                  .sequence = 0xFFFFF000,
                  .tcp_flags = 0x19,  // ACK, PSH, FIN
                  .payload = Bytes(20'001)};
  std::mt19937 random(1);
  std::generate(packet.payload.begin(), packet.payload.end(),
                [&] { return static_cast<std::byte>(random()); });
  return packet;
}

TEST_P(TaggedSegmentationTest, EachPortGetsWhatItTakes) {
  TestNetwork network({.io = io(),
                       .ports = {"", "", "offload=off"},
                       .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  FrameExchange exchange(network);
  const IpPacket packet = LargePacket(test_case());
  const Bytes unfinished = UnfinishedFrame(packet);
  std::vector<Bytes> segments;
  for (const IpPacket& segment : NaiveSegments(packet, kSegment)) {
    segments.push_back(FinishedFrame(segment));
  }

  const PacketSocket sender = network.host(1).OpenPacketSocket(0);
  if (!sender.SendUnfinished(GsoHeader(packet, kSegment), unfinished)) {
    ASSERT_TRUE(packet.is_udp && errno == EINVAL) << strerror(errno);
    GTEST_SKIP() << "this kernel has no UDP segmentation offload (before Linux 6.2)";
  }

  auto received = exchange.Collect();
  EXPECT_THAT(received.at(2), ElementsAre(unfinished));
  EXPECT_THAT(received.at(3), ElementsAreArray(segments));
}

}  // namespace
}  // namespace tapswitch::tagged_segmentation_test
