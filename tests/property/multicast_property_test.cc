// Hosts that join, leave and answer queries at random, while links go up and down, other bridges
// ask, the topology changes, and one port sends what it likes: no host misses a frame of a group
// that it has joined, and nothing goes where flooding would not take it.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "switch/protocol/bridge_protocols.h"
#include "tests/support/group_frames.h"
#include "tests/support/test_frames.h"

namespace tapswitch::multicast_property_test {
namespace {

constexpr uint16_t kPorts = 6;
constexpr PortId kSender{4};
constexpr PortId kHostile{5};
constexpr int kHosts = 8;            // two behind each of the first four ports
constexpr uint64_t kMostDelay = 90;  // of an answer: less than any query allows

IpAddress GroupOf(unsigned number) {
  return number % 2 == 0 ? V4(0xEF010100 + number) : V6(0xFF0E000000000000, 0x100 + number);
}

struct Host {
  PortId port;
  MacAddress mac{};
  uint32_t number = 0;
  bool speaks_newest = false;
  std::set<unsigned> groups;
  std::map<unsigned, Tick> answers;  // that are due
};

class Lan {
 public:
  explicit Lan(unsigned seed) : random_(seed) {
    for (uint16_t id = 0; id < kPorts; ++id) {
      egress_.AddPort({id});
      ports_.push_back({.id = {id}});
      ports_.back().multicast.fast_leave = Below(2) == 0;
      is_up_.push_back(true);
    }
    for (uint32_t i = 0; i < kHosts; ++i) {
      hosts_.push_back({.port = PortId{static_cast<uint16_t>(i / 2)},
                        .mac = MacAddress::FromNumber(0x020000000100 + i),
                        .number = i,
                        .speaks_newest = Below(2) == 0,
                        .groups = {},
                        .answers = {}});
    }
    protocols_.multicast().SetAddress(MacAddress::FromNumber(0x0200000000BB));
    settings_.snooping = true;
    settings_.hash_max = 16;
    settings_.floods_unregistered = Below(2) == 0;
    settings_.bridge = {.querier = true, .igmp_version = 3, .mld_version = 2};
    settings_.bridge.membership_interval = Ticks{3000};
    settings_.bridge.query_interval = Ticks{1000};
    settings_.bridge.query_response_interval = Ticks{100};
    // Shorter than memberships last: else a querier that starts asks again when they have ended.
    settings_.bridge.startup_query_interval = Ticks{250};
    bridge_.SetView(ForwardingView(ports_));
    protocols_.SetMulticast(settings_, now_);
  }

  void Step() {
    Pass(Below(20) == 0 ? 1 + Below(1500) : Below(30));
    switch (Below(12)) {
      case 0:
        return ToggleLink();
      case 1:
        return protocols_.multicast().AskAgain(now_);
      case 2:
      case 3:
      case 4:
        return Annoy();
      case 5:
        return ToggleQuerier();
      default:
        return Below(2) == 0 ? JoinOrLeave() : Check();
    }
  }

 private:
  unsigned Below(uint64_t bound) { return static_cast<unsigned>(random_() % bound); }

  PortSet Send(PortId ingress, const WireBytes& bytes) {
    const Frame frame = frames_.Plain(ingress, bytes);
    egress_.Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
    TakeQueries();
    return egress_.used();
  }

  // Whoever is behind a port that was asked answers a little later for all groups.
  void TakeQueries() {
    for (const auto& copy : egress_.originated().copies()) {
      for (Host& host : hosts_) {
        if (host.port != copy.egress) continue;
        for (const unsigned group : host.groups) {
          host.answers.try_emplace(group, now_ + Ticks{1 + Below(kMostDelay)});
        }
      }
    }
    egress_.originated().Clear();
  }

  void Pass(uint64_t ticks) {
    for (uint64_t i = 0; i < ticks; ++i) {
      ++now_.centiseconds;
      bridge_.TickProtocols(now_, egress_.originated());
      TakeQueries();
      for (Host& host : hosts_) Answer(host);
    }
  }

