// What the switch says to a command line that it cannot follow, and that it does nothing then.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"

namespace tapswitch::command_line_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class CommandLineTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
  }

  // Names and settings of all interfaces there are.
  [[nodiscard]] std::string Interfaces() const {
    return sandbox_->Run("ip -oneline link show; ip -all netns exec ip -oneline link show");
  }

  std::optional<NetnsSandbox> sandbox_;
};

// ----- refusals ----------------------------------------------------------------------------------

struct Refusal {
  std::string name;
  std::vector<std::string> arguments;
  std::string bad_value;  // as named in the message
  std::string cure;       // part of what it says to do

  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }
};

class RefusalTest : public CommandLineTest, public testing::WithParamInterface<Refusal> {};

// Each is tried in a sandbox with a tun device "layer3", a namespace "h1", and a TAP "held" that
// somebody else holds.
const std::vector<Refusal>& Refusals() {
  static const std::vector<Refusal> kRefusals{
      {"unknown_flag", {"--frobnicate"}, "frobnicate", "--help"},
      {"unknown_io", {"--io=magic"}, "magic", "auto, uring or epoll"},
      {"unknown_log_level", {"--log_level=loud"}, "loud", "debug, info, warn, error"},
      {"duration_without_unit", {"--ageing_time=300"}, "'300'", "300s"},
      {"no_room_for_addresses", {"--fdb_max=0"}, "--fdb_max=0", "1 to"},
      {"fdb_max_is_no_number", {"--fdb_max=many"}, "--fdb_max=many", "a number"},
      {"bad_bridge_name", {"--name=a/b"}, "a/b", "no '/'"},
      {"metrics_without_port", {"--metrics_listen=127.0.0.1"}, "127.0.0.1", ":9100"},
      {"unknown_control_group", {"--control_group=no-such-group"}, "no-such-group", "that exists"},
      {"unknown_user_to_become", {"--user=no-such-user"}, "no-such-user", "that exists"},
      {"bridge_that_runs", {"--name=holder", "vnet0"}, "holder", "another name"},
      {"unknown_type", {"wormhole:vnet0"}, "wormhole", "tap:vnet0"},
      {"empty_type", {":vnet0"}, ":vnet0", "TYPE:NAME"},
      {"unknown_key", {"vnet0,speed=11"}, "'speed'", "netns, mtu"},
      {"key_twice", {"vnet0,mtu=1500,mtu=9000"}, "'mtu'", "once"},
      {"empty_option", {"vnet0,"}, "empty option", "remove the ','"},
      {"mtu_too_small", {"vnet0,mtu=67"}, "mtu=67", "68 to 65521"},
      {"mtu_too_large", {"vnet0,mtu=65522"}, "mtu=65522", "68 to 65521"},
      {"mtu_is_no_number", {"vnet0,mtu=9k"}, "mtu=9k", "a number"},
      {"txqueuelen_zero", {"vnet0,txqueuelen=0"}, "txqueuelen=0", "a number from 1"},
      {"unknown_user", {"vnet0,user=nobody-of-that-name"}, "nobody-of-that-name", "that exists"},
      {"unknown_group", {"vnet0,group=no-such-group"}, "no-such-group", "that exists"},
      {"offload_neither_on_nor_off", {"vnet0,offload=yes"}, "offload=yes", "on or off"},
      {"up_neither_on_nor_off", {"vnet0,up=maybe"}, "up=maybe", "on or off"},
      {"persist_neither_on_nor_off", {"vnet0,persist=long"}, "persist=long", "on or off"},
      {"no_queue", {"vnet0,queues=0"}, "queues=0", "from 1 to 256"},
      {"netns_without_name", {"vnet0,netns"}, "netns", "netns=VALUE"},
      {"port_twice", {"vnet0", "vnet0,mtu=9000"}, "vnet0", "once"},
      {"name_too_long", {"sixteen-letters-"}, "'sixteen-letters-'", "15"},
      {"name_with_slash", {"a/b"}, "a/b", "leave out"},
      {"empty_name", {""}, "empty", "1 to 15"},
      {"unknown_namespace", {"vnet0,netns=nowhere"}, "'nowhere'", "ip netns add nowhere"},
      {"no_namespace_path", {"vnet0,netns=/dev/null"}, "/dev/null", "/proc/PID/ns/net"},
      {"interface_that_is_no_tap", {"lo"}, "'lo'", "choose another name"},
      {"tun_device", {"layer3"}, "'layer3'", "ip tuntap add dev layer3 mode tap"},
      {"tap_of_somebody_else", {"held"}, "'held'", "choose another name"},
      {"second_port", {"vnet0", "vnet1,netns=h1", "layer3"}, "'layer3'", "mode tap"},
  };
  return kRefusals;
}

