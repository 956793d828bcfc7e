// Ports for guests by vhost-user in the running switch, with a front end that speaks as QEMU does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/ip_packet.h"
#include "tests/support/segments.h"
#include "tests/support/socket_peer.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/vhost_front_end.h"
#include "tests/support/wait_until.h"

namespace tapswitch::vhost_port_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

class VhostPortTest : public SwitchTest {
 protected:
  void Start(std::vector<std::string> arguments) {
    if (!sandbox_) sandbox_.emplace();
    arguments.insert(arguments.begin(), "--io=" + io());
    switch_.emplace(arguments);
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
  }
  void StartWithTwoGuests() {
    Start({Port("vm1"), Port("vm2")});
    ASSERT_TRUE(one_.Connect(Path("vm1")) && one_.Start());
    ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
    WaitForLink("vm1", "up");
    WaitForLink("vm2", "up");
  }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }
  [[nodiscard]] std::string Port(const std::string& name) const {
    return "vhost:" + name + ",path=" + Path(name);
  }
  static json Show(const std::string& name) {
    return ControlClient().Call("port.list", {{"name", name}})[0];
  }
  void WaitForLink(const std::string& name, const std::string& link) {
    ASSERT_TRUE(WaitUntil([&] { return Show(name)["link"] == link; }))
        << Show(name).dump(1) << switch_->log();
  }
  // By the next frame that arrives, as nothing else is said on this network.
  static void Delivers(VhostFrontEnd& from, VhostFrontEnd& to, const Bytes& frame) {
    ASSERT_TRUE(from.Send(frame));
    ASSERT_EQ(to.Receive(), frame);
  }
  void GuestsTalk() {
    Delivers(one_, two_, TestFrame(kBroadcastAddress, Station(1), "who is there"));
    Delivers(two_, one_, TestFrame(Station(1), Station(2), "I am"));
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
  VhostFrontEnd one_;
  VhostFrontEnd two_;
};
INSTANTIATE_TEST_SUITE_P(Io, VhostPortTest, kEachIo, IoName);

Bytes Long(Bytes frame, size_t size) {
  frame.resize(size, std::byte{0x5A});
  return frame;
}

TEST_P(VhostPortTest, GuestsTalkToEachOther) {
  StartWithTwoGuests();
  GuestsTalk();
  for (const size_t size : {60U, 1514U, 61U}) {
    Delivers(one_, two_, Long(TestFrame(Station(2), Station(1), "data"), size));
  }
}

TEST_P(VhostPortTest, ManyFramesPassInOrderAndRingsWrap) {
  StartWithTwoGuests();
  GuestsTalk();
  for (int i = 0; i < 1000; ++i) {
    Delivers(one_, two_, TestFrame(Station(2), Station(1), "frame " + std::to_string(i)));
  }
}

