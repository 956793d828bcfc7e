// The wanted behaviour of multicast snooping, with the names and defaults of ip-link(8).

#pragma once

#include <cstdint>
#include <map>

#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// The settings of one VLAN, or of all.
struct VlanMulticast {
  bool snooping = true;
  bool querier = false;
  uint8_t igmp_version = 2;  // 2, 3
  uint8_t mld_version = 1;   // 1, 2
  uint32_t last_member_count = 2;
  uint32_t startup_query_count = 2;
  Ticks last_member_interval{100};
  Ticks membership_interval{26000};
  Ticks querier_interval{25500};
  Ticks query_interval{12500};
  Ticks query_response_interval{1000};
  Ticks startup_query_interval{3125};

  bool operator==(const VlanMulticast&) const = default;
};

struct MulticastSettings {
  bool snooping = false;
  // Whether each VLAN has settings of its own, which are in `vlans` where they differ from the
  // defaults. Otherwise those of the bridge hold in all VLANs.
  bool vlan_snooping = false;
  bool floods_unregistered = true;
  bool stats_enabled = false;     // kept and shown; counting costs nothing
  bool query_use_ifaddr = false;  // queries of IGMP have querier_address as their source
  IpAddress querier_address;      // default: none
  uint8_t router = 1;             // kept and shown: the bridge has no interface that is a router
  uint32_t hash_max = MulticastTable::kDefaultGroups;
  VlanMulticast bridge;  // `snooping` of it is without meaning
  std::map<VlanId, VlanMulticast> vlans;

  // Those in effect in a VLAN.
  [[nodiscard]] VlanMulticast Of(VlanId vlan) const {
    if (!vlan_snooping || vlan == kNoVlan) return bridge;
    const auto own = vlans.find(vlan);
    return own == vlans.end() ? VlanMulticast() : own->second;
  }

  bool operator==(const MulticastSettings&) const = default;
};

}  // namespace tapswitch
