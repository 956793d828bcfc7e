// Link ports on real sockets, and a ring that only tells when a test wants it to.

#include "ports/link/link_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/socket_peer.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::link_port_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Bytes = std::vector<std::byte>;

constexpr MacAddress kAlice = MacAddress::FromNumber(0x02000000000A);
constexpr MacAddress kBob = MacAddress::FromNumber(0x02000000000B);

Bytes FrameOf(size_t size) {
  return FrameBuilder(kBob, kAlice).Type(EtherType{0x88B5}).Pad(size).Build();
}

// A frame behind a header without unfinished work.
Bytes MessageOf(const Bytes& frame) {
  Bytes message(kVirtioNetHeaderSize);
  message.insert(message.end(), frame.begin(), frame.end());
  return message;
}

// A port, its ring and its counters.
struct End {
  End() = default;
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  void Open(const std::string& text, const LinkPlace& place, PortHandover* inherited = nullptr) {
    const auto options = ParseLinkOptions(ParsePortSpec(text).value());
    ASSERT_TRUE(options.ok()) << options.status();
    auto opened = OpenLinkPort(
        {.id = PortId{3}, .generation = 7, .name = options->name, .counters = &counters}, *options,
        place, inherited);
    ASSERT_TRUE(opened.ok()) << opened.status();
    port = *std::move(opened);
    ASSERT_TRUE(port->Start(ring).ok());
  }
  ~End() {
    if (!port) return;
    port->BeginClose();
    EXPECT_TRUE(port->closed());
    port->Detach();
    EXPECT_THAT(ring.watched(), IsEmpty());
  }

  // Turns until nothing more comes; all that is watched is readable and writable.
  std::vector<Bytes> Turns() {
    std::vector<Bytes> frames;
    const auto watched = ring.watched();
    for (const FakeRing::Watched& one : watched) {
      ring.BecomeReadable(one.fd);
      ring.BecomeWritable(one.fd);
    }
    for (bool more = true; more;) {
      static_cast<void>(ring.SubmitAndWait(std::chrono::nanoseconds(0)));
      FrameBatch batch;
      port->OnCompletions(ring.Reap(), batch);
      more = port->Receive(batch);
      for (const Frame& frame : batch.frames()) {
        frames.emplace_back(frame.bytes().begin(), frame.bytes().end());
      }
    }
    return frames;
  }
  void Send(const Bytes& frame, size_t times = 1) const {
    const Bytes message = MessageOf(frame);
    const std::array<Piece, 2> pieces{
        {{message.data(), 20}, {message.data() + 20, message.size() - 20}}};
    const WireFrame one{.pieces = pieces, .size = frame.size()};
    for (size_t i = 0; i < times; ++i) port->Send({&one, 1});
  }
  [[nodiscard]] bool is_up() const { return port->status().link_up; }

  FakeRing ring;
  PortCounters counters;
  std::unique_ptr<Port> port;
};

class LinkPortTest : public testing::Test {
 protected:
  [[nodiscard]] LinkPlace Place(const std::string& bridge) const {
    return {.bridge = bridge, .control_socket = directory_.Path(bridge + ".sock")};
  }
  void OpenBoth() {
    near_.Open("link:near", Place("br0"));
    far_.Open("link:far,to=br0:near", Place("br1"));
    Meet();
  }
  void Meet() {
    near_.Turns();
    far_.Turns();
    near_.Turns();
    ASSERT_TRUE(near_.is_up()) << near_.port->status().reason;
    ASSERT_TRUE(far_.is_up()) << far_.port->status().reason;
  }

