// Slots and lists, and all that goes through them.

#include "switch/forwarding/fdb/mac_table.h"

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
      port_max_learned_(kMaxPorts),
      port_replaces_(kMaxPorts),
      vlan_flushed_epoch_(kVlanCount) {
  for (uint32_t list = 0; list < kListCount; ++list) {
    const Index head = HeadOf(list);
    slots_[head].older = head;
    slots_[head].newer = head;
  }
}

bool MacTable::IsLocked(VlanId vlan, MacAddress address) const {
  const Index at = Locate(KeyOf(vlan, address));
  return at != kNoIndex && slots_[at].locked;
}

std::optional<MacStanding> MacTable::StandingOf(VlanId vlan, MacAddress address, PortId port,
                                                Tick now) const {
  const Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !IsLive(slots_[at], now)) return std::nullopt;
  const Slot& slot = slots_[at];
  if (slot.state == MacEntryState::kPermanent || !IsOn(slot, port)) return std::nullopt;
  return MacStanding{.until = slot.mortal ? Tick{slot.last_seen} + ageing_ : kEndOfTime,
                     .is_held = slot.held};
}

std::optional<MacEntry> MacTable::Find(VlanId vlan, MacAddress address, Tick now) const {
  const auto entries = FindAll(vlan, address, now);
  if (entries.empty()) return std::nullopt;
  return entries.front();
}

std::vector<MacEntry> MacTable::FindAll(VlanId vlan, MacAddress address, Tick now) const {
  std::vector<MacEntry> entries;
  Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !IsLive(slots_[at], now)) at = LocateAnyVlan(address);
  if (at == kNoIndex) return entries;
  Show(slots_[at], [&](const MacEntry& entry) { entries.push_back(entry); });
  return entries;
}

std::vector<MacEntry> MacTable::FindRivals(const VlanSet& vlans, MacAddress address, PortId port,
                                           Tick now) const {
  std::vector<MacEntry> rivals;
  vlans.ForEach([&](VlanId vlan) {
    const Index at = Locate(KeyOf(vlan, address));
    if (at == kNoIndex || !IsLive(slots_[at], now) || IsOn(slots_[at], port)) return;
    rivals.push_back(*Find(vlan, address, now));
  });
  return rivals;
}

bool MacTable::Set(const MacEntry& entry, Tick now) {
  const Index at = Locate(KeyOf(entry.vlan, entry.address));
  if (at == kNoIndex) {
    if (!Insert(entry, now)) return false;
    MacEntry inserted = entry;
    inserted.last_seen = now;
    Record(Change::Kind::kSet, inserted, entry.port);
    return true;
  }
  const Slot& slot = slots_[at];
  if (IsExpired(slot, now) && !IsFlushed(slot)) RecordGone(Change::Kind::kAged, slot);
  CountChange(slot);
  if (!IsOn(slot, entry.port)) generations_.CountOnPort(entry.port);
  DropGroup(slot);
  Unlink(at);
  Fill(at, entry, now);
  Record(Change::Kind::kSet, EntryOf(slot), entry.port);
  return true;
}

bool MacTable::Restore(const MacEntry& entry, Tick now) {
  if (!Set(entry, now)) return false;
  Slot& slot = slots_[Locate(KeyOf(entry.vlan, entry.address))];
  slot.last_seen = std::min(entry.last_seen, now).centiseconds & kLow48;
  return true;
}

bool MacTable::Erase(VlanId vlan, MacAddress address) {
  const Index at = Locate(KeyOf(vlan, address));
  return at != kNoIndex && EraseWhole(Change::Kind::kErased, at);
}

// False when it was flushed.
bool MacTable::EraseWhole(Change::Kind why, Index at) {
  const bool was_there = !IsFlushed(slots_[at]);
  CountChange(slots_[at]);
  RecordGone(why, slots_[at]);
  Release(at);
  return was_there;
}

void MacTable::FlushPort(PortId port) {
  List& list = lists_[port.value];
  if (list.size == 0) return;
  RecordFlush(port);
  list.flushed_epoch = epoch_++;
  generations_.CountInAllVlans();
  generations_.CountOnPort(port);

  Slot& from = slots_[HeadOf(port.value)];
  Slot& to = slots_[HeadOf(kFlushedList)];
  slots_[from.newer].older = to.older;
  slots_[to.older].newer = from.newer;
  slots_[from.older].newer = HeadOf(kFlushedList);
  to.older = from.older;
  from.older = from.newer = HeadOf(port.value);
  lists_[kFlushedList].size += std::exchange(list.size, 0);
  learned_ -= std::exchange(list.plain, 0);
}

