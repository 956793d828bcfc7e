// Peers of unix ports that misbehave: each harms nobody but itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_builder.h"
#include "tests/support/process_usage.h"
#include "tests/support/socket_peer.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::unix_port_hostile_test {
namespace {

using Bytes = std::vector<std::byte>;

constexpr MacAddress Guest(uint64_t n) { return MacAddress::FromNumber(0x02000000A000 + n); }
constexpr MacAddress kEverybody = MacAddress::FromNumber(0xFFFFFFFFFFFF);

Bytes FrameOf(MacAddress destination, MacAddress source, std::string_view text, size_t size = 60) {
  return FrameBuilder(destination, source).Type(EtherType{0x88B5}).Text(text).Pad(size).Build();
}

// Two well-behaved guests on vm1 and vm2, and whoever comes to `hostile`.
class UnixPortHostileTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    sandbox_.emplace();
    switch_.emplace(
        std::vector<std::string>{"--io=" + io(), Port("vm1"), Port("vm2"), Port("hostile")});
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
    first_ = std::make_unique<StreamPeer>(Path("vm1"));
    second_ = std::make_unique<StreamPeer>(Path("vm2"));
    ASSERT_TRUE(WaitUntil([&] { return LinkOf("vm1") && LinkOf("vm2"); }));
    // Known, so that nothing of theirs goes to the third.
    ASSERT_TRUE(first_->Send(FrameOf(kEverybody, Guest(1), "")));
    ASSERT_TRUE(second_->Receive());
    ASSERT_TRUE(second_->Send(FrameOf(Guest(1), Guest(2), "")));
    ASSERT_TRUE(first_->Receive());
  }

  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }
  [[nodiscard]] std::string Port(const std::string& name) const {
    return "unix:" + name + ",path=" + Path(name);
  }
  [[nodiscard]] static bool LinkOf(const std::string& name) {
    ControlClient client;
    return client.Call("port.list", {{"name", name}})[0]["link"] == "up";
  }
  [[nodiscard]] static uint64_t DropsOf(const std::string& name, const std::string& reason) {
    ControlClient client;
    const auto drops = client.Call("port.list", {{"name", name}})[0]["drops"];
    return drops.contains(reason) ? drops[reason].get<uint64_t>() : 0;
  }

  // The well-behaved two are served, and nothing is lost between them.
  void ExpectService(int frames = 20) {
    for (int i = 0; i < frames; ++i) {
      const Bytes frame = FrameOf(Guest(2), Guest(1), std::to_string(i));
      ASSERT_TRUE(first_->Send(frame));
      ASSERT_EQ(second_->Receive(), frame);
    }
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
  std::unique_ptr<StreamPeer> first_;
  std::unique_ptr<StreamPeer> second_;
};
INSTANTIATE_TEST_SUITE_P(Io, UnixPortHostileTest, kEachIo, IoName);

TEST_P(UnixPortHostileTest, OneThatStopsReadingLosesItsOwnFramesOnly) {
  StreamPeer deaf(Path("hostile"));
  ASSERT_TRUE(deaf.Send(FrameOf(kEverybody, Guest(3), "I do not read")));
  ASSERT_TRUE(first_->Receive());
  ASSERT_TRUE(second_->Receive());
  // To everybody, so that it should get them, too.
  constexpr int kFrames = 3000;
  for (int i = 0; i < kFrames; ++i) {
    const Bytes frame = FrameOf(kEverybody, Guest(1), std::to_string(i), 1000);
    ASSERT_TRUE(first_->Send(frame));
    ASSERT_EQ(second_->Receive(), frame);
  }
  EXPECT_GT(DropsOf("hostile", "queue_full"), 0U);
  EXPECT_EQ(DropsOf("vm2", "queue_full"), 0U);

  // Once it reads again it is served again, with what was kept for it first.
  const Bytes last = FrameOf(kEverybody, Guest(1), "last");
  std::optional<Bytes> got;
  for (int i = 0; i < kFrames && (got = deaf.Receive(std::chrono::milliseconds(500))); ++i)
    continue;
  ASSERT_TRUE(first_->Send(last));
  EXPECT_EQ(deaf.Receive(), last);
}

TEST_P(UnixPortHostileTest, OneThatSendsNonsenseIsDisconnectedAndCounted) {
  StreamPeer peer(Path("hostile"));
  ASSERT_TRUE(peer.Send(Bytes(0)));
  ASSERT_TRUE(peer.Send(Bytes(13)));
  ASSERT_TRUE(peer.Send(FrameOf(Guest(1), Guest(3), "good")));
  ASSERT_EQ(first_->Receive(), FrameOf(Guest(1), Guest(3), "good")) << "runts end nothing";
  EXPECT_EQ(DropsOf("hostile", "runt"), 2U);
  ASSERT_TRUE(peer.SendBytes(StreamPrefix(kMaxSocketFrame + 1)));
  EXPECT_TRUE(peer.WaitForHangUp());
  ASSERT_TRUE(WaitUntil([&] { return !LinkOf("hostile"); }));
  EXPECT_EQ(DropsOf("hostile", "bad_framing"), 1U);

  StreamPeer half(Path("hostile"));
  const Bytes wire = StreamPeer::Wire(Bytes(1000));
  ASSERT_TRUE(half.SendBytes(std::span(wire).first(500)));
  ASSERT_TRUE(WaitUntil([&] { return LinkOf("hostile"); }));
  half.HangUp();
  ASSERT_TRUE(WaitUntil([&] { return !LinkOf("hostile"); }));
  EXPECT_EQ(DropsOf("hostile", "truncated"), 1U);
  ExpectService();
}

TEST_P(UnixPortHostileTest, ThousandsThatConnectAndLeaveDoNoHarm) {
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> connects = 0;
  std::vector<std::thread> storm;
  for (int i = 0; i < 2; ++i) {
    storm.emplace_back([&, i] {
      std::mt19937 random(static_cast<unsigned>(i));
      while (!stop) {
        StreamPeer peer;
        if (!peer.Connect(Path("hostile"))) continue;
        ++connects;
        const Bytes bytes(random() % 100, std::byte{0});
        if (random() % 2 == 0) peer.SendBytes(bytes);
      }
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return connects >= 10'000; }, std::chrono::seconds(120)));
  ExpectService(100);
  stop = true;
  for (std::thread& one : storm) one.join();
  ExpectService();
  const std::string log = switch_->log();
  EXPECT_LT(log.size(), 1'000'000U) << "the log is not flooded";

  StreamPeer peer(Path("hostile"));
  ASSERT_TRUE(peer.Send(FrameOf(Guest(1), Guest(3), "in peace")));
  EXPECT_EQ(first_->Receive(), FrameOf(Guest(1), Guest(3), "in peace"));
}

TEST_P(UnixPortHostileTest, OneThatSendsAsFastAsItCanLeavesRoomForOthers) {
  StreamPeer peer(Path("hostile"));
  Bytes flood;
  while (flood.size() < 60'000) {
    const Bytes wire = StreamPeer::Wire(FrameOf(Guest(7), Guest(7), "to itself"));
    flood.insert(flood.end(), wire.begin(), wire.end());
  }
  std::atomic<bool> stop = false;
  std::thread flooder([&] {
    while (!stop && peer.SendBytes(flood)) continue;
  });
  ExpectService(500);
  stop = true;
  flooder.join();
}

}  // namespace
}  // namespace tapswitch::unix_port_hostile_test
