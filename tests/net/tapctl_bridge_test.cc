// tapctl and bridge(8) say the same of the same: a switch and a kernel bridge with ports of the
// same names, the same entries and the same flags.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/wait_until.h"

namespace tapswitch::tapctl_bridge_test {
namespace {

using nlohmann::json;

constexpr std::array kPorts{"vnet1", "vnet2", "vnet3"};

// A TAP in the current namespace, with the carrier that a held one has.
FileDescriptor HoldTap(const std::string& name) {
  FileDescriptor tap(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  if (ioctl(tap.get(), TUNSETIFF, &request) != 0) {
    throw std::system_error(errno, std::generic_category(), name);
  }
  return tap;
}

// Of its addresses only these were set by hand; the others are the interfaces' own.
bool IsOfTheTest(const std::string& mac) { return mac.starts_with("02:00:00:00:00:"); }

json WithoutOthers(const json& entries) {
  json kept = json::array();
  for (const json& entry : entries) {
    if (IsOfTheTest(entry.value("mac", ""))) kept.push_back(entry);
  }
  std::sort(kept.begin(), kept.end(),
            [](const json& a, const json& b) { return a["mac"] < b["mac"]; });
  return kept;
}

// Lines of the test's entries, each as its words.
std::set<std::vector<std::string>> WordsOfEntries(const std::string& text) {
  std::set<std::vector<std::string>> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!IsOfTheTest(line)) continue;
    std::istringstream words(line);
    lines.insert({std::istream_iterator<std::string>(words), {}});
  }
  return lines;
}

// A layout: numbers that are each one's own replaced, spaces as they are.
std::string WithoutIndexes(const std::string& text) {
  std::string out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const bool has_index = !line.empty() && line.front() != ' ';
    out += (has_index ? line.substr(line.find(':')) : line) + "\n";
  }
  return out;
}

class TapctlBridgeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    if (sandbox_->TryRun("ip link add probe type bridge && ip link del probe").status != 0) {
      GTEST_SKIP() << "needs the kernel's bridge";
    }
    MakeKernelBridge();
    switch_.emplace(std::vector<std::string>(kPorts.begin(), kPorts.end()));
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
    ASSERT_TRUE(WaitUntil([&] {
      const json links = json::parse(Kernel("-j link show"), nullptr, false);
      return links.is_array() && links.size() == kPorts.size() &&
             std::all_of(links.begin(), links.end(),
                         [](const json& link) { return link["state"] == "forwarding"; });
    }));
    // The kernel derives costs from speeds.
    for (const char* name : kPorts) Both(std::string("link set dev ") + name + " cost 9");
  }

  void MakeKernelBridge() {
    sandbox_->AddNetns("kernel");
    const NetworkNamespace netns = NetworkNamespace::Open("kernel").value();
    const NetnsScope scope = NetnsScope::Enter(netns).value();
    sandbox_->Run("ip link add br0 type bridge && ip link set br0 up");
    for (const char* name : kPorts) {
      taps_.push_back(HoldTap(name));
      sandbox_->Run(std::string("ip link set ") + name + " master br0 up");
    }
  }

  [[nodiscard]] NetnsSandbox::Result TryKernel(const std::string& words) const {
    return sandbox_->TryRun("ip netns exec kernel bridge " + words);
  }
  [[nodiscard]] NetnsSandbox::Result TryTapctl(const std::string& words) const {
    return sandbox_->TryRun(TAPCTL_PATH " " + words);
  }
  [[nodiscard]] std::string Kernel(const std::string& words) const {
    const auto result = TryKernel(words);
    EXPECT_EQ(result.status, 0) << words << ": " << result.output;
    return result.output;
  }
  [[nodiscard]] std::string Tapctl(const std::string& words) const {
    const auto result = TryTapctl(words);
    EXPECT_EQ(result.status, 0) << words << ": " << result.output;
    return result.output;
  }
  void Both(const std::string& words) const {
    EXPECT_EQ(Kernel(words), "");
    EXPECT_EQ(Tapctl(words), "");
  }

  // One of each kind.
  void AddEntries() const {
    Both("fdb add 02:00:00:00:00:01 dev vnet1 master static");
    Both("fdb add 02:00:00:00:00:02 dev vnet2 master");
    Both("fdb add 02:00:00:00:00:03 dev vnet2 master permanent");
    Both("fdb add 02:00:00:00:00:04 dev vnet1 master static sticky");
    Both("fdb add 02:00:00:00:00:05 dev vnet3 master dynamic");
    Both("fdb add 02:00:00:00:00:06 dev vnet3 master extern_learn");
    Both("fdb add 02:00:00:00:00:07 dev vnet1 master temp");
    Both("fdb add 02:00:00:00:00:08 dev vnet1 local master");
    Both("fdb replace 02:00:00:00:00:01 dev vnet3 master static");
    Both("fdb add 02:00:00:00:00:0a dev vnet1 master static");
    Both("fdb del 02:00:00:00:00:0a dev vnet1 master");
  }

  // The same keys, JSON types and values, but for the values of ages.
  void ExpectSameEntries(const std::string& words, size_t count) const {
    SCOPED_TRACE(words);
    const json kernel = WithoutOthers(json::parse(Kernel(words)));
    const json ours = WithoutOthers(json::parse(Tapctl(words)));
    EXPECT_EQ(kernel.size(), count) << kernel;
    ASSERT_EQ(ours.size(), count) << ours;
    for (size_t i = 0; i < count; ++i) {
      json expected = kernel[i];
      json actual = ours[i];
      for (const char* age : {"used", "updated"}) {
        ASSERT_EQ(actual.contains(age), expected.contains(age)) << actual;
        if (!expected.contains(age)) continue;
        EXPECT_EQ(actual[age].type(), expected[age].type()) << age;
        expected.erase(age);
        actual.erase(age);
      }
      EXPECT_EQ(actual, expected);
    }
  }

  // What bridge(8) says of a link, tapctl says, too; it may say more.
  void ExpectSameLinks(const std::string& words) const {
    SCOPED_TRACE(words);
    const json kernel = json::parse(Kernel(words));
    const json ours = json::parse(Tapctl(words));
    ASSERT_EQ(ours.size(), kernel.size());
    for (size_t i = 0; i < kernel.size(); ++i) {
      for (const auto& [key, expected] : kernel[i].items()) {
        ASSERT_TRUE(ours[i].contains(key)) << key;
        const json& actual = ours[i][key];
        EXPECT_EQ(actual.type(), expected.type()) << key;
        if (key == "ifindex") continue;
        if (key == "flags") {
          EXPECT_EQ(actual.get<std::set<std::string>>(), expected.get<std::set<std::string>>());
        } else {
          EXPECT_EQ(actual, expected) << key;
        }
      }
    }
  }

  std::optional<NetnsSandbox> sandbox_;
  std::vector<FileDescriptor> taps_;
  std::optional<SwitchProcess> switch_;
};

