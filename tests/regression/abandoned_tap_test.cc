// A TAP that the helper gave away goes when nobody holds it any more. Before, its holder could make
// it persistent, which takes no privileges: interface and port stayed without a process.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/control_client.h"
#include "tests/support/helper_process.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/wait_until.h"

namespace tapswitch::abandoned_tap_test {
namespace {

class AbandonedTapTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    std::ofstream(QEMU_HELPER_ACL) << "allow br0\n";
    ASSERT_EQ(chmod(QEMU_HELPER_ACL, 0644), 0);
    StartSwitch();
  }

  void StartSwitch(const std::vector<std::string>& flags = {}) {
    switch_.emplace(flags);
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
  }

  [[nodiscard]] static FileDescriptor GetTap() {
    HelperRun run = RunHelper({.program = QEMU_HELPER_PATH, .arguments = {"--fd=%d", "--br=br0"}});
    EXPECT_EQ(run.status, 0) << run.errors;
    EXPECT_TRUE(WaitUntil([] { return ControlClient().Call("port.list").at(0)["link"] == "up"; }));
    return std::move(run.tap);
  }
  static void Persist(const FileDescriptor& tap) {
    EXPECT_EQ(ioctl(tap.get(), TUNSETPERSIST, 1), 0);
  }
  static void TakeCarrierAway(const FileDescriptor& tap) {
    int carrier = 0;
    EXPECT_EQ(ioctl(tap.get(), TUNSETCARRIER, &carrier), 0);
  }
  [[nodiscard]] bool Exists(const std::string& interface) const {
    return sandbox_->TryRun("ip link show " + interface).status == 0;
  }
  [[nodiscard]] bool IsGone() const {
    return WaitUntil([&] { return !Exists("tap0"); }) &&
           WaitUntil([] { return ControlClient().Call("port.list").empty(); });
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
};

TEST_F(AbandonedTapTest, APersistentOneGoesWithItsHolder) {
  {
    const FileDescriptor tap = GetTap();
    Persist(tap);
  }
  EXPECT_TRUE(IsGone());
}

TEST_F(AbandonedTapTest, SoDoesOneWithoutACarrier) {
  {
    const FileDescriptor tap = GetTap();
    TakeCarrierAway(tap);
    Persist(tap);
  }
  EXPECT_TRUE(IsGone());
}

TEST_F(AbandonedTapTest, SoDoesOneOfASwitchThatHasGivenUpPrivileges) {
  switch_.reset();
  StartSwitch({"--user=nobody"});
  {
    const FileDescriptor tap = GetTap();
    Persist(tap);
  }
  EXPECT_TRUE(IsGone());
}

TEST_F(AbandonedTapTest, OneThatIsHeldStaysAndSoDoOthers) {
  sandbox_->Run("ip tuntap add dev other mode tap && ip link set other up");
  ControlClient().Call("port.add", {{"port", "netdev:other"}, {"ephemeral", true}});
  ASSERT_EQ(ControlClient().Call("port.del", {{"name", "other"}}), nullptr);
  const FileDescriptor tap = GetTap();
  ControlClient().Call("port.add", {{"port", "netdev:other"}, {"ephemeral", true}});
  Persist(tap);
  TakeCarrierAway(tap);
  // Nothing is to happen: it is looked at once a second.
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_TRUE(Exists("tap0"));
  EXPECT_TRUE(Exists("other"));
  EXPECT_EQ(ControlClient().Call("port.list").size(), 2U);
}

TEST_F(AbandonedTapTest, WhatWasLeftWhileThereWasNoSwitchGoesWithTheNext) {
  FileDescriptor tap = GetTap();
  Persist(tap);
  switch_.reset();
  tap = FileDescriptor();
  EXPECT_TRUE(Exists("tap0"));
  StartSwitch();
  EXPECT_FALSE(Exists("tap0"));
}

// Before, the helper waited for ever, with a TAP and a port.
TEST_F(AbandonedTapTest, ASocketThatNobodyReadsIsNotWaitedFor) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  const std::array<char, 4096> bytes{};
  while (send(pair[1], bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
  }
  const std::string socket = "--fd=" + std::to_string(pair[1]);
  const pid_t child = fork();
  if (child == 0) {
    execl(QEMU_HELPER_PATH, QEMU_HELPER_PATH, socket.c_str(), "--br=br0", nullptr);
    _exit(127);
  }
  int status = 0;
  EXPECT_TRUE(WaitUntil([&] { return waitpid(child, &status, WNOHANG) == child; }));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_TRUE(IsGone());
  for (const int fd : pair) close(fd);
}

}  // namespace
}  // namespace tapswitch::abandoned_tap_test
