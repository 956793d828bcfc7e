// The filtering database (IEEE 802.1Q, 8.8; the Linux bridge's fdb): which port a station is behind.
//
// Contract
//   Key         (VLAN, MAC). Keys differ, so VLANs learn independently of each other.
//   Bound       never more than `capacity` entries, no allocation after construction.
//   Salt        the hash is keyed with a random number, so nobody outside can aim for collisions.
//   Eviction    a full table makes room by dropping the oldest learned entry of the port that holds
//               the most learned entries: a flood of addresses behind one port displaces its own.
//               Entries set by hand are never evicted.
//   Expiry      Lookup itself honours it: an entry not seen for `ageing` is not there, whether or not
//               a sweep has reclaimed it (net/bridge/br_fdb.c works the same way).
//   Flush       of a port, a VLAN or all takes constant time: entries carry the epoch they were
//               learned in, and a flush moves an epoch. Reclaiming is left to Sweep.
//   Set by hand kStatic: does not age, does not move. kPermanent: an address of the bridge itself.
//               `sticky` (learned or static): stays on its port when seen elsewhere.
//
// Determinism: the same calls with the same salt give the same table.
//
// How it works. Open addressing with linear probing over 32-byte slots, at most two thirds full, so a
// look-up touches one cache line nearly always; deleting shifts later slots back, so there are no
// tombstones. Learned entries are also in a doubly linked list per port, oldest first, threaded
// through the slots; seeing a station again moves it to the end, at most once per tick.

#pragma once

#include <array>
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
  Tick last_seen;

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
  kRefused,    // full of entries set by hand, or ageing time 0 (never learn)
};

class MacTable {
 public:
  struct Options {
    uint32_t capacity = 65536;         // entries of all kinds; at least 1
    Ticks ageing{30000};               // 300 s, IEEE 802.1Q table 8-6; 0: never learn
    uint64_t salt = 0;                 // random in production, fixed in tests
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

  // Sets an entry by hand; it replaces any entry of the same key. False when the table is full and
  // nothing learned is left to evict.
  [[nodiscard]] bool Set(const MacEntry& entry, Tick now);

  // Removes the entry, whatever its kind. False when there was none.
  bool Erase(VlanId vlan, MacAddress address);

  // Forget learned entries; those set by hand stay. Constant time.
  void FlushPort(PortId port);
  void FlushVlan(VlanId vlan);
  void FlushAll();

  // Removes every entry of `port`, set by hand or not (the port goes). Linear time.
  void ErasePort(PortId port);

  // Reclaims expired and flushed entries in the next `max_slots` slots; one call after another goes
  // round the table. `on_expired` hears of entries that aged out, not of flushed ones. Returns true
  // when this call completed a round.
  bool Sweep(size_t max_slots, Tick now,
             const std::function<void(const MacEntry&)>& on_expired = nullptr);

  // Calls visit for each live entry. The order is not specified.
  void ForEach(Tick now, const std::function<void(const MacEntry&)>& visit) const;

  void set_ageing(Ticks ageing) { ageing_ = ageing; }
  [[nodiscard]] Ticks ageing() const { return ageing_; }
  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] size_t slots() const { return slots_.size(); }
  // Entries that occupy room. Expired ones, and those of a flushed VLAN, count until Sweep has
  // reclaimed them or a learner needs their room.
  [[nodiscard]] uint32_t size() const;
  [[nodiscard]] uint32_t learned() const;
  [[nodiscard]] uint32_t learned(PortId port) const;
  [[nodiscard]] uint64_t evictions() const { return evictions_; }

 private:
  uint32_t capacity_;
  Ticks ageing_;
  uint64_t salt_;
  uint64_t evictions_ = 0;
  struct Slot { uint64_t key = 0; };
  std::vector<Slot> slots_;
};

}  // namespace tapswitch
