// The part of MacTable that forwarding calls for each frame. Included by mac_table.h, and by nobody
// else.

#pragma once

#include <algorithm>

#include "switch/forwarding/fdb/mac_table.h"

namespace tapswitch {

// The functions below are inline because the cost of a call, and of returning an optional from one,
// would be half the cost of a look-up that hits the cache.

// VLAN and MAC take 60 bits; the bit above them tells a key from a free slot.
inline uint64_t MacTable::KeyOf(VlanId vlan, MacAddress address) {
  return (uint64_t{1} << 60U) | (uint64_t{vlan.value} << 48U) | address.number();
}

inline VlanId MacTable::VlanOf(const Slot& slot) {
  return VlanId{static_cast<uint16_t>((slot.key >> 48U) & 0xFFFU)};
}

// A bijection in which each bit of the key changes each bit of the hash with even odds (the
// finaliser of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
// 2014), salted twice. One multiplication would be faster, but leaves runs of vendor-assigned
// addresses in clusters.
inline MacTable::Index MacTable::HomeOf(uint64_t key) const {
  uint64_t hash = key ^ salt_;
  hash = (hash ^ (hash >> 30U)) * 0xBF58476D1CE4E5B9;
  hash += std::rotl(salt_, 32);
  hash = (hash ^ (hash >> 27U)) * 0x94D049BB133111EB;
  hash ^= hash >> 31U;
  return static_cast<Index>(hash) & slot_mask_;
}

// The slot of `key`, live or not.
inline MacTable::Index MacTable::Locate(uint64_t key) const {
  for (Index at = HomeOf(key);; at = (at + 1) & slot_mask_) {
    if (slots_[at].key == key) return at;
    if (slots_[at].key == 0) return kNoIndex;
  }
}

inline MacTable::Index MacTable::LocateAnyVlan(MacAddress address) const {
  return any_vlan_ == 0 ? kNoIndex : Locate(KeyOf(kAnyVlan, address));
}

inline bool MacTable::IsFlushed(const Slot& slot) const {
  return slot.mortal && (slot.epoch <= lists_[slot.port].flushed_epoch ||
                         slot.epoch <= vlan_flushed_epoch_[VlanOf(slot).value]);
}

inline bool MacTable::IsExpired(const Slot& slot, Tick now) const {
  return slot.mortal && now.centiseconds - slot.last_seen >= ageing_.centiseconds;
}

inline bool MacTable::IsLive(const Slot& slot, Tick now) const {
  return !IsFlushed(slot) && !IsExpired(slot, now);
}

// By force, as more than one function calls it: what a call returns in a register is written there
// in parts and read as one word, which waits for all writes before it.
[[gnu::always_inline]] inline std::optional<MacLookup> MacTable::Lookup(VlanId vlan,
                                                                        MacAddress address,
                                                                        Tick now) const {
  Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !IsLive(slots_[at], now)) {
    at = LocateAnyVlan(address);
    if (at == kNoIndex) return std::nullopt;
  }
  const Slot& slot = slots_[at];
  return MacLookup{
      .port = PortId{slot.port},
      .is_local = slot.state == MacEntryState::kPermanent,
      .group = HasGroup(slot) ? static_cast<uint16_t>(slot.port - kFirstGroup) : kNoGroup};
}

inline void MacTable::Prefetch(VlanId vlan, MacAddress address) const {
  __builtin_prefetch(&slots_[HomeOf(KeyOf(vlan, address))]);
}

}  // namespace tapswitch
