#include <array>
#include <string_view>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

constexpr std::array kEntryWords{
    Word{"dev", kName},
    Word{"vlan", kNumber},
    Word{"permanent", kSet, "state", "permanent"},
    Word{"local", kSet, "state", "permanent"},
    Word{"static", kSet, "state", "static"},
    Word{"temp", kSet, "state", "static"},
    Word{"dynamic", kSet, "state", "dynamic"},
    Word{"sticky", kTrue},
    Word{"extern_learn", kTrue},
    Word{"use", kTrue},
    Word{"master", kIgnored},
};

constexpr std::array kEntryShowWords{
    Word{"dev", kName},    Word{"brport", kName, "dev"}, Word{"br", kName},
    Word{"vlan", kNumber}, Word{"state", kText},         Word{"dynamic", kSet, "state", "dynamic"},
};

constexpr std::array kEntryGetWords{
    Word{"to", kAddress, "mac"}, Word{"br", kName},     Word{"brport", kName, "dev"},
    Word{"dev", kName},          Word{"vlan", kNumber}, Word{"master", kIgnored},
};

constexpr std::array kFlushWords{
    Word{"dev", kName},
    Word{"brport", kName, "dev"},
    Word{"vlan", kNumber},
    Word{"static", kTrue},
    Word{"nostatic", kFalse, "static"},
    Word{"permanent", kTrue},
    Word{"nopermanent", kFalse, "permanent"},
    Word{"dynamic", kTrue},
    Word{"nodynamic", kFalse, "dynamic"},
    Word{"added_by_user", kTrue},
    Word{"noadded_by_user", kFalse, "added_by_user"},
    Word{"sticky", kTrue},
    Word{"nosticky", kFalse, "sticky"},
    Word{"extern_learn", kTrue},
    Word{"noextern_learn", kFalse, "extern_learn"},
    Word{"master", kIgnored},
};

constexpr std::string_view kEntryUsage =
    "MAC dev NAME [vlan VID] [permanent|static|dynamic] [sticky] [extern_learn] [use]";

constexpr std::array kVlanWords{
    Word{"dev", kName},      Word{"vid", kText},       Word{"pvid", kTrue},
    Word{"untagged", kTrue}, Word{"master", kIgnored}, Word{"self", kIgnored},
};

// bridge(8) takes the words of `add` here, too, and the kernel does not look at them.
constexpr std::array kVlanDeleteWords{
    Word{"dev", kName},         Word{"vid", kText},       Word{"pvid", kIgnored},
    Word{"untagged", kIgnored}, Word{"master", kIgnored}, Word{"self", kIgnored},
};

constexpr std::array kVlanSetWords{
    Word{"dev", kName},
    Word{"vid", kText},
    Word{"state", kState},
    Word{"learning", kFlag},
    Word{"flood", kFlag},
    Word{"mcast_flood", kFlag},
    Word{"bcast_flood", kFlag},
    Word{"mcast_router", kNumber},
    Word{"mcast_max_groups", kNumber},
};

constexpr std::array kVlanShowWords{Word{"dev", kName}, Word{"vid", kNumber}};

constexpr auto kVlanGlobalWords =
    Join(std::array{Word{"vid", kText}, Word{"dev", kName}}, kQuerierWords);

constexpr std::array kVlanGlobalShowWords{Word{"vid", kNumber}, Word{"dev", kName}};

