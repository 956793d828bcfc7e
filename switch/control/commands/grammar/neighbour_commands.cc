#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

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

constexpr std::array kNeighbourCommands{
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
};

}  // namespace

std::span<const Command> NeighbourCommands() { return kNeighbourCommands; }

}  // namespace tapswitch::grammar
