// What a process that gave up its privileges can still do, and what it cannot.

#include "switch/process/privileges.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

#include "ports/os/file_descriptor.h"
#include "tests/support/netns_sandbox.h"

namespace tapswitch::privileges_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Exit status of a child process that runs `check`: 0 when it says true.
int RunInChild(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) {
    // _exit: the child must not run the exit handlers of the test program.
    _exit(check() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool Expect(bool condition, std::string_view what) {
  if (!condition) std::cerr << "in the child: not so: " << what << '\n';
  return condition;
}

// The value of a line of /proc/thread-self/status.
std::string StatusLine(const std::string& key) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return "missing";
}

bool HasStatus(const std::string& key, const std::string& value) {
  const std::string found = StatusLine(key);
  return Expect(found == value, key + ": is '" + found + "', should be '" + value + "'");
}

// CAP_NET_BROADCAST is bit 11, CAP_NET_ADMIN bit 12, CAP_NET_RAW bit 13.
constexpr const char* kCapabilities = "0000000000003800";
constexpr const char* kNone = "0000000000000000";

bool ThreadIsLimited(const UserAccount& user) {
  const std::string uid = std::to_string(user.uid);
  const std::string gid = std::to_string(user.gid);
  return HasStatus("Uid", uid + "\t" + uid + "\t" + uid + "\t" + uid) &&
         HasStatus("Gid", gid + "\t" + gid + "\t" + gid + "\t" + gid) &&
         HasStatus("CapEff", kCapabilities) && HasStatus("CapPrm", kCapabilities) &&
         HasStatus("CapInh", kNone) && HasStatus("CapBnd", kCapabilities) &&
         HasStatus("CapAmb", kNone) && HasStatus("NoNewPrivs", "1");
}

// Opened as root: who may open it is up to the machine (udev lets everybody).
FileDescriptor OpenTun() { return FileDescriptor(open("/dev/net/tun", O_RDWR | O_CLOEXEC)); }

// Needs CAP_NET_ADMIN.
bool CanMakeTap(const FileDescriptor& tap, const char* name) {
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return Expect(tap.valid() && ioctl(tap.get(), TUNSETIFF, &request) == 0, "a TAP can be made");
}

bool CannotComeBack() {
  return Expect(setresuid(0, 0, 0) != 0, "root is out of reach") &&
         Expect(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0, "/etc/shadow is out of reach") &&
         Expect(unshare(CLONE_NEWNET) != 0, "namespaces are out of reach");
}

bool Limited(const absl::Status& status) { return Expect(status.ok(), status.ToString()); }

class PrivilegesTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
  }

  UserAccount nobody_ = FindUser("nobody").value();
  std::optional<NetnsSandbox> sandbox_;
};

TEST_F(PrivilegesTest, EveryThreadKeepsThreeCapabilitiesAndNoWayBack) {
  EXPECT_EQ(RunInChild([this] {
              const FileDescriptor tun = OpenTun();
              const FileDescriptor other_tun = OpenTun();
              std::barrier step(2);
              bool other_is_limited = false;
              std::thread other([&] {
                const bool kept = KeepCapabilities().ok();
                step.arrive_and_wait();
                step.arrive_and_wait();  // the main thread changes the user
                other_is_limited = kept && Limited(LimitCapabilities()) &&
                                   ThreadIsLimited(nobody_) && CanMakeTap(other_tun, "other") &&
                                   CannotComeBack();
              });
              const bool kept = KeepCapabilities().ok();
              step.arrive_and_wait();
              const bool changed = Limited(ChangeUser(nobody_));
              step.arrive_and_wait();
              other.join();
              return Expect(kept && changed, "the user has changed") && other_is_limited &&
                     Limited(LimitCapabilities()) && ThreadIsLimited(nobody_) &&
                     CanMakeTap(tun, "main") && CannotComeBack();
            }),
            0);
}

TEST_F(PrivilegesTest, AThreadStartedLaterIsLimitedToo) {
  EXPECT_EQ(RunInChild([this] {
              bool limited = Limited(KeepCapabilities()) && Limited(ChangeUser(nobody_)) &&
                             Limited(LimitCapabilities());
              std::thread([&] { limited = limited && ThreadIsLimited(nobody_); }).join();
              return limited;
            }),
            0);
}

// As a service manager starts it: with fewer capabilities, and without the one to change users.
TEST_F(PrivilegesTest, AProcessWithFewerCapabilitiesKeepsThoseOfThem) {
  EXPECT_EQ(RunInChild([] {
              cap_t few = cap_from_text("cap_net_admin,cap_sys_chroot=ep");
              const bool set = cap_set_proc(few) == 0;
              cap_free(few);
              return Expect(set, "capabilities are set") && Limited(LimitCapabilities()) &&
                     HasStatus("CapEff", "0000000000001000") && HasStatus("NoNewPrivs", "1");
            }),
            0);
}

// A program that the switch hands over to.
TEST_F(PrivilegesTest, AProgramHasTheCapabilitiesWhereItIsToHaveThem) {
  EXPECT_EQ(RunInChild([this] {
              const bool limited = Limited(KeepCapabilities()) && Limited(ChangeUser(nobody_)) &&
                                   Limited(LimitCapabilities());
              const auto program_has = [](const char* capabilities) {
                const std::string command =
                    std::string("grep -q 'CapEff:.") + capabilities + "' /proc/self/status";
                return std::system(command.c_str()) == 0;
              };
              const bool had_none = program_has(kNone);
              bool has_them = false;
              const absl::Status started = WithRightsForPrograms([&] {
                has_them = program_has(kCapabilities);
                return absl::OkStatus();
              });
              return limited && Limited(started) && Expect(had_none, "others have none") &&
                     Expect(has_them, "it has those of the switch") &&
                     Expect(program_has(kNone), "later ones have none") && ThreadIsLimited(nobody_);
            }),
            0);
}

TEST_F(PrivilegesTest, SaysSoWhenTheUserCannotBeChanged) {
  EXPECT_EQ(RunInChild([this] {
              cap_t none = cap_init();
              const bool set = cap_set_proc(none) == 0;
              cap_free(none);
              const std::string message(ChangeUser(nobody_).message());
              return Expect(
                  set && message.find("--user=nobody: cannot become that user: Operation not "
                                      "permitted; start as root") == 0,
                  "the message is good: " + message);
            }),
            0);
}

// ----- users -------------------------------------------------------------------------------------

TEST(FindUserTest, FindsByNameAndByNumber) {
  const auto by_name = FindUser("nobody");
  ASSERT_TRUE(by_name.has_value());
  EXPECT_NE(by_name->uid, 0U);
  const auto by_number = FindUser(std::to_string(by_name->uid));
  ASSERT_TRUE(by_number.has_value());
  EXPECT_EQ(by_number->name, "nobody");
  EXPECT_EQ(by_number->gid, by_name->gid);
}

TEST(FindUserTest, FindsNobodyWhoIsNotThere) {
  for (const char* const text :
       {"", "no-such-user", "-1", "4294967295", "nobody ", "99999999999"}) {
    EXPECT_FALSE(FindUser(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tapswitch::privileges_test
