#include "switch/forwarding/mac_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tapswitch {
namespace {

constexpr uint64_t kLow48 = 0xFFFFFFFFFFFF;

// A power of two, of which `capacity` is at most two thirds; always more than `capacity`, for a
// free slot is what ends a search.
constexpr uint32_t SlotsFor(uint32_t capacity) {
  return std::bit_ceil(capacity + capacity / 2 + 1);
}

}  // namespace

MacTable::MacTable(const Options& options)
    : capacity_(options.capacity),
      ageing_(options.ageing),
      salt_(options.salt),
      slot_mask_(SlotsFor(options.capacity) - 1),
      slots_(size_t{slot_count()} + kListCount),
      lists_(kListCount),
      vlan_flushed_epoch_(kVlanCount) {
  for (uint32_t list = 0; list < kListCount; ++list) {
    const Index head = HeadOf(list);
    slots_[head].older = head;
    slots_[head].newer = head;
  }
}

LearnResult MacTable::Learn(VlanId vlan, MacAddress source, PortId port, Tick now) {
  const Index at = Locate(KeyOf(vlan, source));
  if (at == kNoIndex) return LearnUnknown({.vlan = vlan, .address = source, .port = port}, now);
  const Slot& slot = slots_[at];
  if (slot.port != port.value || slot.state == MacEntryState::kPermanent || !IsLive(slot, now)) {
    return LearnChanged(at, port, now);
  }
  if (slot.last_seen != now.centiseconds) Refresh(at, now);
  return LearnResult::kRefreshed;
}

std::optional<MacEntry> MacTable::Find(VlanId vlan, MacAddress address, Tick now) const {
  const Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !IsLive(slots_[at], now)) return std::nullopt;
  return EntryOf(slots_[at]);
}

bool MacTable::Set(const MacEntry& entry, Tick now) {
  const Index at = Locate(KeyOf(entry.vlan, entry.address));
  if (at == kNoIndex) return Insert(entry, now);
  Unlink(at);
  Fill(at, entry, now);
  return true;
}

bool MacTable::Erase(VlanId vlan, MacAddress address) {
  const Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex) return false;
  const bool was_there = !IsFlushed(slots_[at]);
  Release(at);
  return was_there;
}

void MacTable::FlushPort(PortId port) {
  List& list = lists_[port.value];
  if (list.size == 0) return;
  list.flushed_epoch = epoch_++;

  Slot& from = slots_[HeadOf(port.value)];
  Slot& to = slots_[HeadOf(kFlushedList)];
  slots_[from.newer].older = to.older;
  slots_[to.older].newer = from.newer;
  slots_[from.older].newer = HeadOf(kFlushedList);
  to.older = from.older;
  from.older = from.newer = HeadOf(port.value);
  lists_[kFlushedList].size += std::exchange(list.size, 0);
}

void MacTable::FlushVlan(VlanId vlan) { vlan_flushed_epoch_[vlan.value] = epoch_++; }

void MacTable::FlushAll() {
  for (uint32_t port = 0; port < ports_end_; ++port) {
    FlushPort(PortId{static_cast<uint16_t>(port)});
  }
}

void MacTable::ErasePort(PortId port) {
  FlushPort(port);
  for (Index at = 0; at < slot_count(); ++at) {
    const auto is_set_by_hand = [&](const Slot& slot) {
      return slot.key != 0 && slot.state != MacEntryState::kLearned && slot.port == port.value;
    };
    while (is_set_by_hand(slots_[at])) Release(at);  // which may bring another one to this place
  }
}

bool MacTable::Sweep(size_t max_slots, Tick now,
                     const std::function<void(const MacEntry&)>& on_expired) {
  for (; max_slots > 0; --max_slots) {
    const Slot& slot = slots_[sweep_cursor_];
    // Releasing a slot may bring another entry to its place.
    while (slot.key != 0 && !IsLive(slot, now)) {
      if (on_expired != nullptr && !IsFlushed(slot)) on_expired(EntryOf(slot));
      Release(sweep_cursor_);
    }
    sweep_cursor_ = (sweep_cursor_ + 1) & slot_mask_;
    if (sweep_cursor_ == 0) return true;
  }
  return false;
}

void MacTable::ForEach(Tick now, const std::function<void(const MacEntry&)>& visit) const {
  for (Index at = 0; at < slot_count(); ++at) {
    const Slot& slot = slots_[at];
    if (slot.key != 0 && IsLive(slot, now)) visit(EntryOf(slot));
  }
}

uint32_t MacTable::size() const { return occupied_ - lists_[kFlushedList].size; }
uint32_t MacTable::learned() const { return size() - lists_[kByHandList].size; }
uint32_t MacTable::learned(PortId port) const { return lists_[port.value].size; }

MacEntry MacTable::EntryOf(const Slot& slot) {
  return {.vlan = VlanOf(slot),
          .address = MacAddress::FromNumber(slot.key),
          .port = PortId{slot.port},
          .state = slot.state,
          .sticky = slot.sticky,
          .last_seen = Tick{slot.last_seen}};
}

// The list that an entry is in follows from its contents, flushes included: a flush moves the
// entries of the port to another list by changing flushed_epoch, and their links at once.
uint32_t MacTable::ListOf(const Slot& slot) const {
  if (slot.state != MacEntryState::kLearned) return kByHandList;
  return slot.epoch > lists_[slot.port].flushed_epoch ? slot.port : kFlushedList;
}

