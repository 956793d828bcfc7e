// A guest whose firewall drops MLD queries, beside a querier: it never says again which groups it
// wants, and others must still find it by neighbour discovery. The kernel's bridge withholds that
// from it once its first report is too old.
//
// The test among others takes seconds, with short intervals. $TAPSWITCH_DEAF_SECONDS is for how
// long it goes on instead, with the intervals that are the default, by which the kernel's bridge
// needs 260 s to forget:
//   TAPSWITCH_DEAF_SECONDS=600 build/dev/tests/network_test --file=deaf_guest_test.cc
// In 480 s, 0 of 327 resolutions failed, and 71 of 327 by the kernel's bridge (Linux 6.18).

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/peer_hosts.h"
#include "tests/support/snooping_switch.h"

namespace tapswitch::deaf_guest_test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kAsking = 1;
constexpr int kDeaf = 2;
constexpr const char* kFirewall =
    "nft 'add table inet deaf; "
    "add chain inet deaf input { type filter hook input priority 0; }; "
    "add rule inet deaf input icmpv6 type mld-listener-query drop'";

seconds DeafLongForm() {
  const char* const given = getenv("TAPSWITCH_DEAF_SECONDS");
  return seconds(given != nullptr ? atoi(given) : 0);
}

// How often somebody looked for the deaf guest, and did not find it.
struct Resolutions {
  int tried = 0;
  int failed = 0;
};

class DeafGuestTest : public SnoopingSwitchTest {
 protected:
  void SetUp() override {
    SnoopingSwitchTest::SetUp();
    if (IsSkipped()) return;
    Start({"", "", ""}, NetnsSandbox::Ipv6::kOn);
    if (network_->host(kDeaf).TryRun(kFirewall).status != 0) {
      GTEST_SKIP() << "there is no firewall: install nftables";
    }
    if (DeafLongForm() != seconds(0)) UseDefaultIntervals();
  }

  void UseDefaultIntervals() {
    client_->Call("bridge.set", {{"mcast_query_response_interval", "10s"}});
  }

  // With the intervals of the switch. Hosts p1 and p2 are as hosts 1 and 2.
  void AddKernelBridge() {
    const NetnsSandbox& sandbox = network_->sandbox();
    if (sandbox.TryRun("ip link add name kbr0 up type bridge mcast_snooping 1").status != 0) return;
    peers_.emplace(sandbox, 2);
    for (const int host : {kAsking, kDeaf}) {
      sandbox.Run("ip link set " + PeerHosts::EndOf(host) + " master kbr0");
      sandbox.Run("ip -n p" + std::to_string(host) + " address add fd84::" + std::to_string(host) +
                  "/64 dev eth0 nodad");
    }
    sandbox.Run("ip netns exec p2 " + std::string(kFirewall));
    sandbox.Run("ip link set kbr0 type bridge mcast_querier 1" +
                std::string(DeafLongForm() != seconds(0)
                                ? ""
                                : " mcast_query_interval 100 mcast_query_response_interval 10 "
                                  "mcast_membership_interval 220 mcast_startup_query_interval 50"));
  }

  // Forgets the guest's address, and looks for it.
  void Resolve(const std::string& netns, const std::string& address, Resolutions& all) const {
    ++all.tried;
    const std::string in = "ip netns exec " + netns + " ";
    const auto found =
        network_->sandbox().TryRun("ip -n " + netns + " -6 neigh flush dev eth0 2>/dev/null; " +
                                   in + "ping -6 -c 1 -W 2 -q " + address + " >/dev/null");
    if (found.status != 0) ++all.failed;
  }

  void ResolveAll() {
    Resolve("h1", network_->host(kDeaf).address(IpVersion::kV6), ours_);
    if (peers_) Resolve("p1", "fd84::2", kernels_);
  }

  void Print() const {
    std::printf("%s: %d of %d resolutions failed; by the kernel's bridge %d of %d\n", io().c_str(),
                ours_.failed, ours_.tried, kernels_.failed, kernels_.tried);
  }

  std::optional<PeerHosts> peers_;
  Resolutions ours_;
  Resolutions kernels_;
};
INSTANTIATE_TEST_SUITE_P(Io, DeafGuestTest, kEachIo, IoName);

TEST_P(DeafGuestTest, IsFoundByNeighbourDiscoveryAllTheSame) {
  if (DeafLongForm() != seconds(0)) GTEST_SKIP() << "the long form is asked for";
  AddKernelBridge();
  client_->Call("bridge.set", {{"mcast_query_interval", "1s"},
                               {"mcast_startup_query_interval", "500ms"},
                               {"mcast_membership_interval", "2200ms"}});
  for (const bool is_on : {false, true}) client_->Call("bridge.set", {{"mcast_snooping", is_on}});
  // The reports of the guest that came up are forgotten, here and by the kernel.
  static_cast<void>(WaitUntil(
      [&] {
        ResolveAll();
        return HasProblem("deaf_port", "vnet2") && (!peers_ || kernels_.failed > 0);
      },
      seconds(15)));
  EXPECT_FALSE(HasProblem("deaf_port", "vnet1"));
  for (int i = 0; i < 5; ++i) ResolveAll();
  Print();
  EXPECT_EQ(ours_.failed, 0);
}

TEST_P(DeafGuestTest, IsFoundForAsLongAsSomebodyCaresToLook) {
  if (DeafLongForm() == seconds(0)) GTEST_SKIP() << "it takes minutes: TAPSWITCH_DEAF_SECONDS=600";
  if (io() != "uring") GTEST_SKIP() << "once is enough";
  AddKernelBridge();
  const auto end = steady_clock::now() + DeafLongForm();
  while (steady_clock::now() < end) {
    ResolveAll();
    std::this_thread::sleep_for(seconds(1));
  }
  Print();
  EXPECT_EQ(ours_.failed, 0);
}

}  // namespace
}  // namespace tapswitch::deaf_guest_test
