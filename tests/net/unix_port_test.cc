// Ports on Unix sockets in the running switch, with peers that speak as QEMU does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_builder.h"
#include "tests/support/ip_packet.h"
#include "tests/support/ports_up.h"
#include "tests/support/segments.h"
#include "tests/support/socket_peer.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::unix_port_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

using Bytes = std::vector<std::byte>;

constexpr MacAddress Guest(uint64_t n) { return MacAddress::FromNumber(0x02000000A000 + n); }
constexpr MacAddress kEverybody = MacAddress::FromNumber(0xFFFFFFFFFFFF);

Bytes FrameOf(MacAddress destination, MacAddress source, std::string_view text, size_t size = 60) {
  return FrameBuilder(destination, source).Type(EtherType{0x88B5}).Text(text).Pad(size).Build();
}

class UnixPortTest : public SwitchTest {
 protected:
  void Start(std::vector<std::string> arguments) {
    sandbox_.emplace();
    arguments.insert(arguments.begin(), "--io=" + io());
    switch_.emplace(arguments);
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
  }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }
  [[nodiscard]] std::string Port(const std::string& name) const {
    return "unix:" + name + ",path=" + Path(name);
  }

  // Waits until so many ports are up: who has connected is there a moment later.
  static void WaitForLinks(size_t count) {
    ASSERT_TRUE(WaitUntil([&] { return CountPortsUp() == count; }))
        << ControlClient().Call("port.list").dump(1);
  }

  // By the next frame that arrives, as nothing else is said on this network.
  static void Delivers(const StreamPeer& from, StreamPeer& to, const Bytes& frame) {
    ASSERT_TRUE(from.Send(frame));
    EXPECT_EQ(to.Receive(), frame);
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
};
INSTANTIATE_TEST_SUITE_P(Io, UnixPortTest, kEachIo, IoName);

TEST_P(UnixPortTest, GuestsOnPathsOfTheirOwnTalkToEachOther) {
  Start({Port("vm1"), Port("vm2")});
  StreamPeer first(Path("vm1"));
  StreamPeer second(Path("vm2"));
  WaitForLinks(2);
  Delivers(first, second, FrameOf(kEverybody, Guest(1), "who is there"));
  Delivers(second, first, FrameOf(Guest(1), Guest(2), "I am"));
  for (const size_t size : {60U, 1514U, 61U}) {
    Delivers(first, second, FrameOf(Guest(2), Guest(1), "data", size));
  }
  ControlClient client;
  const auto entry = client.Call("fdb.get", {{"mac", Guest(2).ToString()}});
  EXPECT_EQ(entry[0]["ifname"], "vm2");
}

TEST_P(UnixPortTest, GuestsOnOnePathTalkToEachOther) {
  Start({"unix:vm,clients=3,path=" + Path("all")});
  StreamPeer one(Path("all"));
  StreamPeer two(Path("all"));
  StreamPeer three(Path("all"));
  WaitForLinks(3);
  ASSERT_TRUE(one.Send(FrameOf(kEverybody, Guest(1), "hello")));
  EXPECT_EQ(two.Receive(), FrameOf(kEverybody, Guest(1), "hello"));
  EXPECT_EQ(three.Receive(), FrameOf(kEverybody, Guest(1), "hello"));
  Delivers(two, one, FrameOf(Guest(1), Guest(2), "two"));
  Delivers(three, two, FrameOf(Guest(2), Guest(3), "three"));
  Delivers(one, three, FrameOf(Guest(3), Guest(1), "one"));

  // A fourth waits until there is room.
  StreamPeer four(Path("all"));
  three.HangUp();
  ASSERT_TRUE(four.Send(FrameOf(kEverybody, Guest(4), "four")));
  EXPECT_EQ(one.Receive(), FrameOf(kEverybody, Guest(4), "four"));
}

