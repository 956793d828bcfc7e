// The host's network stack does not handle what comes in by an interface that is a port; and gets
// it back, however the switch ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_builder.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/switch_process.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::host_exclusion_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr MacAddress kStation = MacAddress::FromNumber(0x02AA00000001);
constexpr EtherType kArp{0x0806};

// What a launcher leaves of the capabilities of the switch.
const std::vector<std::string> kWithAll{};
const std::vector<std::string> kWithoutBpf{"setpriv", "--bounding-set=-bpf,-sys_admin"};
const std::vector<std::string> kWithoutAnything{"setpriv",
                                                "--bounding-set=-bpf,-sys_admin,-net_admin"};

// The host has an address, on no interface in particular; vnet1 leads to where `far_` is.
class HostExclusionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    AddVeth("vnet1");
    far_.emplace("vnet1far");
    sandbox_->Run("ip address add 10.83.0.200/32 dev lo");
    ASSERT_TRUE(AwaitAnswer());
  }

  void AddVeth(const std::string& name) const {
    sandbox_->Run("ip link add " + name + " up type veth peer name " + name +
                  "far && ip link set " + name + "far up");
  }

  // Whether it answers for its address when somebody asks by vnet1. What comes in is mostly handled
  // before the call that sends it returns, so a short time tells that there is no answer.
  [[nodiscard]] bool HostAnswers() const { return Answers(std::chrono::milliseconds(300)); }
  [[nodiscard]] bool HostAnswersAtOnce() const { return Answers(std::chrono::milliseconds(1)); }

  [[nodiscard]] bool Answers(std::chrono::milliseconds limit) const {
    while (!far_->Receive(std::chrono::milliseconds(0)).empty()) {
    }
    far_->Send(FrameBuilder(kBroadcastAddress, kStation)
                   .Type(kArp)
                   .U16(1)
                   .U16(0x0800)
                   .U8(6)
                   .U8(4)
                   .U16(1)  // a question
                   .U16(0x02AA)
                   .U32(1)
                   .U32(0x0A530001)  // 10.83.0.1 asks
                   .U32(0)
                   .U16(0)
                   .U32(0x0A5300C8)  // for 10.83.0.200
                   .Pad(60)
                   .Build());
    for (;;) {
      const auto frame = far_->Receive(limit);
      if (frame.empty()) return false;
      const auto header = ParseHeader(frame);
      if (header && header->type_or_length == static_cast<uint16_t>(kArp) &&
          header->destination == kStation) {
        return true;
      }
    }
  }

  // Asks until it answers: a new interface takes a moment until it passes frames, and the kernel
  // lets go of a killed process's files a moment after it has ended.
  [[nodiscard]] bool AwaitAnswer() const {
    return WaitUntil([this] { return HostAnswers(); });
  }

  SwitchProcess& Start(const std::vector<std::string>& arguments,
                       const std::vector<std::string>& launcher = {}) {
    switch_.emplace(arguments, launcher);
    EXPECT_TRUE(switch_->WaitUntilReady()) << switch_->log();
    return *switch_;
  }

  [[nodiscard]] std::string Disciplines() const { return sandbox_->Run("tc qdisc show dev vnet1"); }
  [[nodiscard]] std::string Filters() const {
    return sandbox_->Run("tc filter show dev vnet1 ingress");
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<PacketSocket> far_;
  std::optional<SwitchProcess> switch_;
};

TEST_F(HostExclusionTest, TheHostIsSilentWhileTheInterfaceIsAPort) {
  Start({"netdev:vnet1"});
  EXPECT_FALSE(HostAnswers());
  EXPECT_EQ(switch_->CountInLog("cannot be kept out"), 0U);

  ControlClient client;
  client.Call("port.del", {{"name", "vnet1"}});
  EXPECT_TRUE(AwaitAnswer());
  EXPECT_THAT(sandbox_->Run("ip -d link show dev vnet1"), HasSubstr("promiscuity 0"));
  EXPECT_THAT(Disciplines(), Not(HasSubstr("clsact")));
}

TEST_F(HostExclusionTest, HostSharedLeavesItIn) {
  Start({"netdev:vnet1,host=shared"});
  EXPECT_TRUE(AwaitAnswer());
}

TEST_F(HostExclusionTest, ItGetsItsFramesBackAtOnceWhenTheSwitchStops) {
  for (const auto& launcher : {kWithAll, kWithoutBpf}) {
    Start({"netdev:vnet1", "--host_lease=1h"}, launcher).Stop();
    EXPECT_TRUE(HostAnswers());
  }
}

