// Learning: what is learned, what limits say to it, and who makes room.

#include <algorithm>

#include "switch/forwarding/fdb/mac_table.h"

namespace tapswitch {
namespace {

// By how many entries `count` would exceed `max` if one more came.
uint32_t Excess(uint32_t count, uint32_t max) {
  return max == 0 || count < max ? 0 : count - max + 1;
}

}  // namespace

LearnResult MacTable::Learn(VlanId vlan, MacAddress source, PortId port, Tick now) {
  const Index at = Locate(KeyOf(vlan, source));
  if (at == kNoIndex) return LearnSlowly(at, vlan, source, port, now);
  const Slot& slot = slots_[at];
  if (slot.port != port.value || slot.state == MacEntryState::kPermanent || !IsLive(slot, now)) {
    return LearnSlowly(at, vlan, source, port, now);
  }
  if (slot.last_seen != now.centiseconds) Refresh(at, now);
  return LearnResult::kRefreshed;
}

LearnResult MacTable::LearnLocked(VlanId vlan, MacAddress source, PortId port, Tick now) {
  return LearnSlowly(Locate(KeyOf(vlan, source)), vlan, source, port, now, true);
}

void MacTable::Hold(VlanId vlan, MacAddress address) {
  const Index at = Locate(KeyOf(vlan, address));
  if (at != kNoIndex) SetHeld(at, slots_[at].state == MacEntryState::kLearned);
}

bool MacTable::ReleaseHold(VlanId vlan, MacAddress address) {
  const Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !slots_[at].held) return false;
  SetHeld(at, false);
  return true;
}

void MacTable::SetHeld(Index at, bool is_held) {
  const bool was_held = slots_[at].held;
  if (was_held == is_held) return;
  slots_[at].held = is_held;
  CountChange(slots_[at]);
  Record(is_held ? Change::Kind::kHeld : Change::Kind::kReleased, EntryOf(slots_[at]),
         PortId{slots_[at].port});
}

void MacTable::ExemptFromLimits(VlanId vlan, MacAddress address) {
  const Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !IsCounted(slots_[at])) return;
  slots_[at].exempt = true;
  --lists_[ListOf(slots_[at])].plain;
  --learned_;
}

LearnResult MacTable::WouldLearn(VlanId vlan, MacAddress source, PortId port, Tick now) const {
  const Index at = Locate(KeyOf(vlan, source));
  const LearnResult wish = Judge(at, source, port, now);
  if (wish != LearnResult::kLearned && wish != LearnResult::kMoved) return wish;
  if (CountsAfter(at, wish) && !FitsUnderLimits(at, port, wish, now)) return LearnResult::kLimited;
  return at != kNoIndex || CanMakeRoom() ? wish : LearnResult::kRefused;
}

std::optional<MacEntry> MacTable::WouldEvict(VlanId vlan, MacAddress source, PortId port,
                                             Tick now) const {
  const LearnResult result = WouldLearn(vlan, source, port, now);
  const bool gains = result == LearnResult::kLearned || result == LearnResult::kMoved;
  const Index at = Locate(KeyOf(vlan, source));
  if (gains && port_replaces_[port.value] != 0 && TooManyOnPort(at, port, result) > 0 &&
      CountsAfter(at, result)) {
    const Index oldest = OldestPlain(port);
    if (oldest != at && IsLive(slots_[oldest], now)) return EntryOf(slots_[oldest]);
    return std::nullopt;
  }
  if (occupied_ < capacity_ || lists_[kFlushedList].size > 0) return std::nullopt;
  if (at != kNoIndex || result != LearnResult::kLearned) return std::nullopt;
  for (uint32_t other = 0; other < ports_end_; ++other) {
    if (lists_[other].size > 0 && IsExpired(slots_[OldestOf(other)], now)) return std::nullopt;
  }
  const Slot& victim = slots_[OldestOf(FullestPort(port))];
  if (!IsLive(victim, now)) return std::nullopt;
  return EntryOf(victim);
}