  void Answer(Host& host) {
    std::vector<unsigned> due;
    for (const auto& [group, when] : host.answers) {
      if (when <= now_) due.push_back(group);
    }
    for (const unsigned group : due) {
      host.answers.erase(group);
      if (host.groups.contains(group)) Report(host, group, false);
    }
  }

  void Report(const Host& host, unsigned group, bool leaves) {
    GroupPacketFrame report;
    if (host.speaks_newest) {
      const auto type = leaves ? RecordType::kToInclude : RecordType::kIsExclude;
      report = NewReport({{.type = type, .group = GroupOf(group)}});
    } else {
      report = OldReport(GroupOf(group), leaves);
    }
    report.source = host.mac;
    report.from =
        group % 2 == 0 ? V4(0x0A000000 + host.number + 1) : V6(0xFE80000000000000, host.number + 1);
    if (is_up_[host.port.value]) Send(host.port, report.Build());
  }

  void JoinOrLeave() {
    Host& host = hosts_[Below(kHosts)];
    const unsigned group = Below(6);
    const bool leaves = host.groups.contains(group);
    leaves ? static_cast<void>(host.groups.erase(group))
           : static_cast<void>(host.groups.insert(group));
    Report(host, group, leaves);
  }

  void ToggleLink() {
    const PortId port{static_cast<uint16_t>(Below(4))};
    is_up_[port.value] = !is_up_[port.value];
    const auto state = is_up_[port.value] ? PortState::kForwarding : PortState::kDisabled;
    bridge_.SetGate(port, {.state = state});
    bridge_.TellProtocols();
    bridge_.TickProtocols(now_, egress_.originated());
    TakeQueries();
  }

  void ToggleQuerier() {
    settings_.bridge.querier = !settings_.bridge.querier;
    protocols_.SetMulticast(settings_, now_);
    bridge_.TickProtocols(now_, egress_.originated());
    TakeQueries();
  }

  // Reports of many groups, and what others' hosts might say, from a port that is not theirs.
  void Annoy() {
    for (unsigned i = 0; i < 1 + Below(30); ++i) {
      const unsigned group = Below(40);
      auto report = OldReport(GroupOf(group), Below(4) == 0);
      report.source = MacAddress::FromNumber(0x020000000500 + Below(8));
      Send(kHostile, report.Build());
    }
  }

  void Check() {
    const unsigned group = Below(7);
    const bool is_v4 = group % 2 == 0;
    const PortSet to = Send(
        kSender, DataTo(GroupOf(group), is_v4 ? V4(0x0A000063) : V6(0xFD00000000000000, 0x99)));
    EXPECT_FALSE(to.contains(kSender));
    for (const Host& host : hosts_) {
      if (!host.groups.contains(group) || !is_up_[host.port.value]) continue;
      EXPECT_TRUE(to.contains(host.port))
          << "at " << now_.centiseconds << " host " << host.number << " at port " << host.port.value
          << " misses group " << group;
    }
    for (uint16_t id = 0; id < kPorts; ++id) {
      if (is_up_[id]) continue;
      EXPECT_FALSE(to.contains({id}));
    }
    EXPECT_LE(bridge_.groups().Keys().size(), settings_.hash_max * 5 / 4);
  }

  std::mt19937 random_;
  TestFrames frames_;
  EgressLists egress_;
  std::vector<PortForwarding> ports_;
  std::vector<bool> is_up_;
  std::vector<Host> hosts_;
  Bridge bridge_{{.capacity = 256, .ageing = {30000}, .salt = 7}};
  BridgeProtocols protocols_{bridge_};
  MulticastSettings settings_;
  Tick now_{1000};
};

TEST(MulticastPropertyTest, WhoHasJoinedAndAnswersMissesNothing) {
  const auto first = std::random_device{}();
  for (unsigned round = 0; round < 40 && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << first + round);
    Lan lan(first + round);
    for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) lan.Step();
  }
}

}  // namespace
}  // namespace tapswitch::multicast_property_test
