// The addresses of interfaces that are ports. Once the holder of a TAP could take any station's
// frames by giving the TAP that station's address, and seventeen ports in all VLANs filled the
// address table.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/interface/netdev/netdev_port.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/lone_worker.h"

namespace tapswitch::own_address_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr MacAddress Station(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }
constexpr MacAddress kVictim = Station(7);
constexpr Ticks kAgeing{30000};

class WoundClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return now; }
  Tick now{1000};
};

class OwnAddressTest : public ::testing::Test {
 protected:
  OwnAddressTest() {
    worker_.set_on_alarm([this](const Alarm& alarm) { alarms_.push_back(alarm); });
  }

  void Add(const PortForwarding& forwarding, LinkEvent link) {
    const PortId id = forwarding.id;
    if (links_.size() <= id.value) links_.resize(id.value + 1U);
    link.ifindex = id.value + 1;
    link.up = true;
    link.mtu = 1500;
    links_[id.value] = std::make_unique<LinkEvent>(link);
    std::unique_ptr<Port> port = std::make_unique<NetdevPort>(
        PortIdentity{.id = id, .name = "p", .counters = &worker_.lane().counters(id)},
        NetdevPort::Queue{.role = QueueRole::kFirst,
                          .socket = {},
                          .query = [link = links_[id.value].get()]() -> absl::StatusOr<LinkEvent> {
                            return *link;
                          },
                          .missed = [](int /*socket*/) { return 0U; }});
    ASSERT_TRUE(worker_.AddPort(port, forwarding).ok());
  }

  // As SIOCSIFHWADDR does, which needs no capability on the file of a TAP.
  void Readdress(PortId id, MacAddress address) {
    links_[id.value]->address = address;
    worker_.OnLinkChange(*links_[id.value]);
  }

  [[nodiscard]] MacTable& table() { return bridge_.table(); }
  [[nodiscard]] std::optional<MacLookup> Lookup(VlanId vlan = kNoVlan) {
    return table().Lookup(vlan, kVictim, clock_.now);
  }

  FakeRing ring_;
  WoundClock clock_;
  Bridge bridge_{{.capacity = 65536, .ageing = kAgeing, .salt = 5}};
  std::vector<std::unique_ptr<LinkEvent>> links_;
  std::vector<Alarm> alarms_;
  SharedBridge shared_{bridge_};
  LoneWorker worker_{ring_, clock_, bridge_, shared_};
};

TEST_F(OwnAddressTest, OfAGuestsTapIsNobodysButTheGuests) {
  Add({.id = {0}}, {.address = Station(1)});
  Add({.id = {1}}, {.address = Station(2), .is_tap = true});
  EXPECT_FALSE(table().Find(kAnyVlan, Station(2), clock_.now));
  Readdress({1}, kVictim);
  EXPECT_EQ(table().Learn(kNoVlan, kVictim, {0}, clock_.now), LearnResult::kLearned);
  EXPECT_EQ(Lookup()->port, PortId{0});
}

TEST_F(OwnAddressTest, OfAPortThatGoesWithItsInterfaceIsNotTheBridges) {
  Add({.id = {0}, .lists_own_address = false}, {.address = Station(1)});
  EXPECT_EQ(table().size(), 0U);
}

TEST_F(OwnAddressTest, LeavesALiveStationItsFramesAndRaisesAnAlarm) {
  Add({.id = {0}}, {.address = Station(1)});
  Add({.id = {1}}, {.address = Station(2)});
  table().Learn(kNoVlan, kVictim, {0}, clock_.now);
  Readdress({1}, kVictim);
  EXPECT_EQ(Lookup()->port, PortId{0});
  EXPECT_FALSE(Lookup()->is_local);
  EXPECT_THAT(
      alarms_,
      ElementsAre(
          Alarm{.kind = Alarm::Kind::kOwnAddress, .port = {1}, .other = {0}, .address = kVictim}));
  EXPECT_EQ(table().Learn(kNoVlan, kVictim, {0}, clock_.now), LearnResult::kRefreshed);

  clock_.now = clock_.now + kAgeing;
  EXPECT_TRUE(Lookup()->is_local) << "once the station is not known any more";
  EXPECT_EQ(table().Learn(kNoVlan, kVictim, {0}, clock_.now), LearnResult::kLocal);
}

TEST_F(OwnAddressTest, KeepsAStationThatHasItFromCountingAsLearned) {
  table().set_max_learned(1);
  Add({.id = {0}}, {.address = Station(1)});
  table().Learn(kNoVlan, kVictim, {0}, clock_.now);
  EXPECT_EQ(table().learned(), 1U);
  Add({.id = {1}}, {.address = kVictim});
  EXPECT_EQ(table().learned(), 0U);
  EXPECT_EQ(table().learned(PortId{0}), 0U);
  EXPECT_EQ(Lookup()->port, PortId{0});
  EXPECT_EQ(table().Learn(kNoVlan, Station(8), {0}, clock_.now), LearnResult::kLearned);
  EXPECT_EQ(table().Learn(kNoVlan, kVictim, {0}, clock_.now), LearnResult::kRefreshed);
  EXPECT_EQ(table().learned(), 1U);
  table().FlushPort({0});
  EXPECT_EQ(table().learned(), 0U);
}

TEST_F(OwnAddressTest, LeavesAStaticEntryAlone) {
  Add({.id = {0}}, {.address = Station(1)});
  Add({.id = {1}}, {.address = Station(2)});
  ASSERT_TRUE(
      table().Set({.address = kVictim, .port = {0}, .state = MacEntryState::kStatic}, clock_.now));
  Readdress({1}, kVictim);
  EXPECT_EQ(Lookup()->port, PortId{0});
  EXPECT_EQ(alarms_.size(), 1U);
}

TEST_F(OwnAddressTest, TakesOneEntryForAllVlans) {
  worker_.SetForwarding(BridgeForwarding{.vlan_filtering = true});
  for (uint16_t id = 0; id < 17; ++id) {
    PortForwarding forwarding{.id = {id}};
    for (uint16_t vlan = 1; vlan < 4095; ++vlan) forwarding.vlans.members.insert(VlanId{vlan});
    Add(forwarding, {.address = Station(100U + id)});
  }
  EXPECT_EQ(table().size(), 17U);
  EXPECT_EQ(table().Learn(VlanId{9}, kVictim, {0}, clock_.now), LearnResult::kLearned);
  const auto own = table().Lookup(VlanId{4000}, Station(116), clock_.now);
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->is_local);
  EXPECT_EQ(table().Learn(VlanId{4000}, Station(116), {0}, clock_.now), LearnResult::kLocal);
  EXPECT_THAT(alarms_, IsEmpty());
}

}  // namespace
}  // namespace tapswitch::own_address_test
