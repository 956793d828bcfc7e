// One of a thousand machines with a hundred stations each, simulated: what it does and needs when
// all others announce theirs, when one is started anew, and when it reads all anew.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>
#include <iostream>
#include <map>
#include <vector>

#include "switch/control/evpn/fdb_synchroniser.h"

namespace tapswitch::many_stations_test {
namespace {

using Kind = FdbOperation::Kind;

constexpr uint32_t kMachines = 1000;
constexpr uint32_t kStations = 100;  // of each machine
constexpr size_t kAtOnce = 512;
constexpr StationSighting kHere{.place = StationPlace::kLocal};
constexpr StationSighting kElsewhere{.place = StationPlace::kRemote};

MacAddress Station(uint32_t machine, uint32_t number) {
  return MacAddress::FromNumber(0x020000000000 + uint64_t{machine} * kStations + number);
}

class ManyStationsTest : public testing::Test {
 protected:
  void Announce(uint32_t machine) {
    for (uint32_t i = 0; i < kStations; ++i) {
      table_.OnTunnel(Station(machine, i), IpAddress::FromV4(0x0A000000 + machine));
      table_.OnKernel(Station(machine, i), kElsewhere);
    }
  }
  void Withdraw(uint32_t machine) {
    for (uint32_t i = 0; i < kStations; ++i) {
      table_.OnKernel(Station(machine, i), {});
      table_.OnTunnel(Station(machine, i), std::nullopt);
    }
  }
  // How much of each kind was to be done.
  std::map<Kind, uint32_t> Work() {
    std::map<Kind, uint32_t> done;
    while (table_.has_work()) {
      for (const FdbOperation& operation : table_.Take(kAtOnce)) ++done[operation.kind];
    }
    return done;
  }

  FdbSynchroniser table_;
};

TEST_F(ManyStationsTest, EachStationTakesOneOperationAndALittleMemory) {
  constexpr uint32_t kElsewhereAll = (kMachines - 1) * kStations;
  const auto before = mallinfo2().uordblks;
  for (uint32_t i = 0; i < kStations; ++i) table_.OnTable(Station(0, i), kHere);
  for (uint32_t machine = 1; machine < kMachines; ++machine) Announce(machine);
  const std::map<Kind, uint32_t> expected{{Kind::kAnnounce, kStations},
                                          {Kind::kInstall, kElsewhereAll}};
  EXPECT_EQ(Work(), expected);
  EXPECT_EQ(table_.remote(), kElsewhereAll);
  EXPECT_EQ(table_.left_out(), 0U);
  const double each = static_cast<double>(mallinfo2().uordblks - before) /
                      static_cast<double>(kMachines * kStations);
  std::cout << each << " bytes for each station\n";

  // One machine is started anew.
  Withdraw(7);
  EXPECT_EQ(Work(), (std::map<Kind, uint32_t>{{Kind::kRemove, kStations}}));
  Announce(7);
  EXPECT_EQ(Work(), (std::map<Kind, uint32_t>{{Kind::kInstall, kStations}}));

  // All is read anew, and nothing has changed.
  table_.BeginResync();
  for (uint32_t i = 0; i < kStations; ++i) {
    table_.OnTable(Station(0, i), kHere);
    table_.OnKernel(Station(0, i), kHere);
  }
  for (uint32_t machine = 1; machine < kMachines; ++machine) {
    for (uint32_t i = 0; i < kStations; ++i) table_.OnTable(Station(machine, i), kElsewhere);
    Announce(machine);
  }
  table_.EndResync();
  EXPECT_TRUE(Work().empty());
}

}  // namespace
}  // namespace tapswitch::many_stations_test
