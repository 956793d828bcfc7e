// What the kernel announces of interfaces, in the switch's namespace and in others.

#include "ports/netlink/link_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fake_ring.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/wait_until.h"

namespace tapswitch::link_monitor_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::Not;

// What an administrator has set: not what the device says of itself.
LinkEvent Administrative(LinkEvent event) {
  event.carrier = true;
  event.address = {};
  return event;
}

class LinkMonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    monitor_.emplace(ring_, [this](const LinkEvent& event) { events_.push_back(event); });
  }

  void TearDown() override {
    monitor_.reset();
    EXPECT_TRUE(ring_.watched().empty());
  }

  // Watches namespace `name`, "" being the sandbox.
  NetnsId Watch(const std::string& name = "") {
    const auto netns = name.empty() ? NetworkNamespace::Current() : NetworkNamespace::Open(name);
    EXPECT_TRUE(netns.ok()) << netns.status();
    const auto id = monitor_->Watch(*netns);
    EXPECT_TRUE(id.ok()) << id.status();
    EXPECT_EQ(id.value_or(NetnsId()), netns->id());
    return netns->id();
  }

  // Hands completions to the monitor until an event is as wanted.
  bool Await(const std::function<bool(const LinkEvent&)>& wanted) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::none_of(events_.begin(), events_.end(), wanted)) {
      if (std::chrono::steady_clock::now() > limit) return false;
      HandOver(std::chrono::milliseconds(100));
    }
    return true;
  }

  // As the ring and the worker do it.
  void HandOver(std::chrono::milliseconds limit) {
    ASSERT_EQ(ring_.watched().size(), 1U);
    const FakeRing::Watched& watched = ring_.watched()[0];
    EXPECT_EQ(watched.tag.operation, Operation::kReadiness);
    pollfd ready{.fd = watched.fd, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, static_cast<int>(limit.count())) == 1) {
      monitor_->OnReadable(watched.tag.slot);
    }
  }

  std::optional<NetnsSandbox> sandbox_;
  FakeRing ring_;
  std::vector<LinkEvent> events_;
  std::optional<LinkMonitor> monitor_;
};

TEST_F(LinkMonitorTest, AnnouncesUpDownMtuNameAndRemoval) {
  for (const std::string netns : {"", "h1"}) {
    SCOPED_TRACE("namespace '" + netns + "'");
    const std::string ip = netns.empty() ? "ip " : "ip -n h1 ";
    if (!netns.empty()) sandbox_->AddNetns(netns);
    sandbox_->Run(ip + "link add br0 type bridge");
    const NetnsId id = Watch(netns);
    const auto found = monitor_->Find(id, "br0");
    ASSERT_TRUE(found.ok()) << found.status();
    const int ifindex = found->ifindex;
    EXPECT_EQ(Administrative(*found),
              (LinkEvent{.netns = id, .ifindex = ifindex, .name = "br0", .mtu = 1500}));

    events_.clear();
    sandbox_->Run(ip + "link set br0 up mtu 1400");
    LinkEvent wanted{.netns = id, .ifindex = ifindex, .name = "br0", .up = true, .mtu = 1400};
    EXPECT_TRUE(Await([&](const LinkEvent& event) { return Administrative(event) == wanted; }));

    sandbox_->Run(ip + "link set br0 name br1 down");
    wanted.name = "br1";
    wanted.up = false;
    EXPECT_TRUE(Await([&](const LinkEvent& event) { return Administrative(event) == wanted; }));

    sandbox_->Run(ip + "link del br1");
    wanted.removed = true;
    EXPECT_TRUE(Await([&](const LinkEvent& event) { return Administrative(event) == wanted; }));
    EXPECT_THAT(events_, Each(Field(&LinkEvent::netns, id)));
  }
}