TEST_P(UnixPortTest, AGuestTalksToAHostBehindATap) {
  TestNetwork network({.io = io(), .ports = {""}, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  ControlClient client;
  client.Call("port.add", {{"port", Port("vm1") + ",mtu=9000"}});
  StreamPeer guest(Path("vm1"));
  WaitForLinks(2);
  const PacketSocket socket = network.host(1).OpenPacketSocket(0x88B5);

  const Bytes question = FrameOf(network.host(1).mac(), Guest(1), "question", 1514);
  ASSERT_TRUE(guest.Send(question));
  EXPECT_EQ(socket.Receive(std::chrono::seconds(30)), question);
  const Bytes answer = FrameOf(Guest(1), network.host(1).mac(), "answer");
  socket.Send(answer);
  EXPECT_EQ(guest.Receive(), answer);
}

// It has no virtio-net header by which more could be asked of it.
TEST_P(UnixPortTest, AGuestGetsAHostsLargeFramesCutAndFinished) {
  TestNetwork network({.io = io(), .ports = {""}, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  ControlClient().Call("port.add", {{"port", Port("vm1")}});
  StreamPeer guest(Path("vm1"));
  WaitForLinks(2);
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
  for (const IpPacket& segment : NaiveSegments(packet, kSegment)) {
    ASSERT_EQ(guest.Receive(), FinishedFrame(segment));
  }
}

TEST_P(UnixPortTest, DatagramPeersTalkToStreamPeers) {
  Start({Port("vm1"), "unix:d1,mode=dgram,path=" + Path("d1") + ",remote=" + Path("qemu"),
         "unix:d2,mode=dgram,path=" + Path("d2")});
  StreamPeer stream(Path("vm1"));
  const DgramPeer known(Path("qemu"));
  const DgramPeer learned(Path("learned"));
  WaitForLinks(2);
  ASSERT_TRUE(learned.SendTo(Path("d2"), FrameOf(kEverybody, Guest(9), "here I am")));
  WaitForLinks(3);

  ASSERT_TRUE(stream.Send(FrameOf(kEverybody, Guest(1), "stream")));
  EXPECT_EQ(known.Receive(), FrameOf(kEverybody, Guest(1), "stream"));
  EXPECT_EQ(learned.Receive(), FrameOf(kEverybody, Guest(1), "stream"));
  ASSERT_TRUE(known.SendTo(Path("d1"), FrameOf(Guest(1), Guest(2), "known")));
  EXPECT_EQ(stream.Receive(), FrameOf(Guest(1), Guest(2), "known"));
  ASSERT_TRUE(learned.SendTo(Path("d2"), FrameOf(Guest(2), Guest(9), "learned", 1514)));
  EXPECT_EQ(known.Receive(), FrameOf(Guest(2), Guest(9), "learned", 1514));

  // More at once than the kernel keeps for a receiver.
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(stream.Send(FrameOf(Guest(2), Guest(1), std::to_string(i))));
  }
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(known.Receive(), FrameOf(Guest(2), Guest(1), std::to_string(i)));
  }
}

TEST_P(UnixPortTest, AnInheritedSocketIsAPort) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair.data()), 0);
  const FileDescriptor inherited(pair[0]);
  const FileDescriptor guest(pair[1]);
  Start({"unix:vm1,mode=dgram,fd=" + std::to_string(pair[0]), Port("vm2")});
  StreamPeer other(Path("vm2"));
  WaitForLinks(2);
  const Bytes frame = FrameOf(kEverybody, Guest(1), "inherited");
  ASSERT_GT(send(guest.get(), frame.data(), frame.size(), 0), 0);
  EXPECT_EQ(other.Receive(), frame);

  // Removed and added again it is the same socket; what is none of that kind is refused.
  ControlClient client;
  client.Call("port.del", {{"name", "vm1"}});
  client.Call("port.add", {{"port", "unix:vm1,mode=dgram,fd=" + std::to_string(pair[0])}});
  ASSERT_GT(send(guest.get(), frame.data(), frame.size(), 0), 0);
  EXPECT_EQ(other.Receive(), frame);
  EXPECT_THAT(client.Refused("port.add", {{"port", "unix:vm3,mode=dgram,fd=100000"}}),
              HasSubstr("fd=100000"));
}

TEST_P(UnixPortTest, AGuestThatReconnectsIsThereAgain) {
  Start({Port("vm1"), Port("vm2")});
  StreamPeer stays(Path("vm2"));
  for (int round = 0; round < 5; ++round) {
    StreamPeer guest(Path("vm1"));
    WaitForLinks(2);
    Delivers(guest, stays, FrameOf(kEverybody, Guest(1), "round"));
    Delivers(stays, guest, FrameOf(Guest(1), Guest(2), "back"));
    guest.HangUp();
    WaitForLinks(1);
    ControlClient client;
    EXPECT_EQ(client.Call("port.list", {{"name", "vm1"}})[0]["reason"],
              "nobody is connected to " + Path("vm1"));
    EXPECT_THAT(client.Refused("fdb.get", {{"mac", Guest(1).ToString()}}), HasSubstr("no entry"))
        << "what was learned goes with it";
  }
}

TEST_P(UnixPortTest, ASwitchThatStartsAgainTakesTheGuestsThatReconnect) {
  const std::vector<std::string> ports{Port("vm1"), Port("vm2")};
  Start(ports);
  StreamPeer first(Path("vm1"));
  StreamPeer second(Path("vm2"));
  WaitForLinks(2);
  // Killed, so that its files stay behind.
  switch_->Kill();
  EXPECT_TRUE(std::filesystem::exists(Path("vm1")));
  EXPECT_TRUE(first.WaitForHangUp());
  switch_.reset();
  std::vector<std::string> arguments{"--io=" + io()};
  arguments.insert(arguments.end(), ports.begin(), ports.end());
  switch_.emplace(arguments);
  ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();

  ASSERT_TRUE(first.Connect(Path("vm1")));
  ASSERT_TRUE(second.Connect(Path("vm2")));
  WaitForLinks(2);
  Delivers(first, second, FrameOf(kEverybody, Guest(1), "again"));
}

