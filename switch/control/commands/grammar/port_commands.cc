#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

constexpr std::array kPortNameWord{Word{"dev", kName, "name"}};

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

constexpr std::array kPortCommands{
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
};

}  // namespace

std::span<const Command> PortCommands() { return kPortCommands; }

}  // namespace tapswitch::grammar
