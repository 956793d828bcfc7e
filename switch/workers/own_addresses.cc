#include "switch/workers/own_addresses.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

void OwnAddresses::Set(PortId id, MacAddress address, Tick now) {
  if (addresses_.size() <= id.value) addresses_.resize(id.value + 1U);
  const MacAddress before = std::exchange(addresses_[id.value], address);
  if (before == address) return;
  if (!before.is_zero()) Unlist(id, before, now);
  if (!address.is_zero()) List(id, address, now);
}

void OwnAddresses::List(PortId id, MacAddress address, Tick now) {
  MacTable& table = bridge_.table();
  ActOnRivals(id, address, now);
  if (table.Find(kAnyVlan, address, now)) return;
  // Without room frames to it are flooded, and nobody waits for them.
  static_cast<void>(table.Set(
      {.vlan = kAnyVlan, .address = address, .port = id, .state = MacEntryState::kPermanent}, now));
}

void OwnAddresses::ActOnRivals(PortId id, MacAddress address, Tick now) {
  const auto rivals = bridge_.table().FindRivals(bridge_.view().VlansOf(id), address, id, now);
  for (const MacEntry& rival : rivals) bridge_.table().ExemptFromLimits(rival.vlan, address);
  if (rivals.empty()) return;
  static_cast<void>(bridge_.port_guards().alarms().Raise({.kind = Alarm::Kind::kOwnAddress,
                                                          .port = id,
                                                          .other = rivals.front().port,
                                                          .vlan = rivals.front().vlan,
                                                          .address = address}));
}

void OwnAddresses::Unlist(PortId id, MacAddress address, Tick now) {
  if (!bridge_.table().Erase(kAnyVlan, address, id)) return;
  const auto next = std::find(addresses_.begin(), addresses_.end(), address);
  if (next == addresses_.end()) return;
  List(PortId{static_cast<uint16_t>(next - addresses_.begin())}, address, now);
}

}  // namespace tapswitch