constexpr std::array kTableCommands{
    Command{.object = "fdb",
            .verb = "add",
            .method = "fdb.add",
            .bare = {"MAC", kAddress, "mac"},
            .words = kEntryWords,
            .required = "mac dev",
            .usage = kEntryUsage,
            .summary = "add an entry, by default a permanent one"},
    Command{.object = "fdb",
            .verb = "append",
            .method = "fdb.append",
            .bare = {"MAC", kAddress, "mac"},
            .words = kEntryWords,
            .required = "mac dev",
            .usage = kEntryUsage,
            .summary = "add a port to a static entry"},
    Command{.object = "fdb",
            .verb = "replace",
            .method = "fdb.replace",
            .bare = {"MAC", kAddress, "mac"},
            .words = kEntryWords,
            .required = "mac dev",
            .usage = kEntryUsage,
            .summary = "add an entry or change it"},
    Command{.object = "fdb",
            .verb = "del",
            .method = "fdb.del",
            .bare = {"MAC", kAddress, "mac"},
            .words = kEntryWords,
            .required = "mac dev",
            .usage = "MAC dev NAME [vlan VID]",
            .summary = "remove an entry"},
    Command{.object = "fdb",
            .verb = "show",
            .method = "fdb.list",
            .bare = {"NAME", kName, "dev"},
            .words = kEntryShowWords,
            .usage = "[dev NAME] [vlan VID] [state STATE] [dynamic]",
            .summary = "entries; with -s when their stations were last seen"},
    Command{.object = "fdb",
            .verb = "get",
            .method = "fdb.get",
            .bare = {"MAC", kAddress, "mac"},
            .words = kEntryGetWords,
            .required = "mac",
            .usage = "[to] MAC [vlan VID]",
            .summary = "the entry of one address"},
    Command{.object = "fdb",
            .verb = "flush",
            .method = "fdb.flush",
            .bare = {"NAME", kName, "dev"},
            .words = kFlushWords,
            .usage =
                "[dev NAME] [vlan VID] [[no]static] [[no]permanent] [[no]dynamic] [[no]sticky] "
                "[[no]extern_learn] [[no]added_by_user]",
            .summary = "remove all entries that match"},
    Command{.object = "vlan",
            .verb = "add",
            .method = "vlan.add",
            .bare = {"VID", kText, "vid"},
            .words = kVlanWords,
            .required = "vid dev",
            .usage = "vid VID[-VID][,...] dev NAME [pvid] [untagged]",
            .summary = "make a port a member of VLANs, or change how it is one"},
    Command{.object = "vlan",
            .verb = "del",
            .method = "vlan.del",
            .bare = {"VID", kText, "vid"},
            .words = kVlanDeleteWords,
            .required = "vid dev",
            .usage = "vid VID[-VID][,...] dev NAME",
            .summary = "end it, and forget what was learned there"},
    Command{.object = "vlan",
            .verb = "set",
            .method = "vlan.set",
            .bare = {"VID", kText, "vid"},
            .words = kVlanSetWords,
            .required = "vid dev",
            .usage = "vid VID[-VID][,...] dev NAME [state STATE] [learning on|off] [flood on|off] "
                     "[mcast_flood on|off] [bcast_flood on|off] [mcast_router N] "
                     "[mcast_max_groups N]",
            .summary = "restrict a port in a VLAN, besides what its own flags say"},
    Command{.object = "vlan",
            .verb = "global set",
            .method = "vlan.global_set",
            .bare = {"VID", kText, "vid"},
            .words = kVlanGlobalWords,
            .required = "vid",
            .usage =
                "vid VID[-VID][,...] [dev BRIDGE] [mcast_snooping on|off] [mcast_querier on|off] "
                "[mcast_igmp_version 2|3] [mcast_mld_version 1|2] [mcast_last_member_count N] "
                "[mcast_last_member_interval TIME] [mcast_startup_query_count N] "
                "[mcast_startup_query_interval TIME] [mcast_membership_interval TIME] "
                "[mcast_querier_interval TIME] [mcast_query_interval TIME] "
                "[mcast_query_response_interval TIME]",
            .summary = "multicast snooping of VLANs, in effect with mcast_vlan_snooping on; a TIME "
                       "without a unit is in hundredths of a second"},
    Command{.object = "vlan",
            .verb = "global show",
            .method = "vlan.global_list",
            .words = kVlanGlobalShowWords,
            .usage = "[vid VID] [dev BRIDGE]",
            .summary = "the same"},
    Command{.object = "vlan",
            .verb = "show",
            .method = "vlan.list",
            .bare = {"NAME", kName, "dev"},
            .words = kVlanShowWords,
            .usage = "[dev NAME] [vid VID]",
            .summary = "the VLANs of ports; with -s what they carried"},
};

}  // namespace

std::span<const Command> TableCommands() { return kTableCommands; }

}  // namespace tapswitch::grammar
