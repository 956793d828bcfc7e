// Members of the control group run the switch, but are not root. Before, they had it make files and
// sockets anywhere, give them to anybody, open any file as a namespace, and make interfaces of the
// machine's; and one of them could take all places for clients.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "tests/support/control_client.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::control_client_rights_test {
namespace {

using testing::HasSubstr;

constexpr gid_t kOther = 65534;
constexpr const char* kAsOther = "setpriv --reuid=65534 --regid=65534 --clear-groups ";

class ControlClientRightsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    const group* const others = getgrgid(kOther);
    if (others == nullptr) GTEST_SKIP() << "needs a group 65534";
    group_ = std::string("--control_group=") + others->gr_name;
    sandbox_.emplace();
  }

  [[nodiscard]] NetnsSandbox::Result AddAsOther(const std::string& port) const {
    return sandbox_->TryRun(std::string(kAsOther) + TAPCTL_PATH + " port add " + port);
  }
  void ExpectRefused(const std::string& port, const std::string& key) const {
    const auto refused = AddAsOther(port);
    EXPECT_NE(refused.status, 0) << port;
    EXPECT_THAT(refused.output, HasSubstr(key + "=")) << port;
    EXPECT_THAT(refused.output, HasSubstr("have root add the port")) << port;
  }

  std::string group_;
  std::optional<NetnsSandbox> sandbox_;
  TemporaryDirectory directory_;
};

TEST_F(ControlClientRightsTest, TheyNameNoFilesOwnersOrNamespaces) {
  const SwitchProcess tapswitchd({group_});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  const std::string path = directory_.Path("x.sock");
  ExpectRefused("unix:x,path=" + path, "path");
  ExpectRefused("unix:x,path=" + path + ",perm=0666,user=65534", "path");
  EXPECT_FALSE(std::filesystem::exists(path));
  ExpectRefused("x,user=65534", "user");
  ExpectRefused("x,persist", "persist");
  ExpectRefused("x,netns=/proc/1/ns/net", "netns");
  EXPECT_TRUE(ControlClient().Call("port.list").empty());
}

TEST_F(ControlClientRightsTest, TheyDoWhatIsTheSwitchsOwnBusiness) {
  const SwitchProcess tapswitchd({group_});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  EXPECT_EQ(AddAsOther("vnet0,mtu=1400").output, "");
  EXPECT_EQ(AddAsOther("unix:x,path=/run/tapswitch/x.sock,perm=0660,group=65534").output, "");
  EXPECT_TRUE(std::filesystem::exists("/run/tapswitch/x.sock"));
  EXPECT_EQ(ControlClient().Call("port.list").size(), 2U);
}

TEST_F(ControlClientRightsTest, RootNamesWhatItLikes) {
  const SwitchProcess tapswitchd({group_});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  const std::string path = directory_.Path("x.sock");
  ControlClient().Call("port.add", {{"port", "unix:x,path=" + path + ",perm=0666"}});
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ControlClientRightsTest, TheyMakeNoInterfacesOfTheMachine) {
  const SwitchProcess tapswitchd({group_});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  for (const char* const command :
       {"evpn add vni 77 dev vxlan77 local 127.0.0.1", "evpn del vni 77"}) {
    const auto refused = sandbox_->TryRun(std::string(kAsOther) + TAPCTL_PATH + " " + command);
    EXPECT_NE(refused.status, 0) << command;
    EXPECT_THAT(refused.output, HasSubstr("only root and the user who started the switch"));
  }
  EXPECT_NE(sandbox_->TryRun("ip link show dev vxlan77").status, 0);
}

// Connections of one member, of which none asks for anything.
class IdleMember {
 public:
  IdleMember(const std::string& path, int connections) {
    int ends[2];  // NOLINT(*-avoid-c-arrays): pipe takes one
    EXPECT_EQ(pipe2(static_cast<int*>(ends), O_CLOEXEC), 0);
    const FileDescriptor told(ends[0]);
    const FileDescriptor tells(ends[1]);
    child_ = fork();
    if (child_ == 0) Run(path, connections, tells.get());
    char byte = 0;
    EXPECT_EQ(read(told.get(), &byte, 1), 1);
  }
  ~IdleMember() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  IdleMember(const IdleMember&) = delete;
  IdleMember& operator=(const IdleMember&) = delete;

 private:
  [[noreturn]] static void Run(const std::string& path, int connections, int tells) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setgroups(0, nullptr) != 0 || setresgid(kOther, kOther, kOther) != 0 ||
        setresuid(kOther, kOther, kOther) != 0) {
      _exit(1);
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    for (int i = 0; i < connections; ++i) {
      const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) _exit(1);
    }
    static_cast<void>(write(tells, "", 1));
    for (;;) pause();
  }

  pid_t child_ = -1;
};

TEST_F(ControlClientRightsTest, TheyDoNotKeepRootOut) {
  const SwitchProcess tapswitchd({group_});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  const IdleMember member("/run/tapswitch/br0.sock", 300);
  const auto shown = sandbox_->TryRun(std::string(TAPCTL_PATH) + " bridge show");
  EXPECT_EQ(shown.status, 0) << shown.output;
}

TEST_F(ControlClientRightsTest, TheUserThatTheSwitchBecameIsNotWhoStartedIt) {
  const SwitchProcess tapswitchd({group_, "--user=nobody"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  ExpectRefused("x,user=65534", "user");
}

}  // namespace
}  // namespace tapswitch::control_client_rights_test
