// Which station has which IP address, as far as ARP and neighbour discovery have told.
//
// What somebody outside knows, as a routing daemon does, is fixed: it does not age. A station that
// claims such an address makes it contested, and does not get it.
//
// Bounded: sets of a few places, chosen by a keyed hash; the one who was heard of longest ago makes
// room. Whoever fills it with lies only has questions flooded again, as without it.
//
// When two stations claim one address, nobody knows who lies: the entry is contested, and not to be
// used, until for a while only one of them has claimed it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"
#include "switch/protocol/neighbours/neighbour_message.h"
#include "switch/protocol/sip_hash.h"

namespace tapswitch {

struct Neighbour {
  IpAddress address;
  MacAddress mac{};
  VlanId vlan;
  std::optional<bool> is_router;  // nothing: it has not said
  Tick last_seen;
  Tick contested_until;
  bool fixed = false;         // somebody outside says so: it does not age, and makes no room
  bool extern_learn = false;  // of a fixed one: a routing daemon says so, and not a user

  [[nodiscard]] bool is_contested(Tick now) const { return now < contested_until; }
  [[nodiscard]] bool is_by_user() const { return fixed && !extern_learn; }
  bool operator==(const Neighbour&) const = default;
};

class NeighbourTable {
 public:
  static constexpr size_t kCapacity = 4096;
  // Since a station last spoke for its address; the time that the kernel gives addresses of
  // stations.
  static constexpr Ticks kLifetime{30000};
  static constexpr Ticks kContestedFor{3000};

  enum class Result : uint8_t { kNew, kKnown, kContested };

  // Room for entries. Without it nothing is learned.
  void Reserve() { places_.resize(kCapacity); }
  // Forgets all.
  void Release() { places_ = {}; }
  // To be called while it is empty.
  void SetKey(SipKey key) { key_ = key; }

  Result Learn(VlanId vlan, MacAddress mac, const NeighbourClaim& claim, Tick now);

  // Sets what somebody outside knows, in place of what there was. False when there is no room, as
  // without Reserve.
  [[nodiscard]] bool Fix(const Neighbour& neighbour, Tick now);
  // Forgets it, or leaves it as if its station had just said so.
  void Unfix(VlanId vlan, IpAddress address, bool keeps, Tick now);

  // Goes on with what an earlier process knew.
  void Restore(const Neighbour& neighbour);

  // Null when there is none that is alive.
  [[nodiscard]] const Neighbour* Find(VlanId vlan, IpAddress address, Tick now) const;

  // Calls visit(const Neighbour&) for those that are alive among `count` places from `first` on.
  template <typename Visit>
  void VisitSome(size_t first, size_t count, Tick now, Visit&& visit) const {
    for (size_t i = first; i < std::min(first + count, places_.size()); ++i) {
      if (places_[i].is_alive(now)) visit(places_[i].neighbour);
    }
  }

  // Forgets what `unwanted` takes; returns how many.
  template <typename Unwanted>
  uint64_t Erase(Tick now, Unwanted&& unwanted) {
    uint64_t erased = 0;
    for (Place& place : places_) {
      if (!place.is_alive(now) || !unwanted(std::as_const(place.neighbour))) continue;
      place.used = false;
      ++erased;
    }
    return erased;
  }

  // Those that are alive.
  [[nodiscard]] size_t CountAlive(Tick now) const;

 private:
  struct Place {
    bool used = false;
    Neighbour neighbour;

    [[nodiscard]] bool is_alive(Tick now) const {
      return used && (neighbour.fixed || now < neighbour.last_seen + kLifetime);
    }
  };
  static constexpr size_t kWays = 8;

  // Null when it is not there.
  [[nodiscard]] Place* FindPlace(VlanId vlan, IpAddress address, Tick now);
  // The first of the places where an address of a VLAN may stand.
  [[nodiscard]] size_t SetOf(VlanId vlan, IpAddress address) const;

  SipKey key_;
  std::vector<Place> places_;
};

}  // namespace tapswitch
