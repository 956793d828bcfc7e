#include "switch/protocol/neighbours/neighbour_table.h"

#include <array>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {

size_t NeighbourTable::SetOf(VlanId vlan, IpAddress address) const {
  std::array<std::byte, IpAddress::kV6Size + 2> key{};
  std::ranges::copy(address.bytes(), key.begin());
  StoreBe16(key.data() + IpAddress::kV6Size, vlan.value);
  return SipHash(key_, key) % (kCapacity / kWays) * kWays;
}

const Neighbour* NeighbourTable::Find(VlanId vlan, IpAddress address, Tick now) const {
  if (places_.empty()) return nullptr;
  for (const Place& place : std::span(places_).subspan(SetOf(vlan, address), kWays)) {
    const Neighbour& known = place.neighbour;
    if (place.is_alive(now) && known.vlan == vlan && known.address == address) return &known;
  }
  return nullptr;
}

NeighbourTable::Result NeighbourTable::Learn(VlanId vlan, MacAddress mac,
                                             const NeighbourClaim& claim, Tick now) {
  if (places_.empty()) return Result::kKnown;
  const auto set = std::span(places_).subspan(SetOf(vlan, claim.address), kWays);
  const auto is_it = [&](const Place& place) {
    return place.is_alive(now) && place.neighbour.vlan == vlan &&
           place.neighbour.address == claim.address;
  };
  const auto found = std::ranges::find_if(set, is_it);
  if (found == set.end()) {
    const auto rank = [&](const Place& place) {
      return place.is_alive(now) ? place.neighbour.last_seen : Tick{};
    };
    *std::ranges::min_element(set, {}, rank) = {.used = true,
                                                .neighbour = {.address = claim.address,
                                                              .mac = mac,
                                                              .vlan = vlan,
                                                              .is_router = claim.is_router,
                                                              .last_seen = now,
                                                              .contested_until = {}}};
    return Result::kNew;
  }
  Neighbour& known = found->neighbour;
  if (known.mac == mac) {
    known.last_seen = now;
    if (claim.is_router) known.is_router = claim.is_router;
    return Result::kKnown;
  }
  if (!claim.overrides) return Result::kKnown;
  known.mac = mac;
  known.is_router = claim.is_router;
  known.last_seen = now;
  known.contested_until = now + kContestedFor;
  return Result::kContested;
}

void NeighbourTable::Restore(const Neighbour& neighbour) {
  if (places_.empty()) return;
  const auto set = std::span(places_).subspan(SetOf(neighbour.vlan, neighbour.address), kWays);
  const auto rank = [](const Place& place) {
    return place.used ? place.neighbour.last_seen : Tick{};
  };
  *std::ranges::min_element(set, {}, rank) = {.used = true, .neighbour = neighbour};
}

size_t NeighbourTable::CountAlive(Tick now) const {
  return static_cast<size_t>(
      std::ranges::count_if(places_, [&](const Place& place) { return place.is_alive(now); }));
}

}  // namespace tapswitch
