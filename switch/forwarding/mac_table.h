// The filtering database (IEEE 802.1Q, 8.8; the Linux bridge's fdb): which port a station is
// behind.
//
// Contract
//   Key         (VLAN, MAC). Keys differ, so VLANs learn independently of each other.
//   Bound       never more than `capacity` entries, no allocation after construction.
//   Salt        the hash is keyed with a random number, so nobody outside can aim for collisions.
//   Eviction    a full table makes room by dropping an expired entry, or else the oldest learned
//   entry
//               of the port that holds the most of them (of equals the one that the new entry is
//               for, then the lowest): a flood of addresses behind one port displaces its own.
//               Entries set by hand are never evicted.
//   Expiry      Lookup itself honours it: an entry not seen for `ageing` is not there, whether or
//   not
//               a sweep has reclaimed it (net/bridge/br_fdb.c, has_expired, is the same).
//   Flush       of a port, a VLAN or all forgets what was learned without touching the entries:
//   they
//               carry the epoch they were learned in, and a flush notes the epoch it ends.
//   Set by hand kStatic: does not age, does not move. kPermanent: an address of the bridge itself.
//               `sticky` (learned or static): stays on its port when seen elsewhere.
//
// Determinism: the same calls with the same salt give the same table.
// Time: `now` never goes back from one call to the next. Ports are below kMaxPorts.
//
// How it works. Open addressing with linear probing over 32-byte slots, at most two thirds full, so
// a look-up touches one cache line nearly always; deleting shifts later slots back, so there are no
// tombstones. Every slot in use is also in one doubly linked list, threaded through the slots:
//   of its port    learned, oldest first; seeing a station again moves it to the end, at most once
//                  per tick
//   flushed        forgotten by FlushPort or FlushAll, which append the port's whole list here. Not
//                  counted any more; the first to go when a new entry needs room
//   set by hand    static and permanent
// An entry of a flushed VLAN stays in its port's list, dead, until it is reclaimed.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "switch/forwarding/ethernet.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

enum class MacEntryState : uint8_t { kLearned, kStatic, kPermanent };

// One entry, as shown to users.
struct MacEntry {
  VlanId vlan;
  MacAddress address;
  PortId port;
  MacEntryState state = MacEntryState::kLearned;
  bool sticky = false;
  Tick last_seen{};

  bool operator==(const MacEntry&) const = default;
};

// What a look-up tells the forwarder.
struct MacLookup {
  PortId port;
  bool is_local = false;  // kPermanent: the bridge's own address

  bool operator==(const MacLookup&) const = default;
};

enum class LearnResult : uint8_t {
  kRefreshed,  // known, on this port
  kLearned,    // new
  kMoved,      // was learned on another port
  kPinned,     // static, permanent or sticky on another port, or permanent on this: left as it is
  kRefused,    // unknown, but the table is full of entries set by hand, or the ageing time is 0
};

class MacTable {
 public:
  struct Options {
    uint32_t capacity = 65536;  // entries of all kinds; up to 2^30
    Ticks ageing{30000};        // 300 s, IEEE 802.1Q table 8-6; 0: never learn
    uint64_t salt = 0;          // random in production, fixed in tests
  };

  explicit MacTable(const Options& options);

  // Notes that `source` was seen on `port`. Precondition: source is neither group nor zero.
  LearnResult Learn(VlanId vlan, MacAddress source, PortId port, Tick now);

  // The port that `address` is behind, or nothing when it is unknown or expired.
  [[nodiscard]] std::optional<MacLookup> Lookup(VlanId vlan, MacAddress address, Tick now) const;

  // Hints the processor to fetch what Learn or Lookup of this key will touch. No effect otherwise.
  void Prefetch(VlanId vlan, MacAddress address) const;

  // The whole entry, for showing; expired and flushed ones are not there.
  [[nodiscard]] std::optional<MacEntry> Find(VlanId vlan, MacAddress address, Tick now) const;

  // Sets an entry, of any kind, by hand; it replaces any entry of the same key and counts as seen
  // now
  // (`entry.last_seen` is not looked at). False when the table is full and nothing learned is left
  // to evict.
  [[nodiscard]] bool Set(const MacEntry& entry, Tick now);

  // Removes the entry, whatever its kind. False when there was none; a flushed one is none, an
  // expired one still is one while it occupies room.
  bool Erase(VlanId vlan, MacAddress address);

  // Forget learned entries, sticky ones too; those set by hand stay. The time does not depend on
  // how many entries there are; that of FlushAll is proportional to the ports in use.
  void FlushPort(PortId port);
  void FlushVlan(VlanId vlan);
  void FlushAll();

  // Removes every entry of `port`, set by hand or not (the port goes). Linear time.
  void ErasePort(PortId port);

  // Reclaims expired and flushed entries in the next `max_slots` slots; one call after another goes
  // round the table. `on_expired` hears of entries that aged out, not of flushed ones; it must not
  // change the table. Returns true when this call completed a round, where it stops. A round that
  // no other change of the table interrupts misses nothing; otherwise an entry may wait for the
  // next.
  bool Sweep(size_t max_slots, Tick now,
             const std::function<void(const MacEntry&)>& on_expired = nullptr);

  // Calls visit for each live entry. The order is not specified.
  void ForEach(Tick now, const std::function<void(const MacEntry&)>& visit) const;