TEST_F(LinkMonitorTest, ANamespaceThatIsNotWatchedIsNotHeard) {
  sandbox_->AddNetns("h1");
  sandbox_->AddNetns("h2");
  const NetnsId h1 = Watch("h1");
  sandbox_->Run("ip link set lo mtu 2000");
  sandbox_->Run("ip netns set h2 auto && ip -n h2 link set lo mtu 2000");
  sandbox_->Run("ip -n h1 link set lo mtu 3000");
  EXPECT_TRUE(Await([](const LinkEvent& event) { return event.mtu == 3000; }));
  EXPECT_THAT(events_, Each(Field(&LinkEvent::netns, h1)));
}

TEST_F(LinkMonitorTest, WatchingTwiceAnnouncesOnce) {
  sandbox_->AddNetns("h1");
  Watch("h1");
  Watch("h1");
  sandbox_->Run("ip -n h1 link set lo mtu 2000");
  EXPECT_TRUE(Await([](const LinkEvent& event) { return event.mtu == 2000; }));
  EXPECT_EQ(std::count_if(events_.begin(), events_.end(),
                          [](const LinkEvent& event) { return event.mtu == 2000; }),
            1);
  EXPECT_EQ(ring_.watched().size(), 1U) << "one socket for all";
}

TEST_F(LinkMonitorTest, AnInterfaceThatMovesIsRemovedHereAndAnnouncedThere) {
  sandbox_->AddNetns("h1");
  const NetnsId own = Watch();
  const NetnsId h1 = Watch("h1");
  sandbox_->Run("ip link add v0 type veth peer name v1 && ip link set v0 netns h1");
  EXPECT_TRUE(Await([&](const LinkEvent& event) {
    return event.netns == own && event.name == "v0" && event.removed;
  }));
  EXPECT_TRUE(Await([&](const LinkEvent& event) {
    return event.netns == h1 && event.name == "v0" && !event.removed;
  }));
}

TEST_F(LinkMonitorTest, LeavingABridgeIsNotARemoval) {
  const NetnsId own = Watch();
  sandbox_->Run(
      "ip link add br0 type bridge && ip link add v0 type veth peer name v1 &&"
      "ip link set v0 master br0 && ip link set v0 nomaster && ip link set v0 mtu 1400");
  EXPECT_TRUE(Await([&](const LinkEvent& event) { return event.mtu == 1400; }));
  EXPECT_THAT(events_, Each(Field(&LinkEvent::removed, false)));
  EXPECT_THAT(events_, Each(Field(&LinkEvent::netns, own)));
}

TEST_F(LinkMonitorTest, WatchingDoesNotKeepANamespaceAliveAndItsEndRemovesItsInterfaces) {
  sandbox_->AddNetns("h1");
  sandbox_->Run("ip link add v0 type veth peer name v1 && ip link set v1 netns h1");
  const NetnsId own = Watch();
  const NetnsId h1 = Watch("h1");
  const auto v1 = monitor_->Find(h1, "v1");
  ASSERT_TRUE(v1.ok()) << v1.status();
  sandbox_->Run("ip netns del h1");
  EXPECT_TRUE(Await([&](const LinkEvent& event) {
    return event.netns == h1 && event.ifindex == v1->ifindex && event.removed;
  }));
  EXPECT_TRUE(Await([&](const LinkEvent& event) {
    return event.netns == own && event.name == "v0" && event.removed;
  })) << "the kernel has removed the other end of the veth too";
}

TEST_F(LinkMonitorTest, ANewNamespaceOfTheSameNameIsWatchedAnew) {
  for (int life = 0; life < 5; ++life) {
    SCOPED_TRACE(life);
    sandbox_->AddNetns("h1");
    const NetnsId h1 = Watch("h1");
    ASSERT_TRUE(monitor_->Find(h1, "lo").ok());
    const auto mtu = static_cast<uint32_t>(2000 + life);
    sandbox_->Run("ip -n h1 link set lo mtu " + std::to_string(mtu));
    EXPECT_TRUE(Await([&](const LinkEvent& event) { return event.mtu == mtu; }));
    sandbox_->Run("ip netns del h1");
  }
}