TEST_F(HostExclusionTest, ItIsSilentWhileTheLeaseOfAKilledSwitchLasts) {
  for (const auto& launcher : {kWithAll, kWithoutBpf}) {
    Start({"netdev:vnet1", "--host_lease=1h"}, launcher).Kill();
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(HostAnswers());
    // Whoever is next has the interface, and gives it back.
    Start({"netdev:vnet1"}, launcher);
    EXPECT_FALSE(HostAnswers());
    switch_->Stop();
    EXPECT_TRUE(AwaitAnswer());
  }
}

TEST_F(HostExclusionTest, ItIsSilentFromTheDeathOfASwitchToTheStartOfTheNextOne) {
  for (const auto& launcher : {kWithAll, kWithoutBpf}) {
    Start({"netdev:vnet1", "--host_lease=1h"}, launcher);
    std::atomic<bool> done = false;
    uint64_t answers = 0;
    std::thread asking([&] {
      while (!done) answers += HostAnswersAtOnce() ? 1 : 0;
    });
    for (int i = 0; i < 3; ++i) {
      switch_->Kill();
      Start({"netdev:vnet1", "--host_lease=1h"}, launcher);
    }
    done = true;
    asking.join();
    EXPECT_EQ(answers, 0U);
    switch_->Stop();
    EXPECT_TRUE(AwaitAnswer());
  }
}

TEST_F(HostExclusionTest, ItGetsItsFramesBackWhenTheLeaseEnds) {
  for (const auto& launcher : {kWithAll, kWithoutBpf}) {
    Start({"netdev:vnet1", "--host_lease=2s"}, launcher).Kill();
    EXPECT_FALSE(HostAnswers());
    EXPECT_TRUE(AwaitAnswer());
    EXPECT_THAT(Disciplines(), Not(HasSubstr("clsact")));
  }
}

TEST_F(HostExclusionTest, ItGetsItsFramesBackWhenASwitchIsKilledThatHasNoLease) {
  Start({"netdev:vnet1", "--host_lease=0s"}).Kill();
  EXPECT_TRUE(AwaitAnswer());
}

TEST_F(HostExclusionTest, TheLeaseOutlivesUpgradesAndEndsWithThePort) {
  for (const auto& launcher : {kWithAll, kWithoutBpf}) {
    Start({"netdev:vnet1", "--host_lease=1h"}, launcher);
    Upgrade(*switch_);
    ControlClient().Call("port.del", {{"name", "vnet1"}});
    EXPECT_TRUE(HostAnswers());
    ControlClient().Call("port.add", {{"port", "netdev:vnet1"}});
    EXPECT_FALSE(HostAnswers());
    switch_->Kill();
    EXPECT_FALSE(HostAnswers());
    Start({"netdev:vnet1"}, launcher).Stop();
    EXPECT_TRUE(AwaitAnswer());
  }
}

TEST_F(HostExclusionTest, APortWithoutAnInterfaceIsNotLeased) {
  Start({"netdev:vnet1", "--host_lease=1h"});
  far_.reset();
  sandbox_->Run("ip link del vnet1");
  ASSERT_TRUE(switch_->WaitForLog("port vnet1: interface was deleted"));
  switch_->Kill();
  AddVeth("vnet1");
  far_.emplace("vnet1far");
  EXPECT_TRUE(AwaitAnswer());
}

// So nothing of a lab, or of a container, waits for the end of a lease.
TEST_F(HostExclusionTest, WhoeverHoldsTheLeaseEndsWithTheInterface) {
  const auto holders = [&] {
    return sandbox_->TryRun("pgrep --ns $$ --nslist mnt --exact tapswitch-lease").output;
  };
  for (const auto& launcher : {kWithAll, kWithoutBpf}) {
    Start({"netdev:vnet1", "--host_lease=1h"}, launcher).Kill();
    EXPECT_NE(holders(), "");
    far_.reset();
    sandbox_->Run("ip link del vnet1");
    EXPECT_TRUE(WaitUntil([&] { return holders().empty(); }));
    AddVeth("vnet1");
    far_.emplace("vnet1far");
  }
}

TEST_F(HostExclusionTest, ANewInterfaceOfTheNameIsKeptApartToo) {
  Start({"netdev:vnet1"});
  far_.reset();
  sandbox_->Run("ip link del vnet1");
  ASSERT_TRUE(switch_->WaitForLog("port vnet1: interface was deleted"));
  AddVeth("vnet1");
  ASSERT_TRUE(switch_->WaitForLog("port vnet1: up"));
  far_.emplace("vnet1far");
  EXPECT_FALSE(HostAnswers());
}

// ---- Where BPF programs are not permitted, or not there.