// Of a station that is not simply seen again. `at` is its slot, or kNoIndex.
LearnResult MacTable::LearnSlowly(Index at, VlanId vlan, MacAddress source, PortId port, Tick now,
                                  bool locked) {
  const LearnResult wish = Judge(at, source, port, now);
  if (wish == LearnResult::kRefreshed) Refresh(at, now);
  if (wish != LearnResult::kLearned && wish != LearnResult::kMoved) return wish;

  const bool moves = wish == LearnResult::kMoved;
  const PortId from = moves ? PortId{slots_[at].port} : port;
  const bool counts = CountsAfter(at, wish);
  const bool adds_to_bridge = AddsToBridge(at, wish);
  if (!moves && at != kNoIndex) Reclaim(at, now);
  if (counts && !MakeRoomUnderLimits(port, adds_to_bridge, now)) return LearnResult::kLimited;

  const MacEntry entry{.vlan = vlan,
                       .address = source,
                       .port = port,
                       .by_user = !counts,
                       .locked = locked,
                       .last_seen = now};
  if (moves) {
    moved_from_ = from;
    at = Locate(KeyOf(vlan, source));  // making room may have shifted it
    CountChange(slots_[at]);
    generations_.CountOnPort(port);
    Unlink(at);
    Fill(at, entry, now);
  } else if (!Insert(entry, now)) {
    return LearnResult::kRefused;
  }
  Record(moves ? Change::Kind::kMoved : Change::Kind::kLearned, entry, from);
  return wish;
}

// What learning comes to as far as the station's own entry decides it; limits and room aside.
LearnResult MacTable::Judge(Index at, MacAddress source, PortId port, Tick now) const {
  const bool is_known = at != kNoIndex && IsLive(slots_[at], now);
  if (is_known) {
    const Slot& slot = slots_[at];
    if (slot.state == MacEntryState::kPermanent) return LearnResult::kLocal;
    if (IsOn(slot, port)) return LearnResult::kRefreshed;
    const bool stays = slot.state != MacEntryState::kLearned || slot.sticky || slot.held;
    if (stays) return LearnResult::kPinned;
  } else if (LocateAnyVlan(source) != kNoIndex) {
    return LearnResult::kLocal;
  }
  if (ageing_.centiseconds == 0) return LearnResult::kRefused;
  return is_known ? LearnResult::kMoved : LearnResult::kLearned;
}

// Whether the entry is a plain one once the wish is granted: all but those set by hand, which stay
// so when they move.
bool MacTable::CountsAfter(Index at, LearnResult wish) const {
  return wish != LearnResult::kMoved || !slots_[at].by_user || slots_[at].extern_learn;
}

// Whether the bridge then has one more plain entry than without this station's dead one.
bool MacTable::AddsToBridge(Index at, LearnResult wish) const {
  return wish != LearnResult::kMoved || !IsPlain(slots_[at]);
}

// Drops expired entries until one more plain one on `port` keeps the limits; and where the port
// replaces, others of it. False when they do not suffice.
bool MacTable::MakeRoomUnderLimits(PortId port, bool adds_to_bridge, Tick now) {
  while (Excess(learned(port), max_learned(port)) > 0) {
    Index oldest = OldestOf(port.value);
    if (!IsExpired(slots_[oldest], now)) {
      if (port_replaces_[port.value] == 0) return false;
      oldest = OldestPlain(port);
    }
    Reclaim(oldest, now);
  }
  while (adds_to_bridge && Excess(learned_, max_learned_) > 0) {
    const Index expired = FindExpired(now);
    if (expired == kNoIndex) return false;
    Reclaim(expired, now);
  }
  return true;
}

// By how many plain entries the port would exceed its limit, once the station's dead entry at `at`
// is out of the way.
uint32_t MacTable::TooManyOnPort(Index at, PortId port, LearnResult wish) const {
  const bool frees = wish == LearnResult::kLearned && at != kNoIndex && IsCounted(slots_[at]) &&
                     slots_[at].port == port.value;
  return Excess(learned(port) - (frees ? 1 : 0), max_learned(port));
}

bool MacTable::IsAtPortLimit(VlanId vlan, MacAddress source, PortId port, Tick now) const {
  if (port_replaces_[port.value] != 0) return false;
  const Index at = Locate(KeyOf(vlan, source));
  const uint32_t too_many = TooManyOnPort(at, port, Judge(at, source, port, now));
  return ExpiredPlain(port, at, too_many, now) < too_many;
}

