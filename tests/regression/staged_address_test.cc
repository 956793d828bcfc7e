// All TAPs with `netns=` had one address where udev was quick: it gives a TAP one that is made of the
// machine and the name (MACAddressPolicy=persistent), and they had one name until they were moved.

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/interface/tap/tap_device.h"
#include "ports/netlink/link_settings.h"
#include "spdlog/fmt/fmt.h"
#include "tests/support/netns_sandbox.h"

namespace tapswitch::staged_address_test {
namespace {

constexpr MacAddress kOfTheName = MacAddress::FromNumber(0xCE20491BDD08);

// Gives each TAP of this namespace one address, as soon as it sees it.
class QuickUdev {
 public:
  QuickUdev() : thread_([this] { Run(); }) {}
  ~QuickUdev() {
    ends_ = true;
    thread_.join();
  }
  QuickUdev(const QuickUdev&) = delete;
  QuickUdev& operator=(const QuickUdev&) = delete;

  [[nodiscard]] int given() const { return given_; }

 private:
  void Run() {
    const auto here = NetworkNamespace::Current();
    ASSERT_TRUE(here.ok()) << here.status();
    while (!ends_) {
      const auto links = ListLinks(*here);
      if (!links.ok()) continue;
      for (const LinkState& link : *links) {
        if (!link.tun || link.address == kOfTheName) continue;
        // It may have gone meanwhile.
        if (ChangeLink(*here, link.ifindex, {.address = kOfTheName}).ok()) ++given_;
      }
    }
  }

  std::atomic<bool> ends_ = false;
  std::atomic<int> given_ = 0;
  std::thread thread_;
};

TEST(StagedAddressTest, TapsInNamespacesHaveAnAddressEach) {
  const NetnsSandbox sandbox;
  sandbox.AddNetns("h1");
  const auto there = NetworkNamespace::Open("h1");
  ASSERT_TRUE(there.ok()) << there.status();
  QuickUdev udev;
  std::vector<TapDevice> taps;
  std::set<MacAddress> addresses;
  // The loop ends when udev has been quick enough for some of them.
  constexpr int kEnough = 5;
  constexpr int kMost = 2000;
  for (int i = 0; i < kMost && udev.given() < kEnough; ++i) {
    const std::string name = fmt::format("v{}", i);
    auto tap = OpenTap({.name = name, .netns = "h1"});
    ASSERT_TRUE(tap.ok()) << tap.status();
    taps.push_back(*std::move(tap));
    const auto link = FindLink(*there, name);
    ASSERT_TRUE(link.ok() && link->has_value()) << name;
    EXPECT_NE((*link)->address, kOfTheName) << name;
    EXPECT_TRUE(addresses.insert((*link)->address).second) << (*link)->address.ToString();
  }
  EXPECT_GE(udev.given(), kEnough);
}

// The kernel says that the address was set (NET_ADDR_SET). udev leaves such an address as it is.
TEST(StagedAddressTest, ItIsToldApartFromOneThatTheKernelChose) {
  const NetnsSandbox sandbox;
  sandbox.AddNetns("h1");
  const auto tap = OpenTap({.name = "v0", .netns = "h1"});
  ASSERT_TRUE(tap.ok()) << tap.status();
  EXPECT_EQ(sandbox.Run("ip netns exec h1 cat /sys/class/net/v0/addr_assign_type"), "3\n");
}

}  // namespace
}  // namespace tapswitch::staged_address_test
