// Conversations that the kernel carries, beside what is easily forgotten: captures that begin under
// traffic, double tags, and a second switch behind the first.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/carried_hosts.h"
#include "tests/support/numbered_stream.h"
#include "tests/support/pcapng_blocks.h"
#include "tests/support/running_capture.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::kernel_edges_test {
namespace {

using namespace std::chrono_literals;

// The numbers of the frames in a file of pcapng, as far as it has been written.
std::vector<uint32_t> NumbersIn(const std::string& path) {
  const std::string file = ContentOf(path);
  std::vector<uint32_t> numbers;
  for (PcapngBlock block(file, 0); block.is_whole(); block = block.next()) {
    if (block.type() != PcapngBlock::kPacket) continue;
    if (const auto number = NumberOf(std::as_bytes(std::span(block.frame())))) {
      numbers.push_back(*number);
    }
  }
  return numbers;
}

class KernelEdgesTest : public CarriedHostsTest {};
INSTANTIATE_TEST_SUITE_P(Io, KernelEdgesTest, kEachIo, IoName);

// From the moment that the switch says so each frame is in it, though the kernel carried them
// before.
TEST_P(KernelEdgesTest, ACaptureThatBeginsUnderTrafficHasEachFrame) {
  constexpr size_t kFrames = 500;
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  const TemporaryDirectory directory;
  const std::string path = directory.Path("capture.pcapng");
  std::atomic<uint32_t> sent = 0;
  const std::jthread sending([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Send(1, 2, sent + 1);
      ++sent;
      std::this_thread::sleep_for(100us);
    }
  });
  ASSERT_TRUE(WaitUntil([&] { return sent > 100; }));
  const RunningCapture capture(*network_, "vnet1 -c " + std::to_string(kFrames) + " -w " + path);
  ASSERT_FALSE(HasFailure()) << capture.errors();
  const uint32_t begun = sent;
  std::vector<uint32_t> numbers;
  ASSERT_TRUE(WaitUntil([&] {
    numbers = NumbersIn(path);
    return numbers.size() == kFrames;
  })) << numbers.size();
  EXPECT_LE(numbers.front(), begun + 1);
  for (size_t i = 0; i < kFrames; ++i) ASSERT_EQ(numbers[i], numbers.front() + i);
}

// The switch looks at the outer one of two tags only.
TEST_P(KernelEdgesTest, DoubleTagsAreCarriedAsTheyAre) {
  constexpr uint32_t kFrames = 300;
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  const PacketSocket first = network_->host(1).OpenPacketSocket();
  const PacketSocket second = network_->host(2).OpenPacketSocket();
  const auto frame = [](int to, int from, EtherType outer, uint32_t number) {
    return FrameBuilder(Station(to), Station(from))
        .Tag(outer, 10)
        .Tag(EtherType::kVlan, 20)
        .Type(kTestType)
        .U32(number)
        .Pad(68)
        .Build();
  };
  for (const bool filters : {false, true}) {
    if (filters) {
      client_->Call("bridge.set", {{"vlan_filtering", true}});
      for (const char* dev : {"vnet1", "vnet2"}) {
        client_->Call("vlan.add", {{"dev", dev}, {"vid", "10"}});
      }
    }
    // To a bridge of 802.1Q a service tag is payload: its frames are untagged, in VLAN 1.
    for (const EtherType outer : {EtherType::kVlan, EtherType::kServiceVlan}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(outer)) + (filters ? " filtered" : ""));
      const uint64_t carried = CarriedFrom("vnet1");
      for (uint32_t i = 0; i < kFrames; ++i) {
        sockets_[0].Send(frame(2, 1, outer, i));
        ASSERT_EQ(second.Receive(), frame(2, 1, outer, i)) << i;
        sockets_[1].Send(frame(1, 2, outer, i));
        ASSERT_EQ(first.Receive(), frame(1, 2, outer, i)) << i;
      }
      // The program leaves a service tag before a VLAN's own to the switch.
      const bool is_for_switch = filters && outer == EtherType::kServiceVlan;
      EXPECT_EQ(CarriedFrom("vnet1") > carried, !is_for_switch) << Kernel().dump();
    }
  }
}

