#include "switch/control/commands/grammar.h"

#include <algorithm>
#include <array>

namespace tapswitch {
namespace {

using enum WordKind;

template <size_t... kSizes>
constexpr auto Join(const std::array<Word, kSizes>&... lists) {
  std::array<Word, (kSizes + ...)> all{};
  auto to = all.begin();
  ((to = std::copy(lists.begin(), lists.end(), to)), ...);
  return all;
}

constexpr std::array kQuerierWords{
    Word{"mcast_snooping", kFlag},
    Word{"mcast_querier", kFlag},
    Word{"mcast_igmp_version", kNumber},
    Word{"mcast_mld_version", kNumber},
    Word{"mcast_last_member_count", kNumber},
    Word{"mcast_last_member_interval", kText},
    Word{"mcast_startup_query_count", kNumber},
    Word{"mcast_startup_query_interval", kText},
    Word{"mcast_membership_interval", kText},
    Word{"mcast_querier_interval", kText},
    Word{"mcast_query_interval", kText},
    Word{"mcast_query_response_interval", kText},
};

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

constexpr auto kVlanGlobalWords =
    Join(std::array{Word{"vid", kText}, Word{"dev", kName}}, kQuerierWords);
constexpr std::array kVlanGlobalShowWords{Word{"vid", kNumber}, Word{"dev", kName}};

constexpr std::array kGroupWords{
    Word{"dev", kName},
    Word{"port", kName},
    Word{"grp", kText},
    Word{"src", kText},
    Word{"vid", kNumber},
    Word{"permanent", kSet, "state", "permanent"},
    Word{"temp", kSet, "state", "temp"},
    Word{"filter_mode", kChoice, "", "include|exclude"},
    Word{"source_list", kText},
    Word{"proto", kState},
};
constexpr std::array kGroupShowWords{Word{"dev", kName}, Word{"vid", kNumber}, Word{"port", kName}};
constexpr std::array kGroupGetWords{Word{"dev", kName}, Word{"grp", kText}, Word{"src", kText},
                                    Word{"vid", kNumber}};
constexpr std::array kGroupFlushWords{
    Word{"dev", kName},
    Word{"port", kName},
    Word{"vid", kNumber},
    Word{"permanent", kTrue},
    Word{"nopermanent", kFalse, "permanent"},
    Word{"proto", kState},
};
constexpr std::string_view kGroupUsage =
    "[dev BRIDGE] port NAME grp GROUP [src ADDRESS] [permanent|temp] [vid VID] [filter_mode "
    "include|exclude] [source_list ADDRESS[,...]] [proto PROTOCOL]";

constexpr std::array kLinkSettings{
    Word{"state", kState},
    Word{"priority", kNumber},
    Word{"cost", kCost},
    Word{"hairpin", kFlag},
    Word{"guard", kFlag},
    Word{"root_block", kFlag},
    Word{"fastleave", kFlag},
    Word{"learning", kFlag},
    Word{"flood", kFlag},
    Word{"mcast_flood", kFlag},
    Word{"bcast_flood", kFlag},
    Word{"mcast_router", kNumber},
    Word{"mcast_to_unicast", kFlag},
    Word{"mcast_max_groups", kNumber},
    Word{"neigh_suppress", kFlag},
    Word{"vlan_tunnel", kFlag},
    Word{"isolated", kFlag},
    Word{"locked", kFlag},
    Word{"mab", kFlag},
    Word{"fdb_max_learned", kNumber},
    Word{"group_fwd_mask", kNumber},
    Word{"loop_detection", kFlag},
    Word{"gro", kFlag},
    Word{"kernel_forwarding", kFlag},
    Word{"bpdu_filter", kFlag},
    Word{"loop_guard", kFlag},
    Word{"admin_edge", kFlag},
    Word{"auto_edge", kFlag},
    Word{"restricted_tcn", kFlag},
    Word{"p2p", kChoice, "", "auto|on|off"},
    Word{"profile", kChoice, "", "none|vm|uplink|trunk"},
};
constexpr auto kLinkWords = Join(std::array{Word{"dev", kName}}, kLinkSettings);

constexpr std::array kCarrierWords{
    Word{"dev", kName},
    Word{"on", kTrue, "carrier"},
    Word{"off", kFalse, "carrier"},
    Word{"flap", kTrue},
    Word{"period", kText},
    Word{"count", kNumber},
    Word{"qmp", kText},
    Word{"id", kText},
};

constexpr std::array kNeighbourWords{Word{"dev", kName}, Word{"vlan", kNumber}};
constexpr std::array kNeighbourNameWords{Word{"to", kText, "dst"}, Word{"dev", kName},
                                         Word{"vlan", kNumber}};
constexpr auto kNeighbourSetWords =
    Join(kNeighbourNameWords, std::array{Word{"lladdr", kAddress}, Word{"router", kTrue},
                                         Word{"nud", kIgnored}, Word{"permanent", kIgnored}});

constexpr std::array kVniWords{
    Word{"vni", kNumber},  Word{"dev", kName},    Word{"local", kText},
    Word{"vlan", kNumber}, Word{"port", kNumber}, Word{"dstport", kNumber, "port"},
};
constexpr std::array kVniWord{Word{"vni", kNumber}};

constexpr std::array kLoopWords{
    Word{"period", kText},
    Word{"action", kText},
    Word{"recovery", kText},
};

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

constexpr std::array kNameWord{Word{"dev", kName}};
constexpr std::array kPortNameWord{Word{"dev", kName, "name"}};

constexpr std::array kRecovery{Word{"recovery", kText}};

constexpr std::array kStormSettings{
    Word{"broadcast", kText},
    Word{"multicast", kText},
    Word{"unknown", kText},
    Word{"burst", kText},
    Word{"action", kChoice, "", "drop|shutdown"},
};
constexpr auto kStormWords = Join(kNameWord, kStormSettings, kRecovery);

constexpr std::array kSecuritySettings{
    Word{"max_macs", kNumber},
    Word{"violation", kChoice, "", "none|drop|shutdown|replace"},
    Word{"moves", kText},
    Word{"move_action", kChoice, "", "log|damp|shutdown"},
};
constexpr auto kSecurityWords = Join(kNameWord, kSecuritySettings, kRecovery);

// The VLANs of a port are groups: `vlan 10 pvid untagged vlan 20,30`.
constexpr std::array kPortWords{
    Word{"description", kText},         Word{"vlan", kGroup, "", "vid"},
    Word{"vid", kGroup, "vlan", "vid"}, Word{"pvid", kOfGroup, "vlan"},
    Word{"untagged", kOfGroup, "vlan"}, Word{"allow", kTexts},
};
constexpr auto kPortSettings =
    Join(kPortWords, kLinkSettings, kStormSettings, kSecuritySettings, kRecovery);
constexpr auto kPortAddWords = Join(std::array{Word{"ephemeral", kTrue}}, kPortSettings);
constexpr auto kPortSetWords = Join(kPortNameWord, kPortSettings);

constexpr std::array kDirectionWords{
    Word{"dev", kName},
    Word{"ingress", kSet, "direction", "ingress"},
    Word{"egress", kSet, "direction", "egress"},
};
constexpr std::array kImpairSettings{
    Word{"delay", kText},
    Word{"jitter", kText},
    Word{"distribution", kChoice, "", "normal|uniform|pareto"},
    Word{"loss", kText},
    Word{"correlation", kText},
    Word{"burst", kBurst},
    Word{"duplicate", kText},
    Word{"reorder", kText},
    Word{"corrupt", kText},
    Word{"rate", kText},
    Word{"limit", kNumber},
    Word{"match", kIgnored},
    Word{"vlan", kNumber},
    Word{"mac", kAddress},
    Word{"gso", kChoice, "", "cut|keep"},
    Word{"seed", kNumber},
};
constexpr auto kImpairWords = Join(kDirectionWords, kImpairSettings);
constexpr auto kImpairScheduleWords =
    Join(kDirectionWords, std::array{Word{"at", kRest}, Word{"off", kSet, "at", "off"}});

constexpr std::array kMonitorWords{
    Word{"all", kMember, "objects", "all"},       Word{"fdb", kMember, "objects", "fdb"},
    Word{"link", kMember, "objects", "link"},     Word{"port", kMember, "objects", "port"},
    Word{"vlan", kMember, "objects", "vlan"},     Word{"mdb", kMember, "objects", "mdb"},
    Word{"config", kMember, "objects", "config"}, Word{"bridge", kMember, "objects", "bridge"},
    Word{"stp", kMember, "objects", "stp"},       Word{"neigh", kMember, "objects", "neigh"},
};

constexpr std::array kTraceWords{
    Word{"in", kName},     Word{"src", kAddress}, Word{"dst", kAddress}, Word{"vlan", kNumber},
    Word{"type", kNumber}, Word{"grp", kText},    Word{"from", kText},   Word{"size", kNumber},
};

constexpr std::array kMirrorWords{
    Word{"from", kIgnored},
    Word{"dev", kNames},
    Word{"vlan", kTexts},
    Word{"ingress", kSet, "direction", "ingress"},
    Word{"egress", kSet, "direction", "egress"},
    Word{"both", kSet, "direction", "both"},
    Word{"to", kName},
};

// The flags have the letters of tcpdump(8).
constexpr std::array kCaptureWords{
    Word{"all", kSet, "dev", "all"}, Word{"-w", kText, "file"}, Word{"-c", kNumber, "count"},
    Word{"-s", kNumber, "snaplen"},  Word{"filter", kRest},
};

constexpr std::array kApplyWords{Word{"--dry-run", kTrue, "dry_run"},
                                 Word{"--merge", kTrue, "merge"}};

constexpr std::array kDryRunWords{Word{"--dry-run", kTrue, "dry_run"}};

constexpr std::array kReachWords{Word{"--diff", kText, "diff"}};

constexpr std::array kWaitWords{
    Word{"port", kName},
    Word{"up", kSet, "link", "up"},
    Word{"down", kSet, "link", "down"},
    Word{"timeout", kText},
};

constexpr std::array kTopWords{Word{"interval", kText}, Word{"count", kNumber}};

constexpr std::string_view kEntryUsage =
    "MAC dev NAME [vlan VID] [permanent|static|dynamic] [sticky] [extern_learn] [use]";

constexpr std::array kCommands{
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
    Command{.object = "port",
            .verb = "add",
            .method = "port.add",
            .bare = {"PORT", kText, "port"},
            .words = kPortAddWords,
            .required = "port",
            .usage = "[TYPE:]NAME[,KEY[=VALUE]]... [ephemeral] [SETTING]...",
            .summary = "add a port, or open one again whose device vanished; an ephemeral one is "
                       "removed when its interface is, and not saved; the SETTINGs are those of "
                       "port set, and hold before the first frame passes"},
    Command{.object = "port",
            .verb = "set",
            .method = "port.set",
            .bare = {"NAME", kName, "name"},
            .words = kPortSetWords,
            .required = "name",
            .usage = "NAME [description TEXT] [vlan VID[-VID][,...] [pvid] [untagged]]... [allow "
                     "MAC[,IP]...]... [SETTING]...",
            .summary = "change settings of a port, all of them or none; a SETTING is one of link "
                       "set, storm set or security set; vlan and allow name all VLANs and all "
                       "stations of the port"},
    Command{.object = "port",
            .verb = "del",
            .method = "port.del",
            .bare = {"NAME", kName, "name"},
            .words = kPortNameWord,
            .required = "name",
            .usage = "NAME",
            .summary = "remove a port and all that is known behind it"},
    Command{.object = "port",
            .verb = "explain",
            .method = "port.explain",
            .bare = {"NAME", kName, "name"},
            .words = kPortNameWord,
            .required = "name",
            .usage = "NAME",
            .summary = "what the profile of a port sets, why, and where the port differs from it"},
    Command{.object = "port",
            .verb = "show",
            .method = "port.list",
            .bare = {"NAME", kName, "name"},
            .words = kPortNameWord,
            .usage = "[NAME]",
            .summary = "ports, their state and its reason; with -s counters and drops"},
    Command{.object = "port",
            .verb = "recover",
            .method = "port.recover",
            .bare = {"NAME", kName, "name"},
            .words = kPortNameWord,
            .required = "name",
            .usage = "NAME",
            .summary = "let a port forward again that one of its guards has shut down"},
    Command{.object = "link",
            .verb = "set",
            .method = "link.set",
            .bare = {"NAME", kName, "dev"},
            .words = kLinkWords,
            .required = "dev",
            .usage =
                "dev NAME [state STATE] [learning on|off] [flood on|off] [mcast_flood on|off] "
                "[bcast_flood on|off] [hairpin on|off] [isolated on|off] [locked on|off] "
                "[mab on|off] [neigh_suppress on|off] [loop_detection on|off] "
                "[gro on|off] [kernel_forwarding on|off] "
                "[fdb_max_learned N] [group_fwd_mask MASK] [fastleave on|off] [mcast_router N] "
                "[mcast_max_groups N] [mcast_to_unicast on|off] [cost N|auto] [priority N] "
                "[guard on|off] [root_block on|off] [bpdu_filter on|off] [loop_guard on|off] "
                "[admin_edge on|off] [auto_edge on|off] [restricted_tcn on|off] "
                "[p2p auto|on|off] [profile none|vm|uplink|trunk]",
            .summary = "set flags of a port, all of them or none"},
    Command{.object = "link",
            .verb = "carrier",
            .method = "link.carrier",
            .bare = {"NAME", kName, "dev"},
            .words = kCarrierWords,
            .required = "dev",
            .usage = "dev NAME on|off|flap [period TIME] [count N] [qmp SOCKET id ID | qmp off]",
            .summary = "have the other end of a link see no carrier, as if a cable was pulled, or "
                       "one again; flap does so count times (1), for half a period (2s) each; a "
                       "guest whose card or netdev is ID is told by QEMU's QMP socket"},
    Command{.object = "link",
            .verb = "show",
            .method = "link.list",
            .bare = {"NAME", kName, "dev"},
            .words = kNameWord,
            .usage = "[dev NAME]",
            .summary = "flags of ports, with -d all"},
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
    Command{.object = "mdb",
            .verb = "show",
            .method = "mdb.list",
            .words = kGroupShowWords,
            .usage = "[dev BRIDGE] [vid VID] [port NAME]",
            .summary = "ports that want frames of multicast groups, and that lead to routers; with "
                       "-d filters, with -s timers"},
    Command{.object = "mdb",
            .verb = "get",
            .method = "mdb.get",
            .bare = {"GROUP", kText, "grp"},
            .words = kGroupGetWords,
            .required = "grp",
            .usage = "[dev BRIDGE] grp GROUP [src ADDRESS] [vid VID]",
            .summary = "the entries of one group"},
    Command{.object = "mdb",
            .verb = "add",
            .method = "mdb.add",
            .words = kGroupWords,
            .required = "port grp",
            .usage = kGroupUsage,
            .summary = "add an entry; the port is also the bridge itself"},
    Command{.object = "mdb",
            .verb = "replace",
            .method = "mdb.replace",
            .words = kGroupWords,
            .required = "port grp",
            .usage = kGroupUsage,
            .summary = "add an entry or change it"},
    Command{.object = "mdb",
            .verb = "del",
            .method = "mdb.del",
            .words = kGroupWords,
            .required = "port grp",
            .usage = kGroupUsage,
            .summary = "remove an entry"},
    Command{.object = "mdb",
            .verb = "flush",
            .method = "mdb.flush",
            .words = kGroupFlushWords,
            .usage = "[dev BRIDGE] [port NAME] [vid VID] [[no]permanent] [proto PROTOCOL]",
            .summary = "remove all entries that match"},
    Command{.object = "multicast",
            .verb = "show",
            .method = "multicast.list",
            .usage = "",
            .summary =
                "who asks hosts for their groups in each VLAN, and where routers are; with -s "
                "what was counted"},
    Command{.object = "multicast",
            .verb = "doctor",
            .method = "multicast.doctor",
            .usage = "",
            .summary = "what is wrong with multicasts now, and what can be done about it"},
    Command{
        .object = "neigh",
        .verb = "show",
        .method = "neigh.list",
        .bare = {"NAME", kName, "dev"},
        .words = kNeighbourWords,
        .usage = "[dev NAME] [vlan VID]",
        .summary = "who has which IP address, as far as ports with neigh_suppress need to know"},
    Command{.object = "neigh",
            .verb = "replace",
            .method = "neigh.replace",
            .bare = {"ADDRESS", kText, "dst"},
            .words = kNeighbourSetWords,
            .required = "dst lladdr",
            .usage = "ADDRESS lladdr MAC [dev NAME] [vlan VID] [router]",
            .summary = "say who has an IP address; it does not age"},
    Command{.object = "neigh",
            .verb = "del",
            .method = "neigh.del",
            .bare = {"ADDRESS", kText, "dst"},
            .words = kNeighbourNameWords,
            .required = "dst",
            .usage = "ADDRESS [dev NAME] [vlan VID]",
            .summary = "forget who has an IP address"},
    Command{.object = "neigh",
            .verb = "flush",
            .method = "neigh.flush",
            .bare = {"NAME", kName, "dev"},
            .words = kNeighbourWords,
            .usage = "[dev NAME] [vlan VID]",
            .summary = "forget who has which IP address"},
    Command{.object = "evpn",
            .verb = "add",
            .method = "evpn.add",
            .words = kVniWords,
            .required = "vni dev",
            .usage = "vni N dev NAME [local ADDRESS] [vlan VID] [port UDPPORT]",
            .summary = "reach stations on other machines by a vxlan device, which is made if there "
                       "is none, and by FRR's EVPN"},
    Command{.object = "evpn",
            .verb = "del",
            .method = "evpn.del",
            .words = kVniWord,
            .required = "vni",
            .usage = "vni N",
            .summary = "end that, and remove what was made for it"},
    Command{.object = "evpn",
            .verb = "show",
            .method = "evpn.list",
            .words = kVniWord,
            .usage = "[vni N]",
            .summary = "VNIs: their devices, and how many stations are here and elsewhere; with -s "
                       "counters, with -d the lines for FRR"},
    Command{.object = "kernel",
            .verb = "show",
            .method = "kernel.list",
            .usage = "",
            .summary = "conversations that the kernel carries by itself; with -s how many frames, "
                       "and by port"},
    Command{.object = "loop",
            .verb = "show",
            .method = "loop.list",
            .usage = "",
            .summary = "whether loops are looked for, and the ports that are blocked for one"},
    Command{.object = "loop",
            .verb = "set",
            .method = "loop.set",
            .words = kLoopWords,
            .usage = "[period TIME|off] [action ACTION] [recovery TIME|off]",
            .summary =
                "send a probe by each port once a period; a port that leads to where another "
                "one does is blocked for the time of recovery (action block), or only told "
                "of (action log)"},
    Command{.object = "stp",
            .verb = "show",
            .method = "stp.list",
            .bare = {"NAME", kName, "dev"},
            .words = kNameWord,
            .usage = "[dev NAME]",
            .summary = "the spanning tree: root, roles and states of ports, what they heard; with "
                       "-s counters and timers"},
    Command{.object = "stp",
            .verb = "mcheck",
            .method = "stp.mcheck",
            .bare = {"NAME", kName, "dev"},
            .words = kNameWord,
            .required = "dev",
            .usage = "dev NAME",
            .summary = "ask the neighbour of a port anew whether it speaks RSTP"},
    Command{.object = "storm",
            .verb = "set",
            .method = "storm.set",
            .bare = {"NAME", kName, "dev"},
            .words = kStormWords,
            .required = "dev",
            .usage = "dev NAME [broadcast RATE|off] [multicast RATE|off] [unknown RATE|off] [burst "
                     "TIME] [action drop|shutdown] [recovery TIME]",
            .summary = "limit what is flooded from a port; a RATE is as 1000pps or 10mbit, and "
                       "burst the silence that may be caught up with"},
    Command{.object = "storm",
            .verb = "show",
            .method = "storm.list",
            .bare = {"NAME", kName, "dev"},
            .words = kNameWord,
            .usage = "[dev NAME]",
            .summary = "storm control of ports, and what it dropped"},
    Command{.object = "security",
            .verb = "set",
            .method = "security.set",
            .bare = {"NAME", kName, "dev"},
            .words = kSecurityWords,
            .required = "dev",
            .usage = "dev NAME [max_macs N] [violation none|drop|shutdown|replace] [moves "
                     "N/TIME|off] [move_action log|damp|shutdown] [recovery TIME]",
            .summary = "limit the stations of a port, and watch for some that move to and fro; "
                       "max_macs is the link's fdb_max_learned"},
    Command{.object = "security",
            .verb = "allow",
            .method = "security.allow",
            .bare = {"MAC[,IP]...", kText, "station"},
            .words = kNameWord,
            .required = "station dev",
            .usage = "MAC[,IP]... dev NAME",
            .summary = "let only listed stations speak behind a port, in the name of their IP "
                       "addresses if some are given"},
    Command{.object = "security",
            .verb = "disallow",
            .method = "security.disallow",
            .bare = {"MAC|all", kText, "station", "all"},
            .words = kNameWord,
            .required = "station dev",
            .usage = "MAC|all dev NAME",
            .summary = "remove a station from the list; with none on it, anybody may speak"},
    Command{.object = "security",
            .verb = "show",
            .method = "security.list",
            .bare = {"NAME", kName, "dev"},
            .words = kNameWord,
            .usage = "[dev NAME]",
            .summary = "the same, and what was dropped"},
    Command{.object = "impair",
            .verb = "set",
            .method = "impair.set",
            .bare = {"NAME", kName, "dev"},
            .words = kImpairWords,
            .required = "dev",
            .usage = "dev NAME [ingress|egress] [delay TIME [jitter TIME [distribution "
                     "normal|uniform|pareto]]] [loss PERCENT [correlation PERCENT | burst PERCENT "
                     "PERCENT]] [duplicate PERCENT] [reorder PERCENT] [corrupt PERCENT] [rate RATE "
                     "[burst SIZE]] [limit N] [match vlan VID | match mac MAC] [gso cut|keep] "
                     "[seed N]",
            .summary = "make a link misbehave: frames from a station (ingress) or towards it "
                       "(egress, the default) are delayed, lost, changed, or limited to a rate; "
                       "what is not named is off"},
    Command{.object = "impair",
            .verb = "schedule",
            .method = "impair.schedule",
            .bare = {"NAME", kName, "dev"},
            .words = kImpairScheduleWords,
            .required = "dev at",
            .usage = "dev NAME [ingress|egress] at STEP [at STEP]...|off",
            .summary = "change settings of impair set for some time; a STEP is the time from this "
                       "command on, the settings, and for how long: 10s loss 5% for 2s"},
    Command{.object = "impair",
            .verb = "del",
            .method = "impair.del",
            .bare = {"NAME", kName, "dev"},
            .words = kDirectionWords,
            .required = "dev",
            .usage = "dev NAME [ingress|egress]",
            .summary = "end that, in both directions or in one; what is held leaves at once"},
    Command{.object = "impair",
            .verb = "show",
            .method = "impair.list",
            .bare = {"NAME", kName, "dev"},
            .words = kNameWord,
            .usage = "[dev NAME]",
            .summary = "the same, as words of impair set; with -s what has become of frames"},
    Command{.object = "monitor",
            .verb = "",
            .method = "monitor.start",
            .words = kMonitorWords,
            .usage = "[all|fdb|neigh|link|port|vlan]... [mdb|stp|bridge|config]...",
            .summary = "a line for each event; -t tells when"},
    Command{.object = "trace",
            .verb = "",
            .method = "trace",
            .words = kTraceWords,
            .required = "in src dst",
            .usage = "in NAME src MAC dst MAC [vlan VID] [type ETHERTYPE] [size BYTES] [grp GROUP "
                     "[from ADDRESS]]",
            .summary = "what would become of a frame, stage by stage"},
    Command{.object = "mirror",
            .verb = "add",
            .method = "mirror.add",
            .bare = {"NAME", kText, "name"},
            .words = kMirrorWords,
            .required = "name to",
            .usage = "NAME from dev PORT|vlan VID[-VID][,...]... [ingress|egress|both] to PORT",
            .summary = "copy the frames of ports or VLANs to a port, which then does nothing else"},
    Command{.object = "mirror",
            .verb = "del",
            .method = "mirror.del",
            .bare = {"NAME", kText, "name"},
            .required = "name",
            .usage = "NAME",
            .summary = "end that"},
    Command{.object = "mirror",
            .verb = "show",
            .method = "mirror.list",
            .bare = {"NAME", kText, "name"},
            .usage = "[NAME]",
            .summary = "what is copied where"},
    Command{.object = "capture",
            .verb = "",
            .method = "capture.start",
            .bare = {"NAME", kName, "dev"},
            .words = kCaptureWords,
            .required = "dev",
            .usage = "NAME|all [-w FILE|-] [-c COUNT] [-s SNAPLEN] [filter EXPRESSION]",
            .summary = "frames as pcapng, for wireshark -k -i -; an EXPRESSION is that of "
                       "pcap-filter(7)"},
    Command{.object = "show",
            .verb = "",
            .method = "",
            .usage = "",
            .summary = "everything on one screen: the switch, its ports, and what is wrong now "
                       "with what can be done about it"},
    Command{.object = "reach",
            .verb = "",
            .method = "reach",
            .words = kReachWords,
            .usage = "[--diff FILE]",
            .summary = "which ports reach which others by their state and settings, and the reason "
                       "of each no; --diff shows what is otherwise than in a FILE that tapctl -j "
                       "reach wrote"},
    Command{.object = "why",
            .verb = "",
            .method = "",
            .bare = {"HOST HOST", kTexts, "hosts"},
            .required = "hosts",
            .usage = "HOST HOST",
            .summary = "whether two hosts reach each other, by which ports, and why not; a HOST is "
                       "a MAC address, an IP address that neigh show has, or a port"},
    Command{.object = "top",
            .verb = "",
            .method = "",
            .words = kTopWords,
            .usage = "[interval TIME] [count N]",
            .summary = "live rates of the ports"},
    Command{.object = "save",
            .verb = "",
            .method = "config.save",
            .usage = "",
            .summary = "the running configuration as commands, for batch or --startup"},
    Command{.object = "apply",
            .verb = "",
            .method = "config.apply",
            .bare = {"FILE", kText, "file"},
            .words = kApplyWords,
            .required = "file",
            .usage = "FILE|- [--dry-run] [--merge]",
            .summary = "make the running switch what the file says, by the differences alone; what "
                       "the file does not name is removed, or with --merge kept; --dry-run prints "
                       "the differences, as commands"},
    Command{.object = "reload",
            .verb = "",
            .method = "config.reload",
            .words = kDryRunWords,
            .usage = "[--dry-run]",
            .summary = "apply the file of --startup again, by the differences alone, as SIGHUP "
                       "does, but say what is wrong with it; --dry-run prints the differences"},
    Command{.object = "adopt",
            .verb = "",
            .method = "bridge.adopt",
            .bare = {"BRIDGE", kText, "name"},
            .words = kDryRunWords,
            .required = "name",
            .usage = "BRIDGE [--dry-run]",
            .summary = "take over a running Linux bridge: its ports, VLANs, flags and addresses, "
                       "without a link going down; --dry-run prints the commands, and what is not "
                       "kept"},
    Command{.object = "release",
            .verb = "",
            .method = "bridge.release",
            .words = kDryRunWords,
            .usage = "[--dry-run]",
            .summary = "give back what was taken over, as it was; also when the switch has ended"},
    Command{.object = "wait",
            .verb = "",
            .method = "",
            .words = kWaitWords,
            .usage = "[port NAME up|down] [timeout TIME]",
            .summary = "return when the switch runs, or when a port of it is up; after 30s, or "
                       "TIME, fail and say why"},
    Command{.object = "upgrade",
            .verb = "",
            .method = "bridge.upgrade",
            .bare = {"BINARY", kText, "program"},
            .usage = "[BINARY]",
            .summary =
                "have a new process take over, of the program at BINARY or where the present "
                "one was, without a lost frame; if it cannot, the present one goes on"},
    Command{.object = "stop",
            .verb = "",
            .method = "bridge.stop",
            .usage = "",
            .summary = "end the switch, as SIGTERM does"},
    Command{.object = "batch",
            .verb = "",
            .method = "",
            .bare = {"FILE", kText, "file"},
            .required = "file",
            .usage = "FILE|-",
            .summary = "commands from a file, one a line"},
};

}  // namespace

const Word* Command::FindWord(std::string_view name) const {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.word == name; });
  return found == words.end() ? nullptr : &*found;
}

std::span<const Command> Commands() { return kCommands; }

}  // namespace tapswitch