TEST_F(TapctlBridgeTest, EntriesAreTheSameInJson) {
  AddEntries();
  ExpectSameEntries("-j fdb show", 8);
  ExpectSameEntries("-j -d fdb show", 8);
  ExpectSameEntries("-j -s fdb show", 8);
  ExpectSameEntries("-j -s -d fdb show", 8);
  ExpectSameEntries("-j fdb show br br0", 8);
  ExpectSameEntries("-j fdb show dev vnet1", 3);
  ExpectSameEntries("-j -s fdb show brport vnet3", 3);
  ExpectSameEntries("-j fdb show state static", 3);
  ExpectSameEntries("-j fdb show dev vnet1 state permanent", 1);
  ExpectSameEntries("-p -j fdb show", 8);
}

TEST_F(TapctlBridgeTest, AnEntryIsTheSameInJson) {
  AddEntries();
  for (const char* number : {"1", "2", "4", "5", "6"}) {
    const std::string words = std::string("fdb get 02:00:00:00:00:0") + number + " br br0";
    ExpectSameEntries("-j " + words, 1);
    ExpectSameEntries("-j -s " + words, 1);
    ExpectSameEntries("-j -d " + words, 1);
  }
}

TEST_F(TapctlBridgeTest, EntriesAreTheSameWordByWord) {
  AddEntries();
  for (const std::string words :
       {"fdb show", "fdb", "fdb list", "fdb show dev vnet1", "fdb show dev vnet3 state static",
        "-d fdb show", "fdb get 02:00:00:00:00:04 br br0", "fdb get 02:00:00:00:00:05 br br0"}) {
    const auto kernel = WordsOfEntries(Kernel(words));
    EXPECT_FALSE(kernel.empty()) << words;
    EXPECT_EQ(WordsOfEntries(Tapctl(words)), kernel) << words;
  }
}

TEST_F(TapctlBridgeTest, LinksAreTheSameInJson) {
  const auto same = [&] {
    for (const std::string words :
         {"-j link show", "-j -d link show", "-j -s link show", "-j -d link show dev vnet2"}) {
      ExpectSameLinks(words);
    }
  };
  same();
  for (const std::string flag :
       {"learning", "flood", "mcast_flood", "bcast_flood", "hairpin", "isolated", "locked"}) {
    for (const std::string value : {"on", "off"}) {
      Both("link set dev vnet2 " + flag + " " + value);
      same();
    }
  }
  Both("link set dev vnet1 cost 77 priority 5");
  same();
}

