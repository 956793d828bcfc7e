// Stations for tests of the MAC table, told apart by a number.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

[[nodiscard]] constexpr MacAddress Station(uint64_t number) {
  return MacAddress::FromNumber(0x020000000000 + number);
}

// Learns the stations first .. last, in this order, in kNoVlan.
inline void LearnRange(MacTable& table, uint64_t first, uint64_t last, PortId port, Tick now) {
  for (uint64_t i = first; i <= last; ++i) table.Learn(kNoVlan, Station(i), port, now);
}

// The port that the station is behind in kNoVlan, if it is known.
[[nodiscard]] inline std::optional<PortId> PortOf(const MacTable& table, MacAddress address,
                                                  Tick now) {
  const auto found = table.Lookup(kNoVlan, address, now);
  if (!found.has_value()) return std::nullopt;
  return found->port;
}

[[nodiscard]] inline std::vector<MacEntry> EntriesOf(const MacTable& table, Tick now) {
  std::vector<MacEntry> entries;
  auto cursor = table.BeginWalk();
  table.Walk(cursor, table.slots(), now, [&](const MacEntry& e) { entries.push_back(e); });
  return entries;
}

}  // namespace tapswitch
