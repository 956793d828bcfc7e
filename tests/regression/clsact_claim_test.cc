// Who keeps the host out of an interface is said by a lock that others cannot take. Before, it was
// an abstract name in the network namespace: any user there could bind it, and the host's stack
// went on answering, or the filter of a killed switch stayed for ever.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "tests/support/control_client.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/wait_until.h"

namespace tapswitch::clsact_claim_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uid_t kOther = 65534;

// A process of another user, in the network namespace, that binds an abstract name.
class NameHolder {
 public:
  explicit NameHolder(const std::string& name) {
    std::array<int, 2> ready{};
    EXPECT_EQ(pipe(ready.data()), 0);
    child_ = fork();
    if (child_ == 0) Run(name, ready[1]);
    close(ready[1]);
    char bound = 0;
    EXPECT_EQ(read(ready[0], &bound, 1), 1);
    EXPECT_EQ(bound, 'y');
    close(ready[0]);
  }
  ~NameHolder() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  NameHolder(const NameHolder&) = delete;
  NameHolder& operator=(const NameHolder&) = delete;

 private:
  [[noreturn]] static void Run(const std::string& name, int ready) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    const bool bound = setresuid(kOther, kOther, kOther) == 0 &&
                       bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
    static_cast<void>(write(ready, bound ? "y" : "n", 1) == 1);
    for (;;) pause();
  }

  pid_t child_ = -1;
};

class ClsactClaimTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    sandbox_->Run("ip link add vnet1 up type veth peer name far && ip link set far up");
    holder_.emplace(fmt::format("tapswitch.clsact.{}", if_nametoindex("vnet1")));
  }

  [[nodiscard]] std::string Filters() const {
    return sandbox_->Run("tc filter show dev vnet1 ingress");
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<NameHolder> holder_;
};

TEST_F(ClsactClaimTest, TheHostIsKeptOutWhoeverHasTheName) {
  const SwitchProcess tapswitchd({"netdev:vnet1"}, {"setpriv", "--bounding-set=-bpf,-sys_admin"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  EXPECT_THAT(Filters(), HasSubstr("bpf"));
  EXPECT_THAT(tapswitchd.log(), Not(HasSubstr("already")));
}

TEST_F(ClsactClaimTest, TheFilterOfAKilledSwitchIsRemoved) {
  SwitchProcess killed({"netdev:vnet1", "--host_lease=0s"},
                       {"setpriv", "--bounding-set=-bpf,-sys_admin"});
  ASSERT_TRUE(killed.WaitUntilReady()) << killed.log();
  killed.Kill();
  EXPECT_THAT(Filters(), HasSubstr("bpf"));
  const SwitchProcess next({});
  ASSERT_TRUE(next.WaitUntilReady()) << next.log();
  EXPECT_THAT(Filters(), Not(HasSubstr("bpf")));
}

TEST_F(ClsactClaimTest, PortsThatComeAfterPrivilegesWereGivenUpAreClaimed) {
  // With programs that were loaded at the start no filter is needed.
  const SwitchProcess tapswitchd({"--user=nobody", "--kernel_forwarding=off"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  ControlClient().Call("port.add", {{"port", "netdev:vnet1"}});
  EXPECT_THAT(Filters(), HasSubstr("bpf"));
  EXPECT_THAT(tapswitchd.log(), Not(HasSubstr("already")));
  SwitchProcess second({"--name=br1", "netdev:vnet1"},
                       {"setpriv", "--bounding-set=-bpf,-sys_admin"});
  EXPECT_EQ(second.WaitForExit(), 1);
  EXPECT_THAT(second.log(), HasSubstr("in use by another switch"));
  EXPECT_THAT(Filters(), HasSubstr("bpf"));
}

}  // namespace
}  // namespace tapswitch::clsact_claim_test
