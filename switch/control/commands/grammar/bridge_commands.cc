#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

constexpr std::array kOwnBridgeWords{
    Word{"ageing_time", kText},
    Word{"fdb_max_learned", kNumber},
    Word{"vlan_filtering", kFlag},
    Word{"default_pvid", kNumber},
    Word{"vlan_protocol", kText},
    Word{"group_fwd_mask", kNumber},
    Word{"mcast_vlan_snooping", kFlag},
    Word{"mcast_router", kNumber},
    Word{"mcast_query_use_ifaddr", kFlag},
    Word{"mcast_stats_enabled", kFlag},
    Word{"mcast_hash_max", kNumber},
    Word{"mcast_unregistered", kChoice, "", "flood|routers"},
    Word{"mcast_querier_address", kText},
    Word{"stp_state", kFlag},
    Word{"stp_mode", kChoice, "", "rstp|stp"},
    Word{"priority", kNumber},
    Word{"hello_time", kText},
    Word{"max_age", kText},
    Word{"forward_delay", kText},
    Word{"tx_hold_count", kNumber},
};

constexpr auto kBridgeWords = Join(kOwnBridgeWords, kQuerierWords);

constexpr std::array kBridgeCommands{
    Command{.object = "bridge",
            .verb = "show",
            .method = "bridge.list",
            .usage = "",
            .summary = "settings of the bridge, and how full its table is"},
    Command{.object = "bridge",
            .verb = "set",
            .method = "bridge.set",
            .words = kBridgeWords,
            .usage = "[ageing_time TIME] [fdb_max_learned N] [vlan_filtering on|off] "
                     "[vlan_protocol PROTOCOL] [default_pvid VID|0] [group_fwd_mask MASK] "
                     "[mcast_snooping on|off] [mcast_vlan_snooping on|off] [mcast_querier on|off] "
                     "[mcast_querier_address ADDRESS] [mcast_query_use_ifaddr on|off] "
                     "[mcast_unregistered flood|routers] [mcast_router N] [mcast_hash_max N] "
                     "[mcast_stats_enabled on|off] [mcast_igmp_version 2|3] [mcast_mld_version "
                     "1|2] [mcast_last_member_count N] [mcast_last_member_interval TIME] "
                     "[mcast_startup_query_count N] [mcast_startup_query_interval TIME] "
                     "[mcast_membership_interval TIME] [mcast_querier_interval TIME] "
                     "[mcast_query_interval TIME] [mcast_query_response_interval TIME] "
                     "[stp_state on|off] [stp_mode rstp|stp] [priority N] "
                     "[hello_time TIME] [max_age TIME] [forward_delay TIME] [tx_hold_count N]",
            .summary =
                "change settings; a TIME has a unit, as 300s or 1500ms; a PROTOCOL is 802.1Q or "
                "802.1ad; those from stp_state on are of the spanning tree"},
};

}  // namespace

std::span<const Command> BridgeCommands() { return kBridgeCommands; }

}  // namespace tapswitch::grammar