// The customers' own tags are payload of a provider's bridge.
TEST_P(KernelEdgesTest, AProvidersBridgeHasItsServiceTagsEditedByTheKernel) {
  constexpr uint32_t kFrames = 300;
  Start();
  if (IsSkipped()) return;
  client_->Call("bridge.set", {{"vlan_filtering", true}, {"vlan_protocol", "802.1ad"}});
  client_->Call("vlan.add", {{"dev", "vnet1"}, {"vid", 10}, {"pvid", true}, {"untagged", true}});
  client_->Call("vlan.add", {{"dev", "vnet2"}, {"vid", 10}});
  const PacketSocket first = network_->host(1).OpenPacketSocket();
  const PacketSocket second = network_->host(2).OpenPacketSocket();
  const auto frame = [](int to, int from, bool has_service_tag, bool has_own_tag, uint32_t number) {
    FrameBuilder builder(Station(to), Station(from));
    if (has_service_tag) builder.Tag(EtherType::kServiceVlan, 10);
    if (has_own_tag) builder.Tag(EtherType::kVlan, 20);
    const size_t tags = (has_service_tag ? 1 : 0) + (has_own_tag ? 1 : 0);
    return builder.Type(kTestType).U32(number).Pad(60 + tags * kVlanTagSize).Build();
  };
  for (const bool has_own_tag : {false, true}) {
    SCOPED_TRACE(has_own_tag ? "tagged by the customer" : "untagged");
    const uint64_t to_provider = CarriedFrom("vnet1");
    const uint64_t to_customer = CarriedFrom("vnet2");
    for (uint32_t i = 0; i < kFrames; ++i) {
      sockets_[0].Send(frame(2, 1, false, has_own_tag, i));
      ASSERT_EQ(second.Receive(), frame(2, 1, true, has_own_tag, i)) << i;
      sockets_[1].Send(frame(1, 2, true, has_own_tag, i));
      ASSERT_EQ(first.Receive(), frame(1, 2, false, has_own_tag, i)) << i;
    }
    // The kernel takes a customer's tag off before the program looks, which leaves it to the switch.
    EXPECT_EQ(CarriedFrom("vnet1") > to_provider, !has_own_tag) << Kernel().dump();
    EXPECT_GT(CarriedFrom("vnet2"), to_customer) << Kernel().dump();
  }
}

// The second switch gets what the kernel carries for the first one as it gets frames of a station.
TEST_P(KernelEdgesTest, TwoSwitchesInARowCarryBothWays) {
  Start({}, {"netdev"});
  if (IsSkipped()) return;
  const NetnsSandbox& sandbox = network_->sandbox();
  sandbox.AddNetns("far");
  sandbox.Run("ip link add mid1 up type veth peer name mid2");
  sandbox.Run("ip link add edge up type veth peer name eth0 netns far");
  sandbox.Run("ip -n far link set eth0 up && ip link set mid2 up");
  client_->Call("port.add", {{"port", "netdev:mid1"}});
  SwitchProcess second({"--io=" + io(), "--name=s2", "netdev:mid2", "netdev:edge"});
  ASSERT_TRUE(second.WaitUntilReady()) << second.log();
  ControlClient far_client("/run/tapswitch/s2.sock");
  NumberedStream forth("h1", "far", 1, 2);
  NumberedStream back("far", "h1", 2, 1);
  EXPECT_TRUE(WaitUntil([&] {
    return Kernel().at("flows").size() == 2 &&
           far_client.Call("kernel.list").at(0).at("flows").size() == 2;
  })) << Kernel().dump();
  const uint32_t received = back.received();
  EXPECT_TRUE(WaitUntil([&] { return back.received() > received + 1000; }));
  for (NumberedStream* stream : {&forth, &back}) {
    const NumberedStream::Summary summary = stream->Finish();
    EXPECT_EQ(summary.missing, "");
    EXPECT_EQ(summary.repeated, 0U);
  }
}

}  // namespace
}  // namespace tapswitch::kernel_edges_test