// The kernel soon sets a state of its own again; the switch keeps the one set by hand.
TEST_F(TapctlBridgeTest, StatesAreCalledTheSame) {
  for (const std::string state : {"0", "1", "2", "4", "3", "blocking"}) {
    Both("link set dev vnet3 state " + state);
    const json kernel = json::parse(Kernel("-j link show dev vnet3")).at(0)["state"];
    const json ours = json::parse(Tapctl("-j link show dev vnet3")).at(0)["state"];
    EXPECT_TRUE(kernel == ours || kernel == "forwarding") << kernel << ours;
    EXPECT_TRUE(ours.is_string());
  }
}

TEST_F(TapctlBridgeTest, FlushingLeavesTheSame) {
  AddEntries();
  size_t left = 8;
  const auto flush = [&](const std::string& words, size_t removed) {
    Both("fdb flush dev " + words);
    left -= removed;
    ExpectSameEntries("-j fdb show", left);
  };
  flush("vnet1 master sticky", 1);
  flush("vnet3 master nosticky static", 1);
  flush("vnet2 master dynamic", 0);
  flush("vnet2 master nopermanent", 0);
  flush("vnet3 master extern_learn", 1);
  flush("vnet1 master", 2);
}

TEST_F(TapctlBridgeTest, LinksAreTheSameInText) {
  Both("link set dev vnet1 isolated on learning off hairpin on cost 5 priority 3");
  Both("link set dev vnet2 flood off mcast_flood off bcast_flood off");
  EXPECT_EQ(WithoutIndexes(Tapctl("link show")), WithoutIndexes(Kernel("link show")));
  EXPECT_EQ(WithoutIndexes(Tapctl("link show dev vnet2")),
            WithoutIndexes(Kernel("link show dev vnet2")));
  // A newer bridge(8) says more of each port: compared is what this one says.
  std::istringstream kernel(WithoutIndexes(Kernel("-d link show")));
  std::istringstream ours(WithoutIndexes(Tapctl("-d link show")));
  for (std::string expected, actual; std::getline(kernel, expected);) {
    ASSERT_TRUE(std::getline(ours, actual));
    EXPECT_TRUE(actual.starts_with(expected)) << actual << '\n' << expected;
  }
}

TEST_F(TapctlBridgeTest, TheSameCommandsFail) {
  AddEntries();
  struct Case {
    const char* words;
    int status;  // of tapctl
  };
  constexpr Case kCases[] = {
      {"fdb add 02:00:00:00:00:11 dev vnet1 master static", 0},
      {"fdb add 02:00:00:00:00:11 dev vnet1 master static", 2},
      {"fdb add 02:00:00:00:00:11 dev vnet2 master static", 2},
      {"fdb replace 02:00:00:00:00:11 dev vnet2 master static", 0},
      {"fdb replace 02:00:00:00:00:12 dev vnet2 master static", 0},
      {"fdb append 02:00:00:00:00:13 dev vnet2 master static", 0},
      {"fdb del 02:00:00:00:00:11 dev vnet1 master", 2},
      {"fdb del 02:00:00:00:00:11 dev vnet2 master", 0},
      {"fdb del 02:00:00:00:00:11 dev vnet2 master", 2},
      {"fdb add 02:00:00:00:00:14 dev vnet1 master permanent sticky", 2},
      {"fdb add 00:00:00:00:00:00 dev vnet1 master static", 2},
      {"fdb add 02:00:00:00:00:14 dev nope master", 2},
      {"fdb add 02:00:00:00:00:14 master", 1},
      {"fdb add 02:00:00:00:00 dev vnet1 master", 1},
      {"fdb add dev vnet1 master", 1},
      {"fdb add 02:00:00:00:00:14 dev vnet1 master flying", 1},
      {"fdb get 02:00:00:00:00:01 br br0", 0},
      {"fdb get 02:00:00:00:00:99 br br0", 2},
      {"fdb get br br0", 1},
      {"fdb show dev nope", 2},
      {"fdb fly", 1},
      {"fly", 1},
      {"link set dev vnet1 learning off", 0},
      {"link set dev vnet1 learning maybe", 1},
      {"link set dev nope learning off", 2},
      {"link set learning off", 1},
      {"link set dev vnet1 state 9", 1},
      {"link set dev vnet1 flying on", 1},
      {"link show dev nope", 2},
      {"-flying link show", 1},
      {"-batch /nowhere/at/all", 1},
  };
  for (const Case& test : kCases) {
    const auto kernel = TryKernel(test.words);
    const auto ours = TryTapctl(test.words);
    EXPECT_EQ(ours.status, test.status) << test.words << ": " << ours.output;
    EXPECT_EQ(kernel.status == 0, test.status == 0) << test.words << ": " << kernel.output;
    EXPECT_EQ(ours.output.empty(), kernel.output.empty()) << test.words << ": " << ours.output;
  }
}

}  // namespace
}  // namespace tapswitch::tapctl_bridge_test
