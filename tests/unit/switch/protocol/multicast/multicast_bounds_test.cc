// Copies for each host, and the bounds of what reports cost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "switch/protocol/multicast/multicast_snooping.h"
#include "tests/support/snooping_bridge.h"

namespace tapswitch::multicast_bounds_test {
namespace {

using ::testing::ElementsAre;

class MulticastBoundsTest : public SnoopingBridge {};

TEST_F(MulticastBoundsTest, HostsOfAPortGetACopyEachWhereItIsToBeSo) {
  ports_[1].multicast.to_unicast = true;
  Apply();
  const auto one = MacAddress::FromNumber(0x020000000B01);
  const auto two = MacAddress::FromNumber(0x020000000B02);
  for (const MacAddress station : {one, two, one}) {
    GroupPacketFrame report = OldReport(kGroup);
    report.source = station;
    Send(kB, report.Build());
  }
  Join(kC, kGroup);
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 2));
  ASSERT_EQ(egress_.of(kB).size(), 2U);
  EXPECT_THAT(egress_.receivers(), ElementsAre(one, two));
  EXPECT_EQ(egress_.of(kB)[0].receiver, 1);
  EXPECT_EQ(egress_.of(kB)[1].receiver, 2);
  EXPECT_EQ(egress_.of(kC)[0].receiver, 0) << "as it came";
}

TEST_F(MulticastBoundsTest, OneCopyDoesForAPortWhereOthersThanMembersMayBe) {
  ports_[1].multicast.to_unicast = true;
  Apply();
  Join(kB, kGroup);
  Send(kB, QueryFrom(kRouter).Build());
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
  EXPECT_EQ(egress_.of(kB)[0].receiver, 0) << "a router is there";
}

TEST_F(MulticastBoundsTest, PortWhoseReportsFindNoRoomIsFloodedTo) {
  settings_.hash_max = 64;
  Apply();
  for (uint32_t n = 0; n < 1000; ++n) Join(kC, V4(0xEF020000 + n));
  EXPECT_EQ(bridge_.groups().rows(kC), 32U);
  Join(kB, kGroup);
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 2)) << "B found room, C may have joined it, too";
  EXPECT_EQ(bridge_.port_guards().alarms().alarms().back().kind, Alarm::Kind::kGroupLimit);
}

TEST_F(MulticastBoundsTest, HostileReportsCostBoundedMemory) {
  uint64_t state = 88172645463325252U;
  const auto random = [&state] {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    return state;
  };
  constexpr int kReports = 100'000;  // of ten records each
  for (int i = 0; i < kReports; ++i) {
    std::vector<RecordOf> records;
    for (int n = 0; n < 10; ++n) {
      records.push_back({static_cast<RecordType>(1 + random() % 6),
                         V4(0xEF000000 | static_cast<uint32_t>(random() & 0xFFFFFF)),
                         {V4(static_cast<uint32_t>(random() & 0x7FFFFFFF) | 1U)}});
    }
    Send(PortId{static_cast<uint16_t>(random() % 4)}, NewReport(records).Build());
    if (i % 16 == 0) Wait(1);
  }
  EXPECT_LE(bridge_.groups().groups(), MulticastTable::kDefaultGroups);
  EXPECT_LE(bridge_.groups().Keys().size(), MulticastTable::kDefaultGroups * 5 / 4);
  EXPECT_LE(bridge_.groups().rows(),
            MulticastTable::kDefaultGroups * MulticastTable::kRowsPerGroup);
}

}  // namespace
}  // namespace tapswitch::multicast_bounds_test