// Links the entry as the newest of its list. A head's `newer` is the oldest entry, its `older` the
// newest.
void MacTable::Link(Index at) {
  Slot& slot = slots_[at];
  const uint32_t list = ListOf(slot);
  Slot& head = slots_[HeadOf(list)];
  slot.older = head.older;
  slot.newer = HeadOf(list);
  slots_[head.older].newer = at;
  head.older = at;
  ++lists_[list].size;
}

void MacTable::Unlink(Index at) {
  const Slot& slot = slots_[at];
  slots_[slot.older].newer = slot.newer;
  slots_[slot.newer].older = slot.older;
  --lists_[ListOf(slot)].size;
}

void MacTable::Refresh(Index at, Tick now) {
  slots_[at].last_seen = now.centiseconds & kLow48;
  Unlink(at);
  Link(at);
}

// Writes `entry` into a slot that has its key and is in no list, and links it.
void MacTable::Fill(Index at, const MacEntry& entry, Tick now) {
  Slot& slot = slots_[at];
  slot.epoch = epoch_ & kLow48;
  slot.port = entry.port.value;
  slot.last_seen = now.centiseconds & kLow48;
  slot.state = entry.state;
  slot.sticky = entry.sticky;
  Link(at);
  ports_end_ = std::max(ports_end_, uint32_t{entry.port.value} + 1);
}

// Frees the slot. Each later one of the same run of used slots that a search could no longer reach
// across the gap moves into it, and leaves the gap where it was.
void MacTable::Release(Index at) {
  Unlink(at);
  --occupied_;
  Index gap = at;
  for (Index next = (gap + 1) & slot_mask_; slots_[next].key != 0; next = (next + 1) & slot_mask_) {
    const Index distance = (next - HomeOf(slots_[next].key)) & slot_mask_;
    if (distance < ((next - gap) & slot_mask_)) continue;
    Slot& moved = slots_[gap];
    moved = slots_[next];
    slots_[moved.older].newer = gap;
    slots_[moved.newer].older = gap;
    gap = next;
  }
  slots_[gap].key = 0;
}

LearnResult MacTable::LearnUnknown(const MacEntry& entry, Tick now) {
  if (ageing_.centiseconds == 0) return LearnResult::kRefused;
  return Insert(entry, now) ? LearnResult::kLearned : LearnResult::kRefused;
}

// Of a station whose slot is dead, permanent, or says another port.
LearnResult MacTable::LearnChanged(Index at, PortId port, Tick now) {
  MacEntry entry = EntryOf(slots_[at]);
  const bool was_live = IsLive(slots_[at], now);
  if (was_live && (entry.state != MacEntryState::kLearned || entry.sticky)) {
    return LearnResult::kPinned;
  }
  if (ageing_.centiseconds == 0) return LearnResult::kRefused;
  entry.port = port;
  entry.sticky = false;
  Unlink(at);
  Fill(at, entry, now);
  return was_live ? LearnResult::kMoved : LearnResult::kLearned;
}

// Precondition: the key is not in the table.
bool MacTable::Insert(const MacEntry& entry, Tick now) {
  if (occupied_ == capacity_ && !MakeRoom(entry.port, now)) return false;
  const uint64_t key = KeyOf(entry.vlan, entry.address);
  Index at = HomeOf(key);
  while (slots_[at].key != 0) at = (at + 1) & slot_mask_;
  slots_[at].key = key;
  ++occupied_;
  Fill(at, entry, now);
  return true;
}

// Frees one slot, by the rule of the contract. False when all entries were set by hand.
bool MacTable::MakeRoom(PortId beneficiary, Tick now) {
  Index victim = slots_[HeadOf(kFlushedList)].newer;
  if (lists_[kFlushedList].size == 0) victim = FindExpired(now);
  if (victim == kNoIndex) {
    const uint32_t fullest = FullestPort(beneficiary);
    if (lists_[fullest].size == 0) return false;
    victim = slots_[HeadOf(fullest)].newer;
    if (IsLive(slots_[victim], now)) ++evictions_;  // it may be of a flushed VLAN
  }
  Release(victim);
  return true;
}

// An expired entry, if there is any. A port's oldest entry tells whether it has one. As long as
// none is found, the ports are gone through at most once per tick.
MacTable::Index MacTable::FindExpired(Tick now) {
  if (now.centiseconds - no_older_than_ < ageing_.centiseconds) return kNoIndex;
  uint64_t oldest_seen = now.centiseconds;
  for (uint32_t port = 0; port < ports_end_; ++port) {
    if (lists_[port].size == 0) continue;
    const Index oldest = slots_[HeadOf(port)].newer;
    if (IsExpired(slots_[oldest], now)) return oldest;
    oldest_seen = std::min<uint64_t>(oldest_seen, slots_[oldest].last_seen);
  }
  no_older_than_ = oldest_seen;
  return kNoIndex;
}

// The port with the most learned entries; of equals `preferred`, then the lowest.
uint32_t MacTable::FullestPort(PortId preferred) const {
  uint32_t fullest = preferred.value;
  for (uint32_t port = 0; port < ports_end_; ++port) {
    if (lists_[port].size > lists_[fullest].size) fullest = port;
  }
  return fullest;
}

}  // namespace tapswitch