class HostExclusionByFilterTest : public HostExclusionTest {
 protected:
  void SetUp() override {
    HostExclusionTest::SetUp();
    if (IsSkipped()) return;
    const auto tried = sandbox_->TryRun(
        "tc qdisc add dev vnet1 clsact && tc filter add dev vnet1 ingress bpf da bytecode '1,6 0 0 "
        "2'");
    if (tried.status != 0) GTEST_SKIP() << "no clsact or no cls_bpf here: " << tried.output;
    sandbox_->Run("tc qdisc del dev vnet1 clsact");
    ASSERT_TRUE(AwaitAnswer());
  }
};

TEST_F(HostExclusionByFilterTest, AFilterDoesTheSameAndIsTakenBack) {
  Start({"netdev:vnet1"}, kWithoutBpf);
  EXPECT_THAT(Filters(), HasSubstr("bpf"));
  EXPECT_FALSE(HostAnswers());
  EXPECT_EQ(switch_->CountInLog("cannot be kept out"), 0U);

  ControlClient client;
  client.Call("port.del", {{"name", "vnet1"}});
  EXPECT_TRUE(AwaitAnswer());
  EXPECT_THAT(Disciplines(), Not(HasSubstr("clsact")));

  client.Call("port.add", {{"port", "netdev:vnet1"}});
  EXPECT_FALSE(HostAnswers());
  switch_->Stop();
  EXPECT_TRUE(AwaitAnswer());
  EXPECT_THAT(Disciplines(), Not(HasSubstr("clsact")));
}

TEST_F(HostExclusionByFilterTest, WhatAKilledSwitchLeftTheNextOneMendsAtItsStart) {
  Start({"netdev:vnet1", "--host_lease=0s"}, kWithoutBpf).Kill();
  ASSERT_FALSE(HostAnswers()) << "the filter is still there";
  Start({"--name=br0"}, kWithoutBpf);
  EXPECT_TRUE(AwaitAnswer());
  EXPECT_THAT(Disciplines(), Not(HasSubstr("clsact")));
}

TEST_F(HostExclusionByFilterTest, WhatAKilledSwitchLeftIsTakenOverByTheNextPort) {
  for (const auto& launcher : {kWithoutBpf, {}}) {
    Start({"netdev:vnet1"}, kWithoutBpf).Kill();
    Start({"netdev:vnet1"}, launcher);
    EXPECT_FALSE(HostAnswers());
    switch_->Stop();
    EXPECT_TRUE(AwaitAnswer());
    EXPECT_THAT(Disciplines(), Not(HasSubstr("clsact")));
  }
}

TEST_F(HostExclusionByFilterTest, ASwitchThatLivesIsLeftAlone) {
  Start({"netdev:vnet1"}, kWithoutBpf);
  SwitchProcess other({"--name=br1"}, kWithoutBpf);
  ASSERT_TRUE(other.WaitUntilReady());
  EXPECT_FALSE(HostAnswers());
}

TEST_F(HostExclusionByFilterTest, OthersFiltersStayAsTheyAre) {
  sandbox_->Run(
      "tc qdisc add dev vnet1 clsact && "
      "tc filter add dev vnet1 egress pref 7 bpf da bytecode '1,6 0 0 0' && "
      "tc filter add dev vnet1 ingress pref 7 bpf da bytecode '1,6 0 0 0'");
  const std::string before = Filters();
  Start({"netdev:vnet1", "--host_lease=0s"}, kWithoutBpf);
  EXPECT_FALSE(HostAnswers()) << "whatever they let pass";
  switch_->Kill();
  Start({"--name=br0"}, kWithoutBpf);
  EXPECT_TRUE(AwaitAnswer());
  EXPECT_EQ(Filters(), before);
  EXPECT_THAT(sandbox_->Run("tc filter show dev vnet1 egress"), HasSubstr("pref 7"));
}

TEST_F(HostExclusionTest, WhereNothingIsPermittedOneLineSaysSoAndThePortWorks) {
  AddVeth("vnet2");
  const PacketSocket other("vnet2far");
  Start({"netdev:vnet1,host=shared", "netdev:vnet2"}, kWithoutAnything);
  EXPECT_EQ(switch_->CountInLog("cannot be kept out"), 1U);
  EXPECT_THAT(switch_->log(), HasSubstr("port vnet2: the host's network stack cannot be kept out"));
  const auto frame =
      FrameBuilder(kBroadcastAddress, kStation).Type(EtherType{0x88B5}).Pad(60).Build();
  far_->Send(frame);
  for (;;) {
    const auto received = other.Receive();
    ASSERT_FALSE(received.empty());
    if (received == frame) break;
  }
}

}  // namespace
}  // namespace tapswitch::host_exclusion_test