  // Somebody who connects to the waiting port, and is no switch.
  FileDescriptor ConnectStranger() {
    FileDescriptor stranger(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const sockaddr_un address = UnixAddress(directory_.Path("br0.sock:near"));
    EXPECT_EQ(connect(stranger.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    return stranger;
  }
  static void SendTo(const FileDescriptor& socket, std::span<const std::byte> message) {
    EXPECT_EQ(send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(message.size()));
  }

  TemporaryDirectory directory_;
  End near_;
  End far_;
};

TEST_F(LinkPortTest, CarriesFramesBothWaysWithAllOffloads) {
  OpenBoth();
  EXPECT_EQ(near_.port->status().accepted, OffloadSet::All());
  for (const size_t size : {14U, 60U, 1514U, 65549U}) {
    near_.Send(FrameOf(size));
    EXPECT_THAT(far_.Turns(), ElementsAre(FrameOf(size)));
    far_.Send(FrameOf(size));
    EXPECT_THAT(near_.Turns(), ElementsAre(FrameOf(size)));
  }
  EXPECT_EQ(near_.counters.received, near_.counters.sent);
}

TEST_F(LinkPortTest, TheSmallerMtuCounts) {
  near_.Open("link:near,mtu=9000", Place("br0"));
  far_.Open("link:far,to=br0:near,mtu=1500", Place("br1"));
  Meet();
  EXPECT_EQ(near_.port->status().mtu, 1500U);
  EXPECT_EQ(far_.port->status().mtu, 1500U);
}

TEST_F(LinkPortTest, WhoConnectsWaitsForTheOtherEndAndTriesAgain) {
  far_.Open("link:far,to=br0:near", Place("br1"));
  EXPECT_EQ(far_.port->status().reason, "waiting for switch br0 port near");
  EXPECT_TRUE(far_.port->wants_retry());
  near_.Open("link:near", Place("br0"));
  EXPECT_EQ(near_.port->status().reason, "waiting for a link to br0:near");
  EXPECT_FALSE(near_.port->wants_retry()) << "it is told of those who come";
  for (int i = 0; i < 20; ++i) far_.port->Retry();
  Meet();
  EXPECT_FALSE(far_.port->wants_retry());
}

TEST_F(LinkPortTest, TheLinkEndsWithOneEndAndBeginsAgainWithTheNext) {
  OpenBoth();
  near_.port->BeginClose();
  near_.port.reset();
  EXPECT_THAT(far_.Turns(), IsEmpty());
  EXPECT_FALSE(far_.is_up());
  far_.Send(FrameOf(60));
  EXPECT_EQ(far_.counters.dropped(DropReason::kLinkDown), 1U);
  near_.Open("link:near", Place("br0"));
  for (int i = 0; i < 20; ++i) far_.port->Retry();
  Meet();
}

TEST_F(LinkPortTest, FramesThatWereSentBeforeTheEndArrive) {
  OpenBoth();
  near_.Send(FrameOf(60), 100);
  near_.port->BeginClose();
  EXPECT_EQ(far_.Turns().size(), 100U);
  EXPECT_FALSE(far_.is_up());
}

TEST_F(LinkPortTest, APortHasOneLinkAndTellsOthersSo) {
  OpenBoth();
  End third;
  third.Open("link:third,to=br0:near", Place("br2"));
  near_.Turns();
  third.Turns();
  EXPECT_FALSE(third.is_up());
  EXPECT_THAT(third.port->status().reason,
              HasSubstr("switch br0 port near is linked with another one"));
  EXPECT_TRUE(near_.is_up());
  near_.Send(FrameOf(60));
  EXPECT_THAT(far_.Turns(), ElementsAre(FrameOf(60)));
}

TEST_F(LinkPortTest, APortCannotConnectToItself) {
  const auto options = ParseLinkOptions(ParsePortSpec("link:near,to=br0").value());
  const auto opened = OpenLinkPort({.id = PortId{3}, .name = "near"}, *options, Place("br0"), {});
  EXPECT_TRUE(absl::IsInvalidArgument(opened.status()));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("itself"));
}

TEST_F(LinkPortTest, KeepsWhatTheOtherEndDoesNotTakeInOrderUpToALimit) {
  OpenBoth();
  constexpr uint64_t kCount = 40'000;
  for (uint64_t i = 0; i < kCount; ++i) {
    Bytes frame = FrameOf(100);
    frame[20] = static_cast<std::byte>(i);
    frame[21] = static_cast<std::byte>(i >> 8U);
    near_.Send(frame);
  }
  EXPECT_GT(near_.counters.dropped(DropReason::kQueueFull), 0U);
  const uint64_t sent = near_.counters.sent.frames;
  EXPECT_EQ(sent + near_.counters.dropped(DropReason::kQueueFull), kCount);
  std::vector<Bytes> got;
  while (got.size() < sent) {
    const auto more = far_.Turns();
    ASSERT_FALSE(more.empty());
    got.insert(got.end(), more.begin(), more.end());
    near_.Turns();
  }
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i][20], static_cast<std::byte>(i)) << i;
    ASSERT_EQ(got[i][21], static_cast<std::byte>(i >> 8U)) << i;
  }
}