  void set_ageing(Ticks ageing) { ageing_ = ageing; }
  [[nodiscard]] Ticks ageing() const { return ageing_; }
  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] size_t slots() const { return slot_count(); }
  // Entries that occupy room. Expired ones, and those of a flushed VLAN, count until Sweep has
  // reclaimed them or a learner needs their room.
  [[nodiscard]] uint32_t size() const;
  [[nodiscard]] uint32_t learned() const;
  [[nodiscard]] uint32_t learned(PortId port) const;
  [[nodiscard]] uint64_t evictions() const { return evictions_; }

 private:
  // Of a slot, or of a list's head; the heads stand behind the slots, so that the ends of a list
  // need no special case.
  using Index = uint32_t;
  static constexpr Index kNoIndex = ~Index{0};

  // The lists are numbered: those of the ports by PortId, then these two.
  static constexpr uint32_t kFlushedList = kMaxPorts;
  static constexpr uint32_t kByHandList = kMaxPorts + 1;
  static constexpr uint32_t kListCount = kMaxPorts + 2;

  // Two to a cache line. 48 bits never wrap: they last for 89,000 years of ticks, or for nine years
  // of a million flushes a second.
  struct alignas(32) Slot {
    uint64_t key = 0;  // of KeyOf; 0: the slot is free
    uint64_t epoch : 48 = 0;
    uint16_t port = 0;
    uint64_t last_seen : 48 = 0;
    MacEntryState state = MacEntryState::kLearned;
    bool sticky = false;
    Index older = 0;  // neighbours in the entry's list
    Index newer = 0;
  };
  static_assert(sizeof(Slot) == 32);

  struct List {
    uint64_t flushed_epoch = 0;  // of a port: entries learned in it or before are flushed
    uint32_t size = 0;
  };

  static uint64_t KeyOf(VlanId vlan, MacAddress address);
  static VlanId VlanOf(const Slot& slot);
  static MacEntry EntryOf(const Slot& slot);

  [[nodiscard]] Index slot_count() const { return slot_mask_ + 1; }
  [[nodiscard]] Index HeadOf(uint32_t list) const { return slot_count() + list; }
  [[nodiscard]] Index HomeOf(uint64_t key) const;
  [[nodiscard]] Index Locate(uint64_t key) const;

  [[nodiscard]] bool IsFlushed(const Slot& slot) const;
  [[nodiscard]] bool IsExpired(const Slot& slot, Tick now) const;
  [[nodiscard]] bool IsLive(const Slot& slot, Tick now) const;
  [[nodiscard]] uint32_t ListOf(const Slot& slot) const;

  void Link(Index at);
  void Unlink(Index at);
  void Refresh(Index at, Tick now);
  void Fill(Index at, const MacEntry& entry, Tick now);
  void Release(Index at);

  LearnResult LearnUnknown(const MacEntry& entry, Tick now);
  LearnResult LearnChanged(Index at, PortId port, Tick now);
  bool Insert(const MacEntry& entry, Tick now);
  bool MakeRoom(PortId beneficiary, Tick now);
  [[nodiscard]] Index FindExpired(Tick now);
  [[nodiscard]] uint32_t FullestPort(PortId preferred) const;

  uint32_t capacity_;
  Ticks ageing_;
  uint64_t salt_;
  Index slot_mask_;
  uint32_t occupied_ = 0;       // slots in use, flushed entries included
  uint32_t ports_end_ = 0;      // one past the highest port that ever had an entry
  uint64_t epoch_ = 1;          // entries are learned in it; a flush ends it
  uint64_t no_older_than_ = 0;  // no learned entry was last seen before this tick
  uint64_t evictions_ = 0;
  Index sweep_cursor_ = 0;
  std::vector<Slot> slots_;  // and behind them the heads of the lists
  std::vector<List> lists_;
  std::vector<uint64_t> vlan_flushed_epoch_;  // by VLAN, like that of a port
};

// What follows is inline because the cost of a call, and of returning an optional from one, would be
// half the cost of a look-up that hits the cache.

// VLAN and MAC take 60 bits; the bit above them tells a key from a free slot.
inline uint64_t MacTable::KeyOf(VlanId vlan, MacAddress address) {
  return (uint64_t{1} << 60U) | (uint64_t{vlan.value} << 48U) | address.number();
}

inline VlanId MacTable::VlanOf(const Slot& slot) {
  return VlanId{static_cast<uint16_t>((slot.key >> 48U) & 0xFFFU)};
}

// A bijection in which each bit of the key changes each bit of the hash with even odds (the finaliser
// of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), salted
// twice. One multiplication would be faster, but leaves runs of vendor-assigned addresses in clusters.
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

inline bool MacTable::IsFlushed(const Slot& slot) const {
  return slot.state == MacEntryState::kLearned &&
         (slot.epoch <= lists_[slot.port].flushed_epoch ||
          slot.epoch <= vlan_flushed_epoch_[VlanOf(slot).value]);
}

inline bool MacTable::IsExpired(const Slot& slot, Tick now) const {
  return slot.state == MacEntryState::kLearned &&
         now.centiseconds - slot.last_seen >= ageing_.centiseconds;
}

inline bool MacTable::IsLive(const Slot& slot, Tick now) const {
  return !IsFlushed(slot) && !IsExpired(slot, now);
}

inline std::optional<MacLookup> MacTable::Lookup(VlanId vlan, MacAddress address, Tick now) const {
  const Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !IsLive(slots_[at], now)) return std::nullopt;
  const Slot& slot = slots_[at];
  return MacLookup{.port = PortId{slot.port}, .is_local = slot.state == MacEntryState::kPermanent};
}

inline void MacTable::Prefetch(VlanId vlan, MacAddress address) const {
  __builtin_prefetch(&slots_[HomeOf(KeyOf(vlan, address))]);
}

}  // namespace tapswitch
