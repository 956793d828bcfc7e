// Settings of the kernel's bridge and of its ports: names, attributes of rtnetlink, sizes.

#pragma once

#include <linux/if_link.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace tapswitch {

struct BridgeAttribute {
  std::string_view name;
  int type;
  int size;                 // 1, 2 or 4 bytes
  bool is_restored = true;  // written back when a port returns to its bridge
  bool is_big_endian = false;
};

// Settings of ports (IFLA_BRPORT_*). Some are newer than Debian 12's headers (linux/if_link.h).
inline constexpr int kBrportMab = 40;
inline constexpr int kBrportMcastMaxGroups = 42;
inline constexpr int kBrportNeighVlanSuppress = 43;
inline constexpr std::array kBridgePortAttributes{
    // Last of what is restored, as it depends on the others: see linux_bridge_port.h.
    BridgeAttribute{"state", IFLA_BRPORT_STATE, 1, false},
    BridgeAttribute{"priority", IFLA_BRPORT_PRIORITY, 2},
    BridgeAttribute{"cost", IFLA_BRPORT_COST, 4},
    BridgeAttribute{"hairpin", IFLA_BRPORT_MODE, 1},
    BridgeAttribute{"guard", IFLA_BRPORT_GUARD, 1},
    BridgeAttribute{"root_block", IFLA_BRPORT_PROTECT, 1},
    BridgeAttribute{"fastleave", IFLA_BRPORT_FAST_LEAVE, 1},
    BridgeAttribute{"learning", IFLA_BRPORT_LEARNING, 1},
    BridgeAttribute{"flood", IFLA_BRPORT_UNICAST_FLOOD, 1},
    BridgeAttribute{"proxy_arp", IFLA_BRPORT_PROXYARP, 1},
    BridgeAttribute{"proxy_arp_wifi", IFLA_BRPORT_PROXYARP_WIFI, 1},
    BridgeAttribute{"multicast_router", IFLA_BRPORT_MULTICAST_ROUTER, 1},
    BridgeAttribute{"mcast_flood", IFLA_BRPORT_MCAST_FLOOD, 1},
    BridgeAttribute{"mcast_to_unicast", IFLA_BRPORT_MCAST_TO_UCAST, 1},
    BridgeAttribute{"vlan_tunnel", IFLA_BRPORT_VLAN_TUNNEL, 1},
    BridgeAttribute{"bcast_flood", IFLA_BRPORT_BCAST_FLOOD, 1},
    BridgeAttribute{"group_fwd_mask", IFLA_BRPORT_GROUP_FWD_MASK, 2},
    BridgeAttribute{"neigh_suppress", IFLA_BRPORT_NEIGH_SUPPRESS, 1},
    BridgeAttribute{"isolated", IFLA_BRPORT_ISOLATED, 1},
    BridgeAttribute{"backup_port", IFLA_BRPORT_BACKUP_PORT, 4},
    BridgeAttribute{"locked", IFLA_BRPORT_LOCKED, 1},
    BridgeAttribute{"mab", kBrportMab, 1},
    BridgeAttribute{"mcast_max_groups", kBrportMcastMaxGroups, 4},
    BridgeAttribute{"neigh_vlan_suppress", kBrportNeighVlanSuppress, 1},
};
inline constexpr int kMostBrport = 63;

// Settings of the bridge (IFLA_BR_*); they are only read.
inline constexpr int kBrFdbMaxLearned = 49;
inline constexpr std::array kBridgeAttributes{
    BridgeAttribute{"ageing_time", IFLA_BR_AGEING_TIME, 4},
    BridgeAttribute{"stp_state", IFLA_BR_STP_STATE, 4},
    BridgeAttribute{"vlan_filtering", IFLA_BR_VLAN_FILTERING, 1},
    BridgeAttribute{"vlan_protocol", IFLA_BR_VLAN_PROTOCOL, 2, false, true},
    BridgeAttribute{"group_fwd_mask", IFLA_BR_GROUP_FWD_MASK, 2},
    BridgeAttribute{"vlan_default_pvid", IFLA_BR_VLAN_DEFAULT_PVID, 2},
    BridgeAttribute{"mcast_snooping", IFLA_BR_MCAST_SNOOPING, 1},
    BridgeAttribute{"mcast_querier", IFLA_BR_MCAST_QUERIER, 1},
    BridgeAttribute{"nf_call_iptables", IFLA_BR_NF_CALL_IPTABLES, 1},
    BridgeAttribute{"nf_call_ip6tables", IFLA_BR_NF_CALL_IP6TABLES, 1},
    BridgeAttribute{"nf_call_arptables", IFLA_BR_NF_CALL_ARPTABLES, 1},
    BridgeAttribute{"fdb_max_learned", kBrFdbMaxLearned, 4},
};
inline constexpr int kMostBr = 63;

}  // namespace tapswitch