TEST_F(LinkPortTest, WhoSaysSomethingElseFirstIsHungUpOn) {
  near_.Open("link:near", Place("br0"));
  const FileDescriptor stranger = ConnectStranger();
  SendTo(stranger, FrameOf(60));
  near_.Turns();
  EXPECT_FALSE(near_.is_up());
  std::array<std::byte, 100> rest{};
  while (recv(stranger.get(), rest.data(), rest.size(), 0) > 0) continue;
  EXPECT_EQ(near_.counters.received.frames, 0U);
}

TEST_F(LinkPortTest, WhoSaysNothingMakesRoomForTheNext) {
  near_.Open("link:near", Place("br0"));
  const FileDescriptor silent = ConnectStranger();
  near_.Turns();
  far_.Open("link:far,to=br0:near", Place("br1"));
  Meet();
}

TEST_F(LinkPortTest, WhatAHostileEndSendsIsCheckedAndCounted) {
  near_.Open("link:near", Place("br0"));
  const FileDescriptor hostile = ConnectStranger();
  SendTo(hostile, StoreLinkHello({.mtu = 1500, .bridge = "evil", .port = "x"}));
  near_.Turns();
  ASSERT_TRUE(near_.is_up());
  SendTo(hostile, Bytes());
  SendTo(hostile, Bytes(kVirtioNetHeaderSize + 13));
  SendTo(hostile, Bytes(70'000));
  Bytes false_header = MessageOf(FrameOf(60));
  false_header[0] = std::byte{1};     // a checksum is to be filled in
  false_header[7] = std::byte{0xFF};  // far behind the end
  SendTo(hostile, false_header);
  SendTo(hostile, MessageOf(FrameOf(60)));
  EXPECT_THAT(near_.Turns(), ElementsAre(FrameOf(60)));
  EXPECT_EQ(near_.counters.dropped(DropReason::kRunt), 2U);
  EXPECT_EQ(near_.counters.dropped(DropReason::kTruncated), 1U);
  EXPECT_EQ(near_.counters.dropped(DropReason::kBadOffloadHeader), 1U);
  EXPECT_EQ(near_.counters.received.frames, 5U);
}

TEST_F(LinkPortTest, BringsNoMoreFramesIntoATurnThanItIsAllowed) {
  OpenBoth();
  near_.Send(FrameOf(60), 3);
  far_.port->LimitReceiving(2);
  FrameBatch batch;
  EXPECT_TRUE(far_.port->Receive(batch)) << "there is more";
  EXPECT_EQ(batch.frames().size(), 2U);
  batch.clear();
  EXPECT_FALSE(far_.port->Receive(batch));
  EXPECT_EQ(batch.frames().size(), 1U);
}

// The end that connects, as a socket that listens is one process's.
TEST_F(LinkPortTest, ASuccessorGoesOnWithTheConnectionAndWhatWaits) {
  OpenBoth();
  far_.Send(FrameOf(100), 10'000);
  const uint64_t sent = far_.counters.sent.frames;
  ASSERT_TRUE(far_.port->Pause());
  ASSERT_TRUE(far_.port->paused());
  PortHandover handover;
  ASSERT_TRUE(far_.port->HandOver(0, handover));
  End successor;
  successor.Open("link:far,to=br0:near", Place("br1"), &handover);
  ASSERT_TRUE(successor.port->Pause());
  EXPECT_FALSE(successor.is_up()) << "it makes no connection of its own";
  ASSERT_TRUE(far_.port->HandOverPaused(handover));
  successor.port->TakeOverPaused(handover);
  EXPECT_TRUE(successor.is_up());
  successor.port->Resume();
  uint64_t got = 0;
  while (got < sent) {
    const size_t more = near_.Turns().size();
    ASSERT_GT(more, 0U);
    got += more;
    successor.Turns();
  }
  EXPECT_TRUE(near_.is_up()) << "it has noticed nothing";
  near_.Send(FrameOf(61));
  EXPECT_THAT(successor.Turns(), ElementsAre(FrameOf(61)));
}

}  // namespace
}  // namespace tapswitch::link_port_test
