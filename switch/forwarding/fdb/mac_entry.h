// The entries of the MAC table, and the answers that it gives.

#pragma once

#include <cstddef>
#include <cstdint>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

enum class MacEntryState : uint8_t {
  kLearned,    // moves to where the station is seen; ages, unless extern_learn
  kStatic,     // set by hand: neither ages nor moves
  kPermanent,  // an address of the bridge itself
};

// In place of a VLAN: a permanent entry that holds in each VLAN where its address has no live entry
// of the VLAN's own. So an address of an interface takes one entry, however many VLANs there are,
// and never takes a station's place.
inline constexpr VlanId kAnyVlan = kReservedVlan;  // frames are in no such VLAN

// One entry, as shown to users and as set by hand. The flags are those of bridge(8):
//   sticky        stays on its port when the station is seen elsewhere
//   by_user       a learned entry that was set by hand (`dynamic`, `use`): limits do not count it
//   extern_learn  a learned entry that somebody outside keeps: limits do not count it, and it goes
//                 neither with age, nor with a flush, nor for want of room. Seen elsewhere it
//                 becomes an ordinary learned one there
//   locked        learned on a port whose stations need permission: it tells where to send, but
//                 lets no frame in (net/bridge/br_fdb.c, BR_FDB_LOCKED)
// A learned entry with neither by_user nor extern_learn is plain: learned by the bridge itself.
struct MacEntry {
  VlanId vlan;
  MacAddress address;
  PortId port;
  MacEntryState state = MacEntryState::kLearned;
  bool sticky = false;
  bool by_user = false;
  bool extern_learn = false;
  bool locked = false;
  Tick last_seen{};

  bool operator==(const MacEntry&) const = default;
};

inline constexpr uint16_t kNoGroup = 0xFFFF;

// The result of a look-up for the forwarder.
struct MacLookup {
  PortId port;                // without meaning when there is a group
  bool is_local = false;      // kPermanent: the bridge's own address
  uint16_t group = kNoGroup;  // of an entry with several ports: see MacTable::group

  bool operator==(const MacLookup&) const = default;
};

enum class LearnResult : uint8_t {
  kRefreshed,  // known, on this port
  kLearned,    // new
  kMoved,      // was known on another port
  kPinned,     // static, sticky or held on another port: left as it is
  kLocal,      // a permanent entry, the bridge's own address: left as it is
  kLimited,    // would exceed a limit of learned entries
  kRefused,    // the table is full of entries set by hand, or the ageing time is 0
};

inline constexpr size_t kLearnResultCount = 7;

inline constexpr Tick kEndOfTime{~uint64_t{0}};

// How a station stands on a port.
struct MacStanding {
  Tick until = kEndOfTime;  // when it is forgotten unless it is seen there again; kEndOfTime: never
  bool is_held = false;     // by MacTable::Hold

  bool operator==(const MacStanding&) const = default;
};

}  // namespace tapswitch