// What MakeRoomUnderLimits would answer, once the station's dead entry at `at` is out of the way.
bool MacTable::FitsUnderLimits(Index at, PortId port, LearnResult wish, Tick now) const {
  const bool frees = wish == LearnResult::kLearned && at != kNoIndex && IsCounted(slots_[at]);
  const uint32_t too_many = TooManyOnPort(at, port, wish);
  const bool replaces = port_replaces_[port.value] != 0;
  if (!replaces && ExpiredPlain(port, at, too_many, now) < too_many) return false;
  if (!AddsToBridge(at, wish)) return true;

  const uint32_t replaced = replaces ? too_many : 0;
  uint32_t missing = Excess(learned_ - (frees ? 1 : 0) - replaced, max_learned_);
  for (uint16_t other = 0; other < ports_end_ && missing > 0; ++other) {
    const uint32_t counted = other == port.value ? replaced : 0;  // already, as they are the oldest
    const uint32_t expired = ExpiredPlain(PortId{other}, at, missing + counted, now);
    missing -= expired - std::min(expired, counted);
  }
  return missing == 0;
}

// The plain entry of `port` that was not seen for longest. Precondition: it has one.
MacTable::Index MacTable::OldestPlain(PortId port) const {
  Index at = OldestOf(port.value);
  while (!IsPlain(slots_[at])) at = slots_[at].newer;
  return at;
}

// The expired plain entries of `port`, `except` aside; counted up to `enough`.
uint32_t MacTable::ExpiredPlain(PortId port, Index except, uint32_t enough, Tick now) const {
  uint32_t count = 0;
  for (Index at = OldestOf(port.value); count < enough && at != HeadOf(port.value);
       at = slots_[at].newer) {
    if (!IsExpired(slots_[at], now)) break;
    if (at != except && IsPlain(slots_[at])) ++count;
  }
  return count;
}

// Precondition: the key is not in the table.
bool MacTable::Insert(const MacEntry& entry, Tick now) {
  if (occupied_ == capacity_ && !MakeRoom(entry.port, now)) return false;
  const uint64_t key = KeyOf(entry.vlan, entry.address);
  Index at = HomeOf(key);
  while (slots_[at].key != 0) at = (at + 1) & slot_mask_;
  slots_[at].key = key;
  ++occupied_;
  if (entry.vlan == kAnyVlan) ++any_vlan_;
  generations_.CountInVlan(entry.vlan);
  Fill(at, entry, now);
  return true;
}

// Frees one slot, by the rule of the contract. False when all entries are fixed.
bool MacTable::MakeRoom(PortId beneficiary, Tick now) {
  if (!CanMakeRoom()) return false;
  Index victim = OldestOf(kFlushedList);
  if (lists_[kFlushedList].size == 0) victim = FindExpired(now);
  if (victim == kNoIndex) {
    victim = OldestOf(FullestPort(beneficiary));
    if (IsLive(slots_[victim], now)) ++evictions_;  // it may be of a flushed VLAN
  }
  Reclaim(victim, now);
  return true;
}

// An expired entry, if there is any. A port's oldest entry tells whether it has one. As long as
// none is found, the ports are gone through at most once per tick.
MacTable::Index MacTable::FindExpired(Tick now) {
  if (now.centiseconds - no_older_than_ < ageing_.centiseconds) return kNoIndex;
  uint64_t oldest_seen = now.centiseconds;
  for (uint32_t port = 0; port < ports_end_; ++port) {
    if (lists_[port].size == 0) continue;
    const Index oldest = OldestOf(port);
    if (IsExpired(slots_[oldest], now)) return oldest;
    oldest_seen = std::min<uint64_t>(oldest_seen, slots_[oldest].last_seen);
  }
  no_older_than_ = oldest_seen;
  return kNoIndex;
}

// The port with the most mortal entries; of equals `preferred`, then the lowest.
uint32_t MacTable::FullestPort(PortId preferred) const {
  uint32_t fullest = preferred == kBridgePort ? 0 : preferred.value;
  uint32_t most = lists_[fullest].size;
  for (uint32_t port = 0; port < ports_end_; ++port) {
    if (lists_[port].size <= most) continue;
    most = lists_[port].size;
    fullest = port;
  }
  return fullest;
}

}  // namespace tapswitch