void MacTable::FlushVlan(VlanId vlan) {
  RecordFlush(vlan);
  vlan_flushed_epoch_[vlan.value] = epoch_++;
  generations_.CountInVlan(vlan);
  generations_.CountOnAllPorts();
}

void MacTable::FlushAll() {
  for (uint32_t port = 0; port < ports_end_; ++port) {
    FlushPort(PortId{static_cast<uint16_t>(port)});
  }
}

// Entries that had expired may be live again, and the other way round.
void MacTable::set_ageing(Ticks ageing) {
  if (std::exchange(ageing_, ageing) == ageing) return;
  generations_.CountInAllVlans();
  generations_.CountOnAllPorts();
}

bool MacTable::Sweep(size_t max_slots, Tick now) {
  for (; max_slots > 0; --max_slots) {
    // Releasing a slot may bring another entry to its place.
    while (slots_[sweep_cursor_].key != 0 && !IsLive(slots_[sweep_cursor_], now)) {
      Reclaim(sweep_cursor_, now);
    }
    sweep_cursor_ = (sweep_cursor_ + 1) & slot_mask_;
    if (sweep_cursor_ == 0) return true;
  }
  return false;
}

MacTable::Cursor MacTable::BeginWalk() const {
  Index free = 0;
  while (slots_[free].key != 0) ++free;
  Cursor cursor;
  cursor.start = (free + 1) & slot_mask_;
  return cursor;
}

bool MacTable::Walk(Cursor& cursor, size_t max_slots, Tick now,
                    const std::function<void(const MacEntry&)>& visit) const {
  for (size_t walked = 1; cursor.passed < slot_count(); ++walked) {
    const Slot& slot = slots_[(cursor.start + cursor.passed) & slot_mask_];
    ++cursor.passed;
    if (slot.key != 0 && IsLive(slot, now)) Show(slot, visit);
    if (slot.key == 0 && walked >= max_slots) break;
  }
  return cursor.passed == slot_count();
}

// The port of an entry with a group is not one.
MacEntry MacTable::EntryOf(const Slot& slot) {
  return {.vlan = VlanOf(slot),
          .address = MacAddress::FromNumber(slot.key),
          .port = PortId{slot.port},
          .state = slot.state,
          .sticky = slot.sticky,
          .by_user = slot.by_user,
          .extern_learn = slot.extern_learn,
          .locked = slot.locked,
          .last_seen = Tick{slot.last_seen}};
}

// Once for each port.
void MacTable::Show(const Slot& slot, const std::function<void(const MacEntry&)>& visit) const {
  MacEntry entry = EntryOf(slot);
  if (!HasGroup(slot)) return visit(entry);
  groups_[slot.port - kFirstGroup].ports.ForEach([&](PortId port) {
    entry.port = port;
    visit(entry);
  });
}

bool MacTable::IsOn(const Slot& slot, PortId port) const {
  if (!HasGroup(slot)) return slot.port == port.value;
  return port != kBridgePort && groups_[slot.port - kFirstGroup].ports.contains(port);
}

// The list that an entry is in follows from its contents, flushes included: a flush moves the
// entries of the port to another list by changing flushed_epoch, and their links at once.
uint32_t MacTable::ListOf(const Slot& slot) const {
  if (!slot.mortal) return kFixedLists + std::min(slot.port, kFirstGroup);
  return slot.epoch > lists_[slot.port].flushed_epoch ? slot.port : kFlushedList;
}

// Whether it is one of List::plain.
bool MacTable::IsCounted(const Slot& slot) const {
  return IsPlain(slot) && slot.epoch > lists_[slot.port].flushed_epoch;
}

// As the newest of the list. A head's `newer` is the oldest entry, its `older` the newest.
void MacTable::Chain(Index at, uint32_t list) {
  Slot& slot = slots_[at];
  Slot& head = slots_[HeadOf(list)];
  slot.older = head.older;
  slot.newer = HeadOf(list);
  slots_[head.older].newer = at;
  head.older = at;
}

void MacTable::Unchain(Index at) {
  const Slot& slot = slots_[at];
  slots_[slot.older].newer = slot.newer;
  slots_[slot.newer].older = slot.older;
}

// Puts the entry into its list, and into all counts that it is part of.
void MacTable::Link(Index at) {
  const Slot& slot = slots_[at];
  const uint32_t list = ListOf(slot);
  Chain(at, list);
  ++lists_[list].size;
  if (!slot.mortal) ++fixed_;
  if (list == kFlushedList || !IsPlain(slot)) return;
  ++lists_[list].plain;
  ++learned_;
}

