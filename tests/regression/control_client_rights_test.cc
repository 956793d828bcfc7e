// Members of the control group run the switch, but are not root. Before, they had it make files and
// sockets anywhere, give them to anybody, and open any file as a namespace.

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

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

TEST_F(ControlClientRightsTest, TheUserThatTheSwitchBecameIsNotWhoStartedIt) {
  const SwitchProcess tapswitchd({group_, "--user=nobody"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  ExpectRefused("x,user=65534", "user");
}

}  // namespace
}  // namespace tapswitch::control_client_rights_test