// The kernel gives the numbers of one that is gone to the next, and its end may not have been heard
// of.
TEST_F(LinkMonitorTest, ANewNamespaceWithTheNumbersOfTheOldIsWatchedAnew) {
  Watch();
  for (int life = 0; life < 5; ++life) {
    SCOPED_TRACE(life);
    sandbox_->AddNetns("h1");
    sandbox_->Run("ip link add v0 type veth peer name v1 netns h1");
    const NetnsId h1 = Watch("h1");
    const auto mtu = static_cast<uint32_t>(3000 + life);
    sandbox_->Run("ip -n h1 link set lo mtu " + std::to_string(mtu));
    EXPECT_TRUE(Await([&](const LinkEvent& event) {
      return event.netns == h1 && event.mtu == mtu;
    })) << h1.inode;
    sandbox_->Run("ip netns del h1");
    ASSERT_TRUE(WaitUntil([&] { return sandbox_->TryRun("ip link show v0").status != 0; }));
    sandbox_->Run("sleep 0.3");  // it is not quite gone by then
  }
}

TEST_F(LinkMonitorTest, AfterEventsWereLostThePresentIsAnnounced) {
  sandbox_->AddNetns("h1");
  sandbox_->Run("ip link add br0 type bridge && ip -n h1 link add br0 type bridge");
  const NetnsId own = Watch();
  const NetnsId h1 = Watch("h1");
  const int gone_here = monitor_->Find(own, "br0")->ifindex;
  const int gone_there = monitor_->Find(h1, "br0")->ifindex;
  // More than the socket's buffer holds, and at its end what matters.
  sandbox_->Run(
      "for i in $(seq 2000); do echo link set lo mtu $((2000 + i)); done | ip -batch - &&"
      "ip link del br0 && ip -n h1 link del br0 && ip -n h1 link set lo mtu 5000");

  // The kernel's own announcement of a removal, had it not been lost, would tell the name.
  const auto is_gone = [](NetnsId netns, int ifindex) {
    return LinkEvent{.netns = netns, .ifindex = ifindex, .name = "", .removed = true};
  };
  HandOver(std::chrono::seconds(30));
  EXPECT_THAT(events_, Contains(is_gone(own, gone_here)));
  EXPECT_THAT(events_, Contains(is_gone(h1, gone_there)));
  EXPECT_THAT(events_,
              Contains(AllOf(Field(&LinkEvent::netns, own), Field(&LinkEvent::mtu, 4000U))));
  EXPECT_THAT(events_,
              Contains(AllOf(Field(&LinkEvent::netns, h1), Field(&LinkEvent::mtu, 5000U))));
}

TEST_F(LinkMonitorTest, OfManyChangesTheLastIsAnnouncedAndARemovalBeforeIt) {
  const NetnsId own = Watch();
  sandbox_->Run("ip link add br0 index 77 type bridge");
  EXPECT_TRUE(Await([](const LinkEvent& event) { return event.ifindex == 77; }));
  events_.clear();
  sandbox_->Run(
      "ip link set br0 up && ip link set br0 mtu 1400 && ip link del br0 &&"
      "ip link add br1 index 77 type bridge && ip link set br1 mtu 1300");
  HandOver(std::chrono::seconds(30));
  std::erase_if(events_, [](const LinkEvent& event) { return event.ifindex != 77; });
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_TRUE(events_[0].removed);
  EXPECT_EQ(Administrative(events_[1]),
            (LinkEvent{.netns = own, .ifindex = 77, .name = "br1", .up = false, .mtu = 1300}));
}

TEST_F(LinkMonitorTest, FindKnowsOnlyWhatIsThere) {
  const NetnsId own = Watch();
  EXPECT_TRUE(absl::IsNotFound(monitor_->Find(own, "nothing").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(monitor_->Find(NetnsId{1}, "lo").status()));
}

TEST_F(LinkMonitorTest, OtherSlotsAreNoneOfItsBusiness) {
  Watch();
  sandbox_->Run("ip link set lo mtu 2000");
  monitor_->OnReadable(LinkMonitor::kReadinessSlot + 1);
  EXPECT_THAT(events_, Not(Contains(Field(&LinkEvent::mtu, 2000U))));
}

}  // namespace
}  // namespace tapswitch::link_monitor_test