INSTANTIATE_TEST_SUITE_P(All, RefusalTest, testing::ValuesIn(Refusals()),
                         [](const auto& refusal) { return refusal.param.name; });

TEST_P(RefusalTest, IsOneLineThatNamesTheBadValueAndTheCureAndLeavesNothing) {
  sandbox_->AddNetns("h1");
  sandbox_->Run("ip tuntap add dev layer3 mode tun");
  SwitchProcess holder({"--name=holder", "--log_level=off", "held"});
  ASSERT_TRUE(holder.WaitUntilReady()) << holder.log();
  const std::string before = Interfaces();

  SwitchProcess tapswitchd(GetParam().arguments);

  EXPECT_EQ(tapswitchd.WaitForExit(), 1);
  EXPECT_EQ(tapswitchd.CountInLog(""), 1U) << tapswitchd.log();
  EXPECT_THAT(tapswitchd.log(), HasSubstr(GetParam().bad_value));
  EXPECT_THAT(tapswitchd.log(), HasSubstr(GetParam().cure));
  EXPECT_THAT(tapswitchd.output(), IsEmpty());
  EXPECT_EQ(Interfaces(), before);
}

// ----- flags that only tell ----------------------------------------------------------------------

TEST_F(CommandLineTest, CheckValidatesAndMakesNothing) {
  const std::string before = Interfaces();
  SwitchProcess good({"--check", "vnet0,mtu=9000", "vnet1,netns=not-yet-made,user=root"});
  EXPECT_EQ(good.WaitForExit(), 0) << good.log();
  EXPECT_THAT(good.log(), IsEmpty());

  SwitchProcess bad({"--check", "vnet0", "vnet1,mtu=9k"});
  EXPECT_EQ(bad.WaitForExit(), 1);
  EXPECT_THAT(bad.log(), HasSubstr("mtu=9k"));
  EXPECT_EQ(Interfaces(), before);
}

TEST_F(CommandLineTest, HelpTellsHowToUseItAndDoesNothing) {
  const std::string before = Interfaces();
  SwitchProcess help({"--help", "vnet0"});
  EXPECT_EQ(help.WaitForExit(), 0);
  EXPECT_THAT(help.log(), IsEmpty());
  EXPECT_THAT(help.output(), HasSubstr("Usage: tapswitchd [FLAG]... [PORT]..."));
  for (const char* const flag : {"--name=", "--io=", "--ageing_time=", "--fdb_max=", "--check="}) {
    EXPECT_THAT(help.output(), HasSubstr(flag));
  }
  EXPECT_THAT(help.output(), Not(HasSubstr("--tab_completion_word"))) << "a flag of gflags' own";
  EXPECT_EQ(Interfaces(), before);
}

TEST_F(CommandLineTest, VersionIsOneLine) {
  SwitchProcess version({"--version"});
  EXPECT_EQ(version.WaitForExit(), 0);
  EXPECT_THAT(version.output(), testing::MatchesRegex("tapswitchd [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace tapswitch::command_line_test
