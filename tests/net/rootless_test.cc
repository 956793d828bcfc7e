// A switch of virtual machines that an ordinary user runs, without any capability.

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/os/user_accounts.h"
#include "ports/ring/ring_factory.h"
#include "tests/support/frame_builder.h"
#include "tests/support/socket_peer.h"
#include "tests/support/switch_process.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait_until.h"

namespace tapswitch::rootless_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using Bytes = std::vector<std::byte>;

// The whole test process becomes that user, so what it starts is that user's, too.
void BecomeOrdinary() {
  if (geteuid() != 0) return;
  const UserAccount nobody = FindUser("nobody").value();
  if (setgroups(0, nullptr) != 0 || setresgid(nobody.gid, nobody.gid, nobody.gid) != 0 ||
      setresuid(nobody.uid, nobody.uid, nobody.uid) != 0) {
    throw std::runtime_error("cannot become nobody");
  }
}

std::string RunCommand(const std::string& command) {
  const std::unique_ptr<FILE, decltype(&pclose)> pipe(popen((command + " 2>&1").c_str(), "r"),
                                                      &pclose);
  std::string output;
  for (int c = fgetc(pipe.get()); c != EOF; c = fgetc(pipe.get())) {
    output += static_cast<char>(c);
  }
  return output;
}

// A line of /proc/PID/status, behind its key.
std::string StatusOf(pid_t pid, const std::string& key) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return "";
}

class RootlessTest : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { BecomeOrdinary(); }

  void SetUp() override {
    if (access(TAPCTL_PATH, X_OK) != 0) {
      GTEST_SKIP() << "other users may not run what was built in this directory";
    }
    if (GetParam() == "uring" && !MakeRing(IoMode::kUring).ok()) GTEST_SKIP() << "no io_uring";
    // Made by the user that the test has become.
    directory_.emplace();
    setenv("XDG_RUNTIME_DIR", directory_->Path("run").c_str(), 1);
    ASSERT_EQ(mkdir(directory_->Path("run").c_str(), 0700), 0);
  }

  [[nodiscard]] std::string Port(const std::string& name) const {
    return "unix:" + name + ",path=" + directory_->Path(name);
  }

  std::optional<TemporaryDirectory> directory_;
};
INSTANTIATE_TEST_SUITE_P(Io, RootlessTest, testing::Values("uring", "epoll"),
                         [](const auto& test) { return test.param; });

TEST_P(RootlessTest, AnOrdinaryUserRunsASwitchOfVirtualMachines) {
  SwitchProcess tapswitchd({"--io=" + GetParam(), "--name=rootless", Port("vm1"), Port("vm2")});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  EXPECT_EQ(StatusOf(tapswitchd.pid(), "CapPrm"), "0000000000000000");
  EXPECT_EQ(StatusOf(tapswitchd.pid(), "CapEff"), "0000000000000000");
  EXPECT_EQ(tapswitchd.CountInLog("warning"), 0U);

  // Its control socket is the user's own, and tapctl finds it.
  const std::string tapctl = std::string(TAPCTL_PATH) + " -B rootless ";
  EXPECT_EQ(access(directory_->Path("run/tapswitch/rootless.sock").c_str(), F_OK), 0);
  EXPECT_THAT(RunCommand(tapctl + "port show"), AllOf(HasSubstr("vm1"), HasSubstr("vm2")));
  EXPECT_EQ(RunCommand(tapctl + "port add " + Port("vm3")), "");

  StreamPeer first(directory_->Path("vm1"));
  StreamPeer third(directory_->Path("vm3"));
  ASSERT_TRUE(WaitUntil([&] { return tapswitchd.CountInLog("up, connected to process") == 2; }));
  const Bytes frame =
      FrameBuilder(MacAddress::FromNumber(0xFFFFFFFFFFFF), MacAddress::FromNumber(0x02000000A001))
          .Type(EtherType{0x88B5})
          .Text("rootless")
          .Pad(60)
          .Build();
  ASSERT_TRUE(first.Send(frame));
  EXPECT_EQ(third.Receive(), frame);
  tapswitchd.Stop();
}

TEST_P(RootlessTest, AnOrdinaryUserJoinsTwoSwitches) {
  const std::string io = "--io=" + GetParam();
  SwitchProcess second({io, "--name=second", Port("vm2"), "link:trunk,to=first"});
  ASSERT_TRUE(second.WaitUntilReady()) << second.log();
  SwitchProcess first({io, "--name=first", Port("vm1"), "link:trunk"});
  ASSERT_TRUE(first.WaitUntilReady()) << first.log();
  EXPECT_EQ(first.CountInLog("warning"), 0U);
  ASSERT_TRUE(second.WaitForLog("port trunk: up, linked with switch first port trunk"));

  const StreamPeer near(directory_->Path("vm1"));
  StreamPeer far(directory_->Path("vm2"));
  ASSERT_TRUE(first.WaitForLog("up, connected to process"));
  ASSERT_TRUE(second.WaitForLog("up, connected to process"));
  const Bytes frame =
      FrameBuilder(MacAddress::FromNumber(0xFFFFFFFFFFFF), MacAddress::FromNumber(0x02000000A001))
          .Type(EtherType{0x88B5})
          .Text("joined")
          .Pad(60)
          .Build();
  ASSERT_TRUE(near.Send(frame));
  EXPECT_EQ(far.Receive(), frame);
}

TEST_P(RootlessTest, ATapIsRefusedWithTheReason) {
  SwitchProcess tapswitchd({"--io=" + GetParam(), "--name=rootless", "rootless0"});
  EXPECT_EQ(tapswitchd.WaitForExit(), 1);
  EXPECT_THAT(tapswitchd.log(), HasSubstr("rootless0"));
}

TEST_P(RootlessTest, WithoutADirectoryOfTheUsersOwnItSaysWhatToDo) {
  unsetenv("XDG_RUNTIME_DIR");
  SwitchProcess tapswitchd({"--io=" + GetParam(), "--name=rootless", Port("vm1")});
  EXPECT_EQ(tapswitchd.WaitForExit(), 1);
  EXPECT_THAT(tapswitchd.log(), AllOf(HasSubstr("/run/tapswitch"), HasSubstr("--control_socket"),
                                      HasSubstr("XDG_RUNTIME_DIR")));

  const std::string socket = directory_->Path("control.sock");
  SwitchProcess second({"--io=" + GetParam(), "--control_socket=" + socket, Port("vm1")});
  ASSERT_TRUE(second.WaitUntilReady()) << second.log();
  EXPECT_THAT(RunCommand(std::string(TAPCTL_PATH) + " -B " + socket + " port show"),
              HasSubstr("vm1"));
}

}  // namespace
}  // namespace tapswitch::rootless_test