// A driver may put it anywhere (virtio 1.2, 2.7.4.1).
TEST_P(VhostPortTest, AHeaderMayHaveABufferOfItsOwnAndLieInTwo) {
  StartWithTwoGuests();
  const DriverRing& ring = two_.ring(0);
  auto spare = static_cast<uint16_t>(ring.size() - 1);
  uint16_t head = 0;
  for (const uint32_t first : {12U, 5U, 13U}) {
    const uint64_t address = SharedTestMemory::kGuest + VhostFrontEnd::BufferOf(head);
    ring.Describe(head, {.address = address,
                         .length = first,
                         .flags = DriverRing::kWrite | DriverRing::kNext,
                         .next = spare});
    ring.Describe(spare, {.address = address + first, .length = 1000, .flags = DriverRing::kWrite});
    ++head;
    --spare;
  }
  for (const char* text : {"own", "two", "shared"}) {
    Delivers(one_, two_, TestFrame(kBroadcastAddress, Station(1), text));
    EXPECT_EQ(two_.header(), Bytes({{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, std::byte{1}, {}}));
  }
}

TEST_P(VhostPortTest, AGuestWithAnEventIndexIsCalledAndKicksOnlyWhenItMust) {
  Start({Port("vm1"), Port("vm2")});
  VhostFrontEnd eager({.features = VhostFrontEnd::kUsualFeatures | FeatureBit(virtio::kEventIdx)});
  ASSERT_TRUE(eager.Connect(Path("vm1")) && eager.Start());
  ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
  WaitForLink("vm1", "up");
  WaitForLink("vm2", "up");
  for (int i = 0; i < 100; ++i) {
    Delivers(eager, two_, TestFrame(kBroadcastAddress, Station(1), std::to_string(i)));
    Delivers(two_, eager, TestFrame(kBroadcastAddress, Station(2), std::to_string(i)));
  }
}

TEST_P(VhostPortTest, AnOldGuestHasAShorterHeader) {
  Start({Port("vm1"), Port("vm2")});
  VhostFrontEnd old({.features = FeatureBit(virtio::kProtocolFeatures)});
  ASSERT_TRUE(old.Connect(Path("vm1")) && old.Start());
  ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
  WaitForLink("vm1", "up");
  WaitForLink("vm2", "up");
  const Bytes frame = TestFrame(kBroadcastAddress, Station(1), "old");
  // Its header has 10 bytes: the frame begins in the last two of what this front end writes.
  Bytes shifted(frame.begin() + 2, frame.end());
  Bytes header(12);
  std::copy(frame.begin(), frame.begin() + 2, header.begin() + 10);
  ASSERT_TRUE(old.Send(shifted, header));
  EXPECT_EQ(two_.Receive(), frame);
}

TEST_P(VhostPortTest, AGuestTalksToAHostBehindATap) {
  TestNetwork network({.io = io(), .ports = {""}, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  ControlClient().Call("port.add", {{"port", Port("vm1")}});
  ASSERT_TRUE(one_.Connect(Path("vm1")) && one_.Start());
  ASSERT_TRUE(WaitUntil([] { return Show("vm1")["link"] == "up"; }));
  const PacketSocket socket = network.host(1).OpenPacketSocket(0x88B5);
  const Bytes question = Long(TestFrame(network.host(1).mac(), Station(1), "question"), 1514);
  ASSERT_TRUE(one_.Send(question));
  EXPECT_EQ(socket.Receive(std::chrono::seconds(30)), question);
  const Bytes answer = TestFrame(Station(1), network.host(1).mac(), "answer");
  socket.Send(answer);
  EXPECT_EQ(one_.Receive(), answer);
}

// Segments of a host reach a guest that takes them as one frame, in several buffers, and another
// one cut.
TEST_P(VhostPortTest, UncutFramesGoToGuestsThatTakeThem) {
  TestNetwork network({.io = io(), .ports = {""}, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  ControlClient().Call("port.add", {{"port", Port("vm1")}});
  ControlClient().Call("port.add", {{"port", Port("vm2")}});
  VhostFrontEnd able({.features = VhostFrontEnd::kUsualFeatures | FeatureBit(virtio::kGuestCsum) |
                                  FeatureBit(virtio::kGuestTso4)});
  ASSERT_TRUE(able.Connect(Path("vm1")) && able.Start());
  ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
  ASSERT_TRUE(WaitUntil([] { return Show("vm1")["link"] == "up" && Show("vm2")["link"] == "up"; }));
  constexpr uint16_t kSegment = 1400;
  const IpPacket packet{.tags = {},
                        .is_ipv6 = false,
                        .is_udp = false,
                        .identification = 1,
                        .sequence = 1,
                        .tcp_flags = 0x18,  // ACK, PSH
                        .payload = Bytes(20'001)};
  const PacketSocket sender = network.host(1).OpenPacketSocket(0);
  ASSERT_TRUE(sender.SendUnfinished(GsoHeader(packet, kSegment), UnfinishedFrame(packet)));
  EXPECT_EQ(able.Receive(), UnfinishedFrame(packet));
  EXPECT_EQ(able.header()[1], std::byte{1});  // TCPv4
  for (const IpPacket& segment : NaiveSegments(packet, kSegment)) {
    ASSERT_EQ(two_.Receive(), FinishedFrame(segment));
  }
}

TEST_P(VhostPortTest, TheSwitchConnectsToAFrontEndThatListens) {
  one_.Listen(Path("qemu"));
  Start({"vhost:vm1,mode=client,path=" + Path("qemu"), Port("vm2")});
  ASSERT_TRUE(one_.Accept() && one_.Start());
  ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
  WaitForLink("vm1", "up");
  WaitForLink("vm2", "up");
  GuestsTalk();
  one_.HangUp();
  WaitForLink("vm1", "down");
  ASSERT_TRUE(one_.Accept() && one_.Start());
  WaitForLink("vm1", "up");
  GuestsTalk();
}

TEST_P(VhostPortTest, ASwitchThatConnectsWaitsForAFrontEndThatListensLater) {
  Start({"vhost:vm1,mode=client,path=" + Path("qemu"), Port("vm2")});
  EXPECT_THAT(Show("vm1")["reason"].get<std::string>(), HasSubstr("cannot connect"));
  one_.Listen(Path("qemu"));
  ASSERT_TRUE(one_.Accept() && one_.Start());
  WaitForLink("vm1", "up");
}

TEST_P(VhostPortTest, AGuestReconnects) {
  StartWithTwoGuests();
  for (int i = 0; i < 20; ++i) {
    one_.HangUp();
    ASSERT_TRUE(one_.Connect(Path("vm1")) && one_.Start());
    WaitForLink("vm1", "up");
    GuestsTalk();
  }
}

// The front end and its memory stay, as of QEMU, which says how far the rings were as it remembers.
TEST_P(VhostPortTest, AGuestGoesOnAfterTheSwitchWasKilled) {
  StartWithTwoGuests();
  GuestsTalk();
  switch_->Kill();
  switch_.reset();
  Start({Port("vm1"), Port("vm2")});
  for (auto* const guest : {&one_, &two_}) {
    ASSERT_TRUE(guest->Connect(Path(guest == &one_ ? "vm1" : "vm2")));
    guest->Negotiate();
    guest->SetMemory();
    guest->StartRing(0);
    guest->StartRing(1);
    ASSERT_TRUE(guest->Settle());
  }
  WaitForLink("vm1", "up");
  WaitForLink("vm2", "up");
  GuestsTalk();
}

// Its memory is not described again.
TEST_P(VhostPortTest, AGuestReboots) {
  StartWithTwoGuests();
  GuestsTalk();
  one_.Request(VhostRequest::kSetStatus, VhostFrontEnd::Payload(uint64_t{0}));
  EXPECT_TRUE(one_.StopRing(0));
  EXPECT_TRUE(one_.StopRing(1));
  WaitForLink("vm1", "down");
  EXPECT_THAT(Show("vm1")["reason"].get<std::string>(), HasSubstr("no driver"));
  one_.ring(0).Reset();
  one_.ring(1).Reset();
  one_.ForgetReceived();
  one_.PostBuffers();
  one_.StartRing(0);
  one_.StartRing(1);
  WaitForLink("vm1", "up");
  GuestsTalk();
}

TEST_P(VhostPortTest, AStoppedRingSaysHowFarItIs) {
  StartWithTwoGuests();
  GuestsTalk();
  Delivers(one_, two_, TestFrame(Station(2), Station(1), "another"));
  EXPECT_EQ(one_.StopRing(1), (uint64_t{2} << 32U) | 1U);
}

TEST_P(VhostPortTest, AGuestThatTakesNothingLosesItsFramesAndNobodyElseWaits) {
  StartWithTwoGuests();
  VhostFrontEnd three;
  ControlClient().Call("port.add", {{"port", Port("vm3")}});
  ASSERT_TRUE(three.Connect(Path("vm3")) && three.Start());
  WaitForLink("vm3", "up");
  for (int i = 0; i < 600; ++i) {
    const Bytes frame = TestFrame(kBroadcastAddress, Station(1), std::to_string(i));
    ASSERT_TRUE(one_.Send(frame));
    ASSERT_EQ(three.Receive(), frame);  // two_ takes none
  }
  ASSERT_TRUE(WaitUntil([] { return Show("vm2")["drops"]["queue_full"] == 600 - 256; }))
      << Show("vm2").dump(1);
}

TEST_P(VhostPortTest, TheMtuOfTheFrontEndHolds) {
  StartWithTwoGuests();
  one_.Request(VhostRequest::kNetSetMtu, VhostFrontEnd::Payload(uint64_t{9000}));
  ASSERT_TRUE(WaitUntil([] { return Show("vm1")["mtu"] == 9000; }));
  two_.Request(VhostRequest::kNetSetMtu, VhostFrontEnd::Payload(uint64_t{9000}));
  ASSERT_TRUE(WaitUntil([] { return Show("vm2")["mtu"] == 9000; }));
  Delivers(one_, two_, Long(TestFrame(kBroadcastAddress, Station(1), "jumbo"), 9014));
}

// After a migration.
TEST_P(VhostPortTest, AGuestThatHasMovedIsAnnounced) {
  StartWithTwoGuests();
  GuestsTalk();
  const auto address = Station(7).bytes();
  Bytes payload(address.begin(), address.end());
  payload.resize(8);
  one_.Request(VhostRequest::kSendRarp, payload);
  const auto frame = two_.Receive();
  ASSERT_TRUE(frame);
  EXPECT_EQ((*frame)[12], std::byte{0x80});
  EXPECT_EQ((*frame)[13], std::byte{0x35});
  const auto entry = ControlClient().Call("fdb.get", {{"mac", Station(7).ToString()}});
  EXPECT_EQ(entry[0]["ifname"], "vm1");
}

TEST_P(VhostPortTest, SeveralPairsOfRingsAreEmptiedByTheirWorkers) {
  Start({"--workers=2", Port("vm1") + ",queues=2", Port("vm2")});
  VhostFrontEnd several({.pairs = 2});
  ASSERT_TRUE(several.Connect(Path("vm1")));
  EXPECT_EQ(several.Ask(VhostRequest::kGetQueueNum), 2U);
  ASSERT_TRUE(several.Start());
  ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
  WaitForLink("vm1", "up");
  WaitForLink("vm2", "up");
  for (int i = 0; i < 50; ++i) {
    const Bytes frame = TestFrame(kBroadcastAddress, Station(1), std::to_string(i));
    ASSERT_TRUE(several.Send(frame, {}, i % 2 == 0 ? 1 : 3));
    ASSERT_EQ(two_.Receive(), frame);
  }
}

TEST_P(VhostPortTest, UsersAreToldOfTheConnection) {
  StartWithTwoGuests();
  GuestsTalk();
  const json details = Show("vm1")["details"];
  EXPECT_THAT(details["peer"].get<std::string>(), HasSubstr(std::to_string(getpid())));
  EXPECT_THAT(details["features"].get<std::string>(), HasSubstr("MRG_RXBUF"));
  EXPECT_THAT(details["rings"].get<std::string>(), HasSubstr("2 of "));
  EXPECT_THAT(details["memory"].get<std::string>(), HasSubstr("1 regions, 8 MiB"));
  EXPECT_NE(details["kicks"], "0");
  EXPECT_NE(details["calls"], "0");
}

TEST_P(VhostPortTest, APortGoesWithItsSocketAndComesAgain) {
  StartWithTwoGuests();
  ControlClient().Call("port.del", {{"name", "vm1"}});
  EXPECT_TRUE(one_.WaitForHangUp());
  ControlClient().Call("port.add", {{"port", Port("vm1")}});
  ASSERT_TRUE(one_.Connect(Path("vm1")) && one_.Start());
  WaitForLink("vm1", "up");
  GuestsTalk();
}

}  // namespace
}  // namespace tapswitch::vhost_port_test
