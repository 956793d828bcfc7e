// A port in a network namespace that was deleted kept it alive, said that it had no carrier, and
// did not notice the next namespace of that name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/switch_test.h"
#include "tests/support/wait_until.h"

namespace tapswitch::namespace_made_again_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class NamespaceMadeAgainTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    sandbox_.emplace();
  }

  void Start(const std::string& port) {
    switch_.emplace(std::vector<std::string>{"--io=" + io(), port});
    ASSERT_TRUE(switch_->WaitUntilReady());
    client_.emplace();
  }

  void Run(const std::string& command) const { sandbox_->Run(command); }
  [[nodiscard]] json Port() { return client_->Call("port.list").at(0); }
  [[nodiscard]] bool AwaitUp() {
    return WaitUntil([&] { return Port().at("link") == "up"; });
  }
  [[nodiscard]] bool AwaitReason(const std::string& reason) {
    return WaitUntil([&] { return Port().value("reason", "").find(reason) != std::string::npos; });
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
  std::optional<ControlClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Io, NamespaceMadeAgainTest, kEachIo, IoName);

constexpr const char* kVeth =
    "ip -n side link add q2 up type veth peer name inner && ip -n side link set inner up";

TEST_P(NamespaceMadeAgainTest, ANetdevPortLetsTheOldOneGoAndServesTheNew) {
  // The pair goes when the namespace of its end goes, and so shows that nothing keeps that alive.
  Run("ip netns add side && ip link add outer type veth peer name q2 netns side && "
      "ip link set outer up && ip -n side link set q2 up");
  Start("netdev:q2,netns=side");
  ASSERT_TRUE(AwaitUp());
  Run("ip netns del side");
  EXPECT_TRUE(AwaitReason("network namespace 'side' was deleted")) << Port();
  EXPECT_TRUE(WaitUntil([&] { return sandbox_->TryRun("ip link show outer").status != 0; }));
  Run("ip netns add side");
  Run(kVeth);
  EXPECT_TRUE(AwaitUp()) << Port();
  // And once more, with no time in between.
  Run(std::string("ip netns del side && ip netns add side && ") + kVeth);
  EXPECT_TRUE(WaitUntil([&] {
    return sandbox_->Run("ip -n side -d link show q2").find("promiscuity 1") != std::string::npos;
  })) << switch_->log();
  EXPECT_TRUE(AwaitUp()) << Port();
}

TEST_P(NamespaceMadeAgainTest, ATapIsMadeAgain) {
  Run("ip netns add side");
  Start("vnet0,netns=side");
  ASSERT_TRUE(AwaitUp());
  // It is known to the switch which namespace that was after at most a second.
  Run("sleep 1.2; ip netns del side");
  EXPECT_TRUE(AwaitReason("network namespace 'side' was deleted")) << Port();
  Run("ip netns add side");
  EXPECT_TRUE(AwaitUp()) << Port();
  Run("ip -n side link show vnet0");
}

TEST_P(NamespaceMadeAgainTest, ATapThatSomebodyDeletedStaysDeleted) {
  Run("ip netns add side");
  Start("vnet0,netns=side");
  ASSERT_TRUE(AwaitUp());
  Run("ip -n side link del vnet0");
  EXPECT_TRUE(AwaitReason("device was deleted; add it again")) << Port();
}

}  // namespace
}  // namespace tapswitch::namespace_made_again_test
