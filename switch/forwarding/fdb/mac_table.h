// The filtering database (IEEE 802.1Q, 8.8; the Linux bridge's fdb): which port a station is
// behind.
//
// Contract
//   Key         (VLAN, MAC). Keys differ, so VLANs learn independently of each other.
//   Bound       never more than `capacity` entries. No allocation after construction, except for
//               entries with several ports (Append).
//   Salt        the hash is keyed with a random number, so nobody outside can aim for collisions.
//   Eviction    a full table makes room by dropping an expired entry, or else the oldest learned
//               entry of the port that holds the most of them (of equals the one that the new entry
//               is for, then the lowest): a flood of addresses behind one port displaces its own.
//               Static, permanent and extern_learn entries are never evicted.
//   Limits      of the plain learned entries of a port, and of all: at a limit nothing is learned
//               that would count, unless expired entries can be dropped instead
//               (net/bridge/br_fdb.c, fdb_create, for the bridge's limit). A port may be told to
//               drop its oldest ones in any case.
//   Expiry      Lookup itself honours it: an entry not seen for `ageing` is not there, whether or
//               not a sweep has reclaimed it (net/bridge/br_fdb.c, has_expired, is the same).
//   Flush       of a port, a VLAN or all forgets what was learned without touching the entries:
//               they carry the epoch they were learned in, and a flush notes the epoch it ends.
//   Any VLAN    an entry of kAnyVlan, which is permanent, is asked for after the VLAN's own: only
//               an address that is otherwise unknown costs a second look, and only if there is one.
//   Groups      a static entry may have several ports (IEEE 802.1Q, 8.8.1). It is one entry, shown
//               as one for each port.
//   Generations tell whether an answer still holds. A VLAN's counts each change of what Lookup says
//               of an address in it. A port's counts each change and each loss of an entry that was
//               on it; a move counts on both ports. A new station therefore counts in its VLAN
//               alone: it alters no answer about a station that was already known. The table's
//               counts all. FlushVlan counts on all ports, FlushPort in all VLANs, an ageing time
//               in and on all. To be seen again on its port is no change, and neither is the
//               passing of time: what was answered about an entry that ages holds until
//               MacStanding::until at most. So it counts nothing when a Sweep reclaims what had
//               expired.
//
// Determinism: the same calls with the same salt give the same table.
// Time: `now` never goes back from one call to the next. Ports are below kMaxPorts, except that a
// permanent entry may have kBridgePort.
//
// How it works. Open addressing with linear probing over 32-byte slots, at most two thirds full, so
// a look-up touches one cache line nearly always; deleting shifts later slots back, so there are no
// tombstones. Every slot in use is also in one doubly linked list, threaded through the slots:
//   of its port    mortal ones, that is, learned without extern_learn: oldest first; seeing a
//                  station again moves it to the end, at most once per tick
//   flushed        forgotten by FlushPort or FlushAll, which append the port's whole list here. Not
//                  counted any more; the first to go when a new entry needs room
//   fixed          of its port, all that does not age; and one more list for entries with groups
// An entry of a flushed VLAN stays in its port's list, dead, and counts until it is reclaimed; so a
// Sweep should follow FlushVlan.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "switch/forwarding/fdb/change_journal.h"
#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/fdb/table_generations.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/vlan_set.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class MacTable {
 public:
  struct Options {
    uint32_t capacity = 65536;  // entries of all kinds; up to 2^30
    Ticks ageing{30000};        // 300 s, IEEE 802.1Q table 8-6; 0: never learn
    uint64_t salt = 0;          // random in production, fixed in tests
  };

  // Entries with several ports that there can be at a time.
  static constexpr size_t kMaxGroups = 1024;

  explicit MacTable(const Options& options);

  // Notes that `source` was seen on `port`. Precondition: source is neither group nor zero.
  LearnResult Learn(VlanId vlan, MacAddress source, PortId port, Tick now);

  // Learns as Learn does, but a new entry is locked (net/bridge/br_input.c, BR_PORT_MAB).
  LearnResult LearnLocked(VlanId vlan, MacAddress source, PortId port, Tick now);

  // The former port of the last station that Learn said has moved.
  [[nodiscard]] PortId moved_from() const { return moved_from_; }

  // Keeps a learned entry on its port, as if it were sticky, until it is released or set anew. No
  // effect when there is none.
  void Hold(VlanId vlan, MacAddress address);
  // False when it was not held.
  bool ReleaseHold(VlanId vlan, MacAddress address);

  // Keeps a learned entry from counting in limits until it moves or is set anew, as the station's
  // address is also one of the bridge's own: the Linux bridge has no learned entry for it then
  // (net/bridge/br_fdb.c, fdb_add_local). No effect when there is none.
  void ExemptFromLimits(VlanId vlan, MacAddress address);

  // Returns what Learn would return.
  [[nodiscard]] LearnResult WouldLearn(VlanId vlan, MacAddress source, PortId port, Tick now) const;

  // Whether the limit that Learn would meet, or has just met, is the port's and not that of all.
  [[nodiscard]] bool IsAtPortLimit(VlanId vlan, MacAddress source, PortId port, Tick now) const;

  // The live entry that Learn would have to evict for it, if it is one of another station. Where a
  // limit makes several give way, the first.
  [[nodiscard]] std::optional<MacEntry> WouldEvict(VlanId vlan, MacAddress source, PortId port,
                                                   Tick now) const;

  // The port that `address` is behind, or nothing when it is unknown or expired.
  [[nodiscard]] std::optional<MacLookup> Lookup(VlanId vlan, MacAddress address, Tick now) const;

  // How a station stands on `port`; nothing when Learn would not simply see it there again. An
  // entry of kAnyVlan is no station's.
  [[nodiscard]] std::optional<MacStanding> StandingOf(VlanId vlan, MacAddress address, PortId port,
                                                      Tick now) const;

  // See "Generations" above. Two that are equal: nothing has changed in between.
  [[nodiscard]] uint64_t generation() const { return generations_.of_table(); }
  [[nodiscard]] uint64_t generation(PortId port) const { return generations_.of(port); }
  [[nodiscard]] uint64_t generation(VlanId vlan) const { return generations_.of(vlan); }

  // Whether the entry of that key, which is there, is locked. Not part of a MacLookup: what
  // forwards has no use for it.
  [[nodiscard]] bool IsLocked(VlanId vlan, MacAddress address) const;

  // The ports of a MacLookup's group. Valid until the table changes.
  [[nodiscard]] const PortSet& group(uint16_t index) const { return groups_[index].ports; }

  // Hints the processor to fetch what Learn or Lookup of this key will touch. No effect otherwise.
  void Prefetch(VlanId vlan, MacAddress address) const;

  // The live entries of the address, in `vlans`, that keep an entry of kAnyVlan behind `port` from
  // having effect there.
  [[nodiscard]] std::vector<MacEntry> FindRivals(const VlanSet& vlans, MacAddress address,
                                                 PortId port, Tick now) const;

  // The whole entry, for showing; expired and flushed ones are not there. Of an entry with several
  // ports, the one of the lowest; FindAll gives each. An entry of
  // kAnyVlan is found in every VLAN where it has effect.
  [[nodiscard]] std::optional<MacEntry> Find(VlanId vlan, MacAddress address, Tick now) const;
  [[nodiscard]] std::vector<MacEntry> FindAll(VlanId vlan, MacAddress address, Tick now) const;

  // Sets an entry, of any kind, by hand; it replaces any entry of the same key, whatever the
  // limits, and counts as seen now (`entry.last_seen` is not looked at). False when the table is
  // full and nothing learned is left to evict.
  [[nodiscard]] bool Set(const MacEntry& entry, Tick now);

  // Sets an entry as Set does, but as of entry.last_seen: to be called in the order of that, for
  // the entries of an earlier process.
  [[nodiscard]] bool Restore(const MacEntry& entry, Tick now);
  // Adds to evictions() those that an earlier process counted.
  void AddEvictions(uint64_t evictions) { evictions_ += evictions; }

  // Adds entry.port to the static entry of that key; without one, or with a learned one in its
  // place, sets it. The flags become those of `entry`, whose state is taken as kStatic. False, and
  // nothing changes, when there is no room, kMaxGroups groups exist, or the entry is permanent.
  [[nodiscard]] bool Append(const MacEntry& entry, Tick now);

  // Removes the entry, whatever its kind. False when there was none; a flushed one is none, an
  // expired one still is one while it occupies room.
  bool Erase(VlanId vlan, MacAddress address);

  // Takes one port from the entry, which goes with its last. False when it is not on that port.
  bool Erase(VlanId vlan, MacAddress address, PortId port);

  // Erases as the function above does, but as part of a flush for those who read the journal.
  bool Flush(VlanId vlan, MacAddress address, PortId port);

  // Forget mortal entries, sticky ones too. The time does not depend on how many entries there are,
  // unless the journal lists them; that of FlushAll is proportional to the ports in use.
  void FlushPort(PortId port);
  void FlushVlan(VlanId vlan);
  void FlushAll();

  // Removes every entry of `port`, whatever its kind (the port goes): the mortal ones at once, of
  // the others up to `max_entries`. True when none is left; otherwise to be called again.
  [[nodiscard]] bool ErasePort(PortId port, size_t max_entries);

  // Reclaims expired and flushed entries in the next `max_slots` slots; one call after another goes
  // round the table. Returns true when this call completed a round, where it stops. A round that no
  // other change of the table interrupts misses nothing; otherwise an entry may wait for the next.
  bool Sweep(size_t max_slots, Tick now);

  // Visits the live entries in pieces, between which the table may change. An entry that is there
  // all the time is visited exactly once, one that comes or goes at most once; an entry that is
  // erased and set again may be visited for each. The order is not specified.
  //
  // Why: a walk starts behind a free slot and pauses only at free slots. An entry never stands
  // before its home or beyond a slot that is free, and never moves but back towards its home. So
  // nothing that stands on one side of a pause gets to the other.
  class Cursor {
   private:
    friend class MacTable;
    uint32_t start = 0;
    uint32_t passed = 0;  // slots
  };
  [[nodiscard]] Cursor BeginWalk() const;
  // Goes on for about `max_slots` slots, at least 1; true when the walk is over. `visit` must not
  // change the table.
  bool Walk(Cursor& cursor, size_t max_slots, Tick now,
            const std::function<void(const MacEntry&)>& visit) const;

  // Sets the journal that records changes from now on; nullptr: none. The caller keeps it alive.
  void set_journal(ChangeJournal* journal) { journal_ = journal; }

  void set_ageing(Ticks ageing);
  [[nodiscard]] Ticks ageing() const { return ageing_; }

  // Limits of plain learned entries; 0: none. Lowering one evicts nothing.
  void set_max_learned(uint32_t max) { max_learned_ = max; }
  void set_max_learned(PortId port, uint32_t max) { port_max_learned_[port.value] = max; }
  // Whether the port's oldest entries make room when its limit is reached.
  void set_replaces_at_limit(PortId port, bool replaces) {
    port_replaces_[port.value] = static_cast<uint8_t>(replaces);
  }
  [[nodiscard]] uint32_t max_learned() const { return max_learned_; }
  [[nodiscard]] uint32_t max_learned(PortId port) const { return port_max_learned_[port.value]; }

  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] size_t slots() const { return slot_count(); }
  // Entries that occupy room. Expired ones, and those of a flushed VLAN, count until Sweep has
  // reclaimed them or a learner needs their room.
  [[nodiscard]] uint32_t size() const { return occupied_ - lists_[kFlushedList].size; }
  // The plain learned ones among them.
  [[nodiscard]] uint32_t learned() const { return learned_; }
  [[nodiscard]] uint32_t learned(PortId port) const { return lists_[port.value].plain; }
  // Whether any of them can age.
  [[nodiscard]] bool has_mortal() const { return size() != fixed_; }
  [[nodiscard]] uint64_t evictions() const { return evictions_; }

 private:
  // The index of a slot, or of a list's head. The heads stand behind the slots, so that the ends of
  // a list need no special case.
  using Index = uint32_t;
  static constexpr Index kNoIndex = ~Index{0};

  // The port number in the slot of an entry with a group is the group's index, counted from here.
  static constexpr uint16_t kFirstGroup = kMaxPorts + 1;

  // The lists are numbered: the mortal entries of each port, the flushed ones, the fixed ones of
  // each port and of the bridge itself, and those with groups.
  static constexpr uint32_t kFlushedList = kMaxPorts;
  static constexpr uint32_t kFixedLists = kMaxPorts + 1;
  static constexpr uint32_t kListCount = kFixedLists + kFirstGroup + 1;

  // Two to a cache line. 48 bits never wrap: they last for 89,000 years of ticks, or for nine years
  // of a million flushes a second.
  struct alignas(32) Slot {
    uint64_t key = 0;  // of KeyOf; 0: the slot is free
    uint64_t epoch : 48 = 0;
    uint16_t port = 0;  // or a group
    uint64_t last_seen : 48 = 0;
    MacEntryState state = MacEntryState::kLearned;
    bool mortal : 1 = false;  // ages, and goes with a flush or for want of room
    bool sticky : 1 = false;
    bool by_user : 1 = false;
    bool extern_learn : 1 = false;
    bool locked : 1 = false;
    bool held : 1 = false;
    bool exempt : 1 = false;
    Index older = 0;  // neighbours in the entry's list
    Index newer = 0;
  };
  static_assert(sizeof(Slot) == 32);

  struct List {
    uint64_t flushed_epoch = 0;  // of a port: entries learned in it or before are flushed
    uint32_t size = 0;
    uint32_t plain = 0;  // of a port: those that count in limits
  };

  struct Group {
    uint64_t key = 0;  // of its entry; 0: not in use
    PortSet ports;     // at least two
  };

  static uint64_t KeyOf(VlanId vlan, MacAddress address);
  static VlanId VlanOf(const Slot& slot);
  static bool IsPlain(const Slot& slot) { return slot.mortal && !slot.by_user && !slot.exempt; }
  static bool HasGroup(const Slot& slot) { return slot.port >= kFirstGroup; }
  static MacEntry EntryOf(const Slot& slot);

  [[nodiscard]] Index slot_count() const { return slot_mask_ + 1; }
  [[nodiscard]] Index HeadOf(uint32_t list) const { return slot_count() + list; }
  [[nodiscard]] Index HomeOf(uint64_t key) const;
  [[nodiscard]] Index Locate(uint64_t key) const;
  [[nodiscard]] Index LocateAnyVlan(MacAddress address) const;
  [[nodiscard]] Index OldestOf(uint32_t list) const { return slots_[HeadOf(list)].newer; }

  [[nodiscard]] bool IsFlushed(const Slot& slot) const;
  [[nodiscard]] bool IsExpired(const Slot& slot, Tick now) const;
  [[nodiscard]] bool IsLive(const Slot& slot, Tick now) const;
  [[nodiscard]] bool IsOn(const Slot& slot, PortId port) const;
  [[nodiscard]] uint32_t ListOf(const Slot& slot) const;
  void Show(const Slot& slot, const std::function<void(const MacEntry&)>& visit) const;

  void Chain(Index at, uint32_t list);
  void Unchain(Index at);
  void Link(Index at);
  void Unlink(Index at);
  void Refresh(Index at, Tick now);
  void Fill(Index at, const MacEntry& entry, Tick now);
  void Release(Index at);
  void Reclaim(Index at, Tick now);
  void CountChange(const Slot& slot);
  void SetHeld(Index at, bool is_held);
  [[nodiscard]] bool IsCounted(const Slot& slot) const;

  LearnResult LearnSlowly(Index at, VlanId vlan, MacAddress source, PortId port, Tick now,
                          bool locked = false);
  [[nodiscard]] LearnResult Judge(Index at, MacAddress source, PortId port, Tick now) const;
  [[nodiscard]] bool CountsAfter(Index at, LearnResult wish) const;
  [[nodiscard]] bool AddsToBridge(Index at, LearnResult wish) const;
  bool MakeRoomUnderLimits(PortId port, bool adds_to_bridge, Tick now);
  [[nodiscard]] uint32_t TooManyOnPort(Index at, PortId port, LearnResult wish) const;
  [[nodiscard]] bool FitsUnderLimits(Index at, PortId port, LearnResult wish, Tick now) const;
  [[nodiscard]] Index OldestPlain(PortId port) const;
  [[nodiscard]] uint32_t ExpiredPlain(PortId port, Index except, uint32_t enough, Tick now) const;
  bool Insert(const MacEntry& entry, Tick now);
  bool MakeRoom(PortId beneficiary, Tick now);
  [[nodiscard]] bool CanMakeRoom() const { return occupied_ < capacity_ || occupied_ != fixed_; }
  [[nodiscard]] Index FindExpired(Tick now);
  [[nodiscard]] uint32_t FullestPort(PortId preferred) const;

  bool AppendToStatic(Index at, const MacEntry& entry, Tick now);
  std::optional<uint16_t> TakeGroup(uint64_t key);
  void DropGroup(const Slot& slot);
  void EraseFromGroup(Index at, PortId port, Change::Kind why);
  size_t EraseFromGroups(PortId port, size_t max_entries);

  bool EraseWhole(Change::Kind why, Index at);
  bool EraseAs(Change::Kind why, VlanId vlan, MacAddress address, PortId port);

  void Record(Change::Kind kind, const MacEntry& entry, PortId from);
  void RecordGone(Change::Kind kind, const Slot& slot);
  void RecordFlush(PortId port);
  void RecordFlush(VlanId vlan);

  uint32_t capacity_;
  Ticks ageing_;
  uint64_t salt_;
  Index slot_mask_;
  uint32_t occupied_ = 0;  // slots in use, flushed entries included
  uint32_t fixed_ = 0;     // of them, those that are not mortal
  uint32_t any_vlan_ = 0;  // of them, those of kAnyVlan
  uint32_t learned_ = 0;   // plain ones, flushed entries not included
  uint32_t max_learned_ = 0;
  uint32_t ports_end_ = 0;      // one past the highest port that ever had a mortal entry
  uint64_t epoch_ = 1;          // entries are learned in it; a flush ends it
  uint64_t no_older_than_ = 0;  // no mortal entry was last seen before this tick
  uint64_t evictions_ = 0;
  Index sweep_cursor_ = 0;
  PortId moved_from_;
  TableGenerations generations_;
  ChangeJournal* journal_ = nullptr;
  std::vector<Slot> slots_;  // and behind them the heads of the lists
  std::vector<List> lists_;
  std::vector<uint32_t> port_max_learned_;
  std::vector<uint8_t> port_replaces_;        // booleans
  std::vector<uint64_t> vlan_flushed_epoch_;  // by VLAN, like that of a port
  std::vector<Group> groups_;
};

}  // namespace tapswitch

#include "switch/forwarding/fdb/mac_table_inline.h"  // IWYU pragma: export
