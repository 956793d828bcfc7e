// BPDUs in a flood: of other frames, which must not keep them from being heard, and of their own,
// which must not keep the switch from its work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/frame_exchange.h"
#include "tests/support/tree_port.h"

namespace tapswitch::bpdu_flood_test {
namespace {

constexpr int kMoreThanAQueue = 30'000;  // small frames of a packet socket with 8 MiB

class BpduFloodTest : public BpduSpeakersTest {};
INSTANTIATE_TEST_SUITE_P(Io, BpduFloodTest, kEachIo, IoName);

TEST_P(BpduFloodTest, BpdusAreHeardBeforeStormControl) {
  Start();
  client_->Call("storm.set", {{"dev", "vnet1"}, {"multicast", "1pps"}, {"broadcast", "1pps"}});
  const PacketSocket socket = network_->host(1).OpenPacketSocket(0);
  // The storm has used up what it may.
  for (int i = 0; i < 50; ++i) {
    socket.Send(TestFrame(MacAddress::FromNumber(0x010000000001), Station(1), "storm"));
  }
  constexpr int kBpdus = 20;
  for (int i = 0; i < kBpdus; ++i) socket.Send(Words(0));
  EXPECT_TRUE(WaitUntil([&] { return Port(1)["counters"]["rx_rst"] == kBpdus; }));
  EXPECT_EQ(Port(1)["role"], "root");
}

TEST_P(BpduFloodTest, AFloodOfBpdusIsBoundedAndMalformedOnesChangeNothing) {
  Start();
  ASSERT_TRUE(WaitFor(1, "state", "forwarding"));
  const PacketSocket socket = network_->host(1).OpenPacketSocket(0);
  std::vector<std::byte> malformed = Words(0);
  malformed[kEthernetHeaderSize] = std::byte{0x43};
  // The switch's socket may lose some of a flood, so the flood lasts until enough are counted.
  const auto is_counted = [&](const std::vector<std::byte>& bpdu, const char* counter) {
    return WaitUntil([&] {
      for (int i = 0; i < 500; ++i) static_cast<void>(socket.TrySend(bpdu));
      return Port(1)["counters"][counter] > 2500;
    });
  };
  EXPECT_TRUE(is_counted(malformed, "invalid"));
  EXPECT_EQ(Port(1)["role"], "designated");
  EXPECT_EQ(Port(1)["state"], "forwarding");
  EXPECT_TRUE(is_counted(Words(0xF000), "excessive"));
  EXPECT_EQ(Port(1)["role"], "designated");
}

// With three of them lost in a row, a neighbour would be taken for dead. With several workers, what
// the queues of the others lose is not noticed.
TEST_P(BpduFloodTest, BpdusAreHeardThatFoundTheQueueFull) {
  network_.emplace(TestNetwork::Options{.io = io(),
                                        .ports = {"netdev"},
                                        .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
                                        .flags = {"--workers=1"}});
  client_.emplace();
  client_->Call("bridge.set", {{"stp_state", true}});
  const PacketSocket socket = network_->host(1).OpenPacketSocket(0);
  const auto lost = [&] {
    return client_->Call("port.list").at(0)["drops"].value("receive_queue_full", 0);
  };
  // It listens for them after a moment.
  EXPECT_TRUE(WaitUntil([&] {
    const int before = lost();
    kill(network_->tapswitchd().pid(), SIGSTOP);
    const auto frame = TestFrame(kBroadcastAddress, Station(1), "flood");
    for (int i = 0; i < kMoreThanAQueue; ++i) static_cast<void>(socket.TrySend(frame));
    Say(1);
    kill(network_->tapswitchd().pid(), SIGCONT);
    EXPECT_GT(lost(), before);
    return WaitUntil([&] { return Port(1)["role"] == "root"; }, std::chrono::seconds(2));
  }));
}

}  // namespace
}  // namespace tapswitch::bpdu_flood_test
