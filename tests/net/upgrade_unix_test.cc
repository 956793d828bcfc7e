// A new process takes over from the switch, with its ports on Unix sockets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/ports_up.h"
#include "tests/support/socket_peer.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::upgrade_unix_test {
namespace {

using nlohmann::json;

class UnixUpgradeTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    sandbox_.emplace();
    process_.emplace(std::vector<std::string>{"--io=" + io(),
                                              "unix:vm,path=" + Path("vm") + ",clients=2",
                                              "unix:dgram,mode=dgram,path=" + Path("dgram")});
    ASSERT_TRUE(process_->WaitUntilReady()) << process_->log();
    first_ = StreamPeer(Path("vm"));
    second_ = StreamPeer(Path("vm"));
    ASSERT_TRUE(WaitUntil([] { return CountPortsUp() == 2; }));
  }

  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }

  static std::vector<std::byte> Numbered(int number) {
    return TestFrame(kBroadcastAddress, Station(1), "frame " + std::to_string(number));
  }

  // Whether the switch has read all that the peer has sent.
  static bool IsRead(const StreamPeer& peer) {
    int unread = -1;
    return ioctl(peer.fd(), SIOCOUTQ, &unread) == 0 && unread == 0;
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> process_;
  StreamPeer first_;
  StreamPeer second_;
};
INSTANTIATE_TEST_SUITE_P(Io, UnixUpgradeTest, kEachIo, IoName);

TEST_P(UnixUpgradeTest, ConnectionsStayUp) {
  for (int i = 0; i < 3; ++i) {
    Upgrade(*process_);
    EXPECT_EQ(CountPortsUp(), 2U);
    ASSERT_TRUE(first_.Send(Numbered(i)));
    EXPECT_EQ(second_.Receive(), Numbered(i));
  }
}

TEST_P(UnixUpgradeTest, AFrameThatWasReadInPartIsReadOn) {
  const auto wire = StreamPeer::Wire(Numbered(1));
  const auto half = std::span(wire).first(wire.size() / 2);
  ASSERT_TRUE(first_.SendBytes(half));
  ASSERT_TRUE(WaitUntil([&] { return IsRead(first_); }));
  Upgrade(*process_);
  ASSERT_TRUE(first_.SendBytes(std::span(wire).subspan(half.size())));
  EXPECT_EQ(second_.Receive(), Numbered(1));
}

TEST_P(UnixUpgradeTest, FramesThatWaitForTheirReceiverAreKeptInOrder) {
  constexpr int kFrames = 3000;
  for (int i = 0; i < kFrames; ++i) ASSERT_TRUE(first_.Send(Numbered(i)));
  ASSERT_TRUE(WaitUntil([&] { return IsRead(first_); }));
  Upgrade(*process_);
  uint64_t dropped = 0;
  ControlClient client;
  for (const json& port : client.Call("port.list")) {
    dropped += port.value("drops", json::object()).value("queue_full", uint64_t{0});
  }
  for (int i = 0; i < kFrames - static_cast<int>(dropped); ++i) {
    ASSERT_EQ(second_.Receive(), Numbered(i));
  }
  const auto last = Numbered(kFrames);
  ASSERT_TRUE(first_.Send(last));
  EXPECT_EQ(second_.Receive(), last) << "and nothing comes in between";
}

TEST_P(UnixUpgradeTest, WhoHasSentDatagramsGetsThem) {
  const DgramPeer peer(Path("peer"));
  ASSERT_TRUE(peer.SendTo(Path("dgram"), Numbered(1)));
  ASSERT_TRUE(WaitUntil([] { return CountPortsUp() == 3; })) << "by its first frame, which is lost";
  Upgrade(*process_);
  ASSERT_TRUE(first_.Send(Numbered(2)));
  EXPECT_EQ(peer.Receive(), Numbered(2));
  ASSERT_TRUE(peer.SendTo(Path("dgram"), Numbered(3)));
  EXPECT_EQ(second_.Receive(), Numbered(2));
  EXPECT_EQ(second_.Receive(), Numbered(3));
}

TEST_P(UnixUpgradeTest, WhoWaitsForAConnectionGetsOneFromTheNewProcess) {
  const StreamPeer third(Path("vm"));
  Upgrade(*process_);
  first_.HangUp();
  EXPECT_TRUE(WaitUntil([] { return CountPortsUp() == 2; }));
  ASSERT_TRUE(third.Send(Numbered(1)));
  EXPECT_EQ(second_.Receive(), Numbered(1));
}

}  // namespace
}  // namespace tapswitch::upgrade_unix_test