TEST_P(UnixPortTest, ItsFileIsForItsOwnerUnlessSaidOtherwiseAndGoesWithIt) {
  Start({Port("vm1"), Port("vm2") + ",perm=0660,user=nobody,group=nogroup"});
  struct stat found {};
  ASSERT_EQ(stat(Path("vm1").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
  EXPECT_EQ(found.st_uid, geteuid());
  ASSERT_EQ(stat(Path("vm2").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0660U);
  EXPECT_NE(found.st_uid, geteuid());

  ControlClient client;
  client.Call("port.del", {{"name", "vm1"}});
  EXPECT_FALSE(std::filesystem::exists(Path("vm1")));
  switch_->Stop();
  EXPECT_TRUE(std::filesystem::is_empty(Path("")));
}

TEST_P(UnixPortTest, RefusesAPathThatIsTakenAndLeavesItAlone) {
  Start({Port("vm1")});
  ControlClient client;
  std::ofstream(Path("file")) << "precious";
  EXPECT_THAT(client.Refused("port.add", {{"port", "unix:vm2,path=" + Path("file")}}),
              AllOf(HasSubstr("vm2"), HasSubstr(Path("file")), HasSubstr("no socket")));
  EXPECT_EQ(std::filesystem::file_size(Path("file")), 8U);

  FileDescriptor other(socket(AF_UNIX, SOCK_STREAM, 0));
  const sockaddr_un address = UnixAddress(Path("other"));
  ASSERT_EQ(bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(other.get(), 1), 0);
  EXPECT_THAT(client.Refused("port.add", {{"port", "unix:vm2,path=" + Path("other")}}),
              AllOf(HasSubstr("vm2"), HasSubstr(Path("other")), HasSubstr("listening")));

  // Nobody listens there any more.
  other = FileDescriptor();
  client.Call("port.add", {{"port", "unix:vm2,path=" + Path("other")}});
  // The same again changes nothing; the name with another text is taken.
  client.Call("port.add", {{"port", "unix:vm2,path=" + Path("other")}});
  EXPECT_THAT(client.Refused("port.add", {{"port", "unix:vm2,mtu=9000,path=" + Path("other")}}),
              HasSubstr("it is there already"));
  EXPECT_THAT(client.Refused("port.add", {{"port", "unix:vm3,perm=666,path=" + Path("vm1")}}),
              AllOf(HasSubstr("vm3"), HasSubstr("vm1"), HasSubstr("perm=")));
  EXPECT_THAT(client.Refused("port.add", {{"port", "unix:vm3,path=" + Path("no/such/vm3")}}),
              HasSubstr("No such file"));
  EXPECT_EQ(client.Call("port.list").size(), 2U);
}

TEST_P(UnixPortTest, PortsOfOnePathAreAddedAllOrNone) {
  Start({Port("vm.3")});
  ControlClient client;
  const std::string spec = "unix:vm,clients=3,path=" + Path("all");
  EXPECT_THAT(client.Refused("port.add", {{"port", spec}}), HasSubstr("vm.3"));
  EXPECT_EQ(client.Call("port.list").size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(Path("all")));

  client.Call("port.del", {{"name", "vm.3"}});
  client.Call("port.add", {{"port", spec}});
  EXPECT_EQ(client.Call("port.list").size(), 3U);
  // Without one of them the others go on.
  client.Call("port.del", {{"name", "vm.1"}});
  StreamPeer guest(Path("all"));
  WaitForLinks(1);
}

TEST_P(UnixPortTest, TheConfigurationIsSavedAndRestored) {
  Start({"unix:vm,clients=2,path=" + Path("all"), Port("vm9") + ",mtu=9000,perm=0660",
         "unix:d1,mode=dgram,path=" + Path("d1") + ",remote=" + Path("qemu")});
  const std::string startup = Path("startup");
  ControlClient client;
  const auto saved = client.Call("config.save");
  EXPECT_THAT(saved, Contains("port add unix:vm.2,path=" + Path("all")));
  std::ofstream file(startup);
  for (const auto& line : saved) file << line.get<std::string>() << '\n';
  file.close();
  switch_.reset();

  switch_.emplace(std::vector<std::string>{"--io=" + io(), "--startup=" + startup});
  ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
  EXPECT_EQ(ControlClient().Call("config.save"), saved);
  StreamPeer one(Path("all"));
  StreamPeer two(Path("all"));
  WaitForLinks(3);
  Delivers(one, two, FrameOf(kEverybody, Guest(1), "restored"));
}

}  // namespace
}  // namespace tapswitch::unix_port_test
