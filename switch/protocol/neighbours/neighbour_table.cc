#include "switch/protocol/neighbours/neighbour_table.h"

#include <array>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {

namespace {

// The lowest makes room first; what is fixed never does.
Tick RankOf(const Neighbour& neighbour) {
  return neighbour.fixed ? Tick{~uint64_t{0}} : neighbour.last_seen;
}

}  // namespace

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
      return place.is_alive(now) ? RankOf(place.neighbour) : Tick{};
    };
    const auto victim = std::ranges::min_element(set, {}, rank);
    if (victim->used && victim->neighbour.fixed) return Result::kKnown;
    *victim = {.used = true,
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
  if (known.fixed) {
    known.contested_until = now + kContestedFor;
    return Result::kContested;
  }
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
    return place.used ? RankOf(place.neighbour) : Tick{};
  };
  *std::ranges::min_element(set, {}, rank) = {.used = true, .neighbour = neighbour};
}

NeighbourTable::Place* NeighbourTable::FindPlace(VlanId vlan, IpAddress address, Tick now) {
  if (places_.empty()) return nullptr;
  for (Place& place : std::span(places_).subspan(SetOf(vlan, address), kWays)) {
    const Neighbour& known = place.neighbour;
    if (place.is_alive(now) && known.vlan == vlan && known.address == address) return &place;
  }
  return nullptr;
}

bool NeighbourTable::Fix(const Neighbour& neighbour, Tick now) {
  if (places_.empty()) return false;
  Place* place = FindPlace(neighbour.vlan, neighbour.address, now);
  if (place == nullptr) {
    const auto set = std::span(places_).subspan(SetOf(neighbour.vlan, neighbour.address), kWays);
    const auto rank = [&](const Place& one) {
      return one.is_alive(now) ? RankOf(one.neighbour) : Tick{};
    };
    place = &*std::ranges::min_element(set, {}, rank);
    if (place->used && place->neighbour.fixed) return false;
  }
  *place = {.used = true, .neighbour = neighbour};
  place->neighbour.fixed = true;
  place->neighbour.last_seen = now;
  return true;
}

void NeighbourTable::Unfix(VlanId vlan, IpAddress address, bool keeps, Tick now) {
  Place* const place = FindPlace(vlan, address, now);
  if (place == nullptr || !place->neighbour.fixed) return;
  place->used = keeps;
  place->neighbour.fixed = false;
  place->neighbour.last_seen = now;
}

size_t NeighbourTable::CountAlive(Tick now) const {
  return static_cast<size_t>(
      std::ranges::count_if(places_, [&](const Place& place) { return place.is_alive(now); }));
}

}  // namespace tapswitch
