// A new process takes over from the switch, with guests on vhost ports: their connections, memory
// and rings stay as they are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/ports_up.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/vhost_front_end.h"
#include "tests/support/wait_until.h"

namespace tapswitch::upgrade_vhost_test {
namespace {

class VhostUpgradeTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    sandbox_.emplace();
    process_.emplace(std::vector<std::string>{"--io=" + io(), "vhost:vm1,path=" + Path("vm1"),
                                              "vhost:vm2,path=" + Path("vm2")});
    ASSERT_TRUE(process_->WaitUntilReady()) << process_->log();
    ASSERT_TRUE(one_.Connect(Path("vm1")) && one_.Start());
    ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
    ASSERT_TRUE(WaitUntil([] { return CountPortsUp() == 2; }));
  }

  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }
  static std::vector<std::byte> Numbered(int number) {
    return TestFrame(kBroadcastAddress, Station(1), "frame " + std::to_string(number));
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> process_;
  VhostFrontEnd one_;
  VhostFrontEnd two_;
};
INSTANTIATE_TEST_SUITE_P(Io, VhostUpgradeTest, kEachIo, IoName);

TEST_P(VhostUpgradeTest, GuestsNoticeNothing) {
  for (int i = 0; i < 10; i += 2) {
    Upgrade(*process_);
    EXPECT_EQ(CountPortsUp(), 2U);
    for (const int number : {i, i + 1}) {
      ASSERT_TRUE(one_.Send(Numbered(number)));
      EXPECT_EQ(two_.Receive(), Numbered(number));
    }
  }
  EXPECT_TRUE(one_.Settle()) << "the connection goes on";
}

// What the guest sends while nobody forwards waits in its ring.
TEST_P(VhostUpgradeTest, FramesWaitInTheRing) {
  ASSERT_TRUE(one_.Send(Numbered(0)));
  EXPECT_EQ(two_.Receive(), Numbered(0));
  ControlClient client;
  for (int i = 1; i <= 4; ++i) ASSERT_TRUE(one_.Send(Numbered(i)));
  Upgrade(*process_);
  for (int i = 5; i <= 8; ++i) ASSERT_TRUE(one_.Send(Numbered(i)));
  for (int i = 1; i <= 8; ++i) EXPECT_EQ(two_.Receive(), Numbered(i));
}

TEST_P(VhostUpgradeTest, AMessageThatWasReadInPartIsReadOn) {
  const auto message = VhostFrontEnd::Message(VhostRequest::kGetQueueNum, {});
  ASSERT_TRUE(one_.SendRaw(std::span(message).first(7)));
  Upgrade(*process_);
  ASSERT_TRUE(one_.SendRaw(std::span(message).subspan(7)));
  EXPECT_NE(one_.Reply().value_or(0), 0U);
}

TEST_P(VhostUpgradeTest, AGuestConnectsAfterwards) {
  two_.HangUp();
  ASSERT_TRUE(WaitUntil([] { return CountPortsUp() == 1; }));
  Upgrade(*process_);
  ASSERT_TRUE(two_.Connect(Path("vm2")) && two_.Start());
  ASSERT_TRUE(WaitUntil([] { return CountPortsUp() == 2; })) << process_->log();
  ASSERT_TRUE(one_.Send(Numbered(1)));
  EXPECT_EQ(two_.Receive(), Numbered(1));
}

}  // namespace
}  // namespace tapswitch::upgrade_vhost_test
