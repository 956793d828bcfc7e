// Which decisions may be carried out elsewhere, why others may not, and until when.

#include "switch/forwarding/advice/cacheable.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::cacheable_test {
namespace {

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kC{2};
constexpr Tick kNow{1000};
constexpr uint16_t kType = 0x1234;
constexpr MacAddress kSource = Station(1);
constexpr MacAddress kDestination = Station(2);

class CacheableTest : public ::testing::Test {
 protected:
  CacheableTest() {
    Configure();
    bridge_.table().Learn(kNoVlan, kSource, kA, kNow);
    bridge_.table().Learn(kNoVlan, kDestination, kB, Tick{900});
  }

  void Configure() { bridge_.SetView(ForwardingView(ports_, {}, observers_)); }

  Cacheability Judge(MacAddress source, MacAddress destination) {
    const EthernetHeader header{
        .destination = destination, .source = source, .type_or_length = kType};
    const ForwardingView& view = bridge_.view();
    const MacTable& table = bridge_.table();
    const Classification as = view.Classify(kA, header);
    const Decision decision = Decide(view, table, kA, as, header, kNow);
    return Cacheable(view, table, bridge_.protocols(), kA, as, header, decision, kNow);
  }

  // The name of what is in the way, "" when nothing is.
  std::string Obstacle(MacAddress source = kSource, MacAddress destination = kDestination) {
    const auto obstacle = Judge(source, destination).obstacle;
    if (!obstacle) return "";
    return std::string(kCacheObstacles[static_cast<size_t>(*obstacle)].name);
  }

  void SetStatic(MacAddress address, PortId port) {
    const MacEntry entry{
        .vlan = kNoVlan, .address = address, .port = port, .state = MacEntryState::kStatic};
    ASSERT_TRUE(bridge_.table().Append(entry, kNow));
  }

  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}};
  Observers observers_;
  Bridge bridge_{{.capacity = 16, .ageing = {300}, .salt = 7}};
};

TEST_F(CacheableTest, AConversationOfKnownStationsIsUntilOneMayBeForgotten) {
  EXPECT_EQ(Judge(kSource, kDestination),
            (Cacheability{.obstacle = std::nullopt, .until = Tick{1200}}));
  SetStatic(kDestination, kB);
  EXPECT_EQ(Judge(kSource, kDestination).until, Tick{1300});
  SetStatic(kSource, kA);
  EXPECT_EQ(Judge(kSource, kDestination).until, kEndOfTime);
}

TEST_F(CacheableTest, FloodsAreNot) {
  EXPECT_EQ(Obstacle(kSource, kBroadcastAddress), "broadcast");
  EXPECT_EQ(Obstacle(kSource, MacAddress::FromNumber(0x333300000001)), "multicast");
  EXPECT_EQ(Obstacle(kSource, Station(9)), "unknown_destination");
  SetStatic(kDestination, kB);
  SetStatic(kDestination, kC);
  EXPECT_EQ(Obstacle(), "several_ports");
}

TEST_F(CacheableTest, DropsAreNot) {
  EXPECT_EQ(Obstacle(kSource, kSource), "dropped");
  ports_[1].state = PortState::kBlocking;
  Configure();
  EXPECT_EQ(Obstacle(), "dropped");
}

TEST_F(CacheableTest, TheSourceHasToBeKnownWhereItIs) {
  EXPECT_EQ(Obstacle(Station(9)), "unknown_source");
  bridge_.table().Learn(kNoVlan, kSource, kC, kNow);
  EXPECT_EQ(Obstacle(), "unknown_source");
}

TEST_F(CacheableTest, ObserversAndScreensSeeEachFrame) {
  observers_.capturing = true;
  Configure();
  EXPECT_EQ(Obstacle(), "observed");
  observers_ = {.mirrors = {{.ports = PortSet::Of(kB), .vlans = {}, .destination = kC}}};
  Configure();
  EXPECT_EQ(Obstacle(), "observed") << "what leaves by the source of a mirror";
  ports_[2].state = PortState::kBlocking;
  observers_.mirrors[0].destination = kC;
  Configure();
  const auto before = bridge_.GenerationsOf(kA, kB);
  bridge_.SetGate(kC, {.state = PortState::kDisabled});
  EXPECT_EQ(Obstacle(), "") << "nobody is there to look";
  EXPECT_GT(bridge_.GenerationsOf(kA, kB).view, before.view);
  observers_ = {};
  ports_[0].locked = true;
  Configure();
  EXPECT_EQ(Obstacle(), "screened");
  ports_[0].locked = false;
  ports_[0].storm.rates[0].per_second = 1;
  Configure();
  EXPECT_EQ(Obstacle(), "") << "storm control is about floods";
}

// Wants to see frames of one type.
class Listener : public Protocol {
 public:
  [[nodiscard]] ProtocolInterests interests() const override {
    return {.types = {{.ether_type = kType, .ip_protocol = std::nullopt}}};
  }
  ProtocolVerdict See(const ParsedFrame& /*frame*/, ProtocolContext& /*context*/) override {
    return ProtocolVerdict::Pass();
  }
};

TEST_F(CacheableTest, ProtocolsSeeWhatTheyWant) {
  Listener listener;
  bridge_.protocols().Add(listener);
  const auto before = bridge_.GenerationsOf(kA, kB);
  bridge_.TellProtocols();
  EXPECT_EQ(Obstacle(), "protocol");
  const auto after = bridge_.GenerationsOf(kA, kB);
  EXPECT_GT(after.view, before.view);
  bridge_.TellProtocols();
  EXPECT_EQ(bridge_.GenerationsOf(kA, kB), after) << "it wants the same";
  bridge_.protocols().Remove(listener);
}

TEST_F(CacheableTest, AStationThatIsHeldIsWatched) {
  bridge_.table().Hold(kNoVlan, kDestination);
  EXPECT_EQ(Obstacle(), "held_station");
}

TEST_F(CacheableTest, GenerationsCountTheViewAndTheTwoPortsAlone) {
  const auto before = bridge_.GenerationsOf(kA, kB);
  bridge_.SetGate(kC, {.state = PortState::kBlocking});
  bridge_.table().Learn(kNoVlan, Station(9), kC, kNow);
  bridge_.table().Learn(kNoVlan, Station(8), kB, kNow);
  bridge_.SetGate(kB, {.state = PortState::kForwarding});
  EXPECT_EQ(bridge_.GenerationsOf(kA, kB), before) << "its gate was open";
  bridge_.SetGate(kB, {.state = PortState::kBlocking});
  const auto blocked = bridge_.GenerationsOf(kA, kB);
  EXPECT_EQ(blocked.ingress, before.ingress);
  EXPECT_GT(blocked.egress, before.egress);
  bridge_.table().FlushPort(kA);
  EXPECT_GT(bridge_.GenerationsOf(kA, kB).ingress, blocked.ingress);
  Configure();
  EXPECT_GT(bridge_.GenerationsOf(kA, kB).view, before.view);
}

}  // namespace
}  // namespace tapswitch::cacheable_test