void MacTable::Unlink(Index at) {
  const Slot& slot = slots_[at];
  const uint32_t list = ListOf(slot);
  Unchain(at);
  --lists_[list].size;
  if (!slot.mortal) --fixed_;
  if (list == kFlushedList || !IsPlain(slot)) return;
  --lists_[list].plain;
  --learned_;
}

// Precondition: it is not flushed.
void MacTable::Refresh(Index at, Tick now) {
  slots_[at].last_seen = now.centiseconds & kLow48;
  Unchain(at);
  Chain(at, ListOf(slots_[at]));
}

// Writes `entry` into a slot that has its key and is in no list, and links it.
void MacTable::Fill(Index at, const MacEntry& entry, Tick now) {
  Slot& slot = slots_[at];
  slot.epoch = epoch_ & kLow48;
  slot.port = entry.port.value;
  slot.last_seen = now.centiseconds & kLow48;
  slot.state = entry.state;
  slot.mortal = entry.state == MacEntryState::kLearned && !entry.extern_learn;
  slot.sticky = entry.sticky;
  slot.by_user = entry.by_user;
  slot.extern_learn = entry.extern_learn;
  slot.locked = entry.locked;
  slot.held = false;
  slot.exempt = false;
  Link(at);
  if (slot.mortal) ports_end_ = std::max(ports_end_, uint32_t{entry.port.value} + 1);
}

// Frees the slot. Each later one of the same run of used slots that a search could no longer reach
// across the gap moves into it, and leaves the gap where it was.
void MacTable::Release(Index at) {
  DropGroup(slots_[at]);
  Unlink(at);
  --occupied_;
  if (VlanOf(slots_[at]) == kAnyVlan) --any_vlan_;
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

// Frees the slot of an entry that nobody asked to remove. One that was dead altered no answer.
void MacTable::Reclaim(Index at, Tick now) {
  const Slot& slot = slots_[at];
  if (IsLive(slot, now)) CountChange(slot);
  RecordGone(Change::Kind::kAged, slot);
  Release(at);
}

// The entry is about to change or to go.
void MacTable::CountChange(const Slot& slot) {
  generations_.CountInVlan(VlanOf(slot));
  if (!HasGroup(slot)) return generations_.CountOnPort(PortId{slot.port});
  groups_[slot.port - kFirstGroup].ports.ForEach(
      [this](PortId port) { generations_.CountOnPort(port); });
}

void MacTable::Record(Change::Kind kind, const MacEntry& entry, PortId from) {
  if (journal_ != nullptr) journal_->Record({.kind = kind, .from = from, .entry = entry});
}

// Once for each port. A flushed entry is gone already.
void MacTable::RecordGone(Change::Kind kind, const Slot& slot) {
  if (journal_ == nullptr || IsFlushed(slot)) return;
  if (!HasGroup(slot)) return Record(kind, EntryOf(slot), PortId{slot.port});
  Show(slot, [&](const MacEntry& entry) { Record(kind, entry, entry.port); });
}

void MacTable::RecordFlush(PortId port) {
  if (journal_ == nullptr) return;
  Change flush{.kind = Change::Kind::kPortFlushed, .from = port, .entry = {.port = port}};
  if (journal_->lists_flushed()) {
    const uint32_t size = lists_[port.value].size;
    const auto listed = std::min<uint32_t>(size, ChangeJournal::kMostListed);
    Index at = OldestOf(port.value);
    for (uint32_t i = 0; i < listed; ++i, at = slots_[at].newer) {
      RecordGone(Change::Kind::kFlushed, slots_[at]);
    }
    flush.unlisted = size - listed;
  }
  journal_->Record(flush);
}

void MacTable::RecordFlush(VlanId vlan) {
  if (journal_ == nullptr) return;
  Change flush{.kind = Change::Kind::kVlanFlushed, .entry = {.vlan = vlan}};
  const uint64_t most = journal_->next() + ChangeJournal::kMostListed;
  for (uint32_t port = 0; port < ports_end_ && journal_->lists_flushed(); ++port) {
    for (Index at = OldestOf(port); at != HeadOf(port); at = slots_[at].newer) {
      if (VlanOf(slots_[at]) != vlan || IsFlushed(slots_[at])) continue;
      if (journal_->next() == most) {
        flush.unlisted = 1;
        return journal_->Record(flush);
      }
      RecordGone(Change::Kind::kFlushed, slots_[at]);
    }
  }
  journal_->Record(flush);
}

}  // namespace tapswitch
