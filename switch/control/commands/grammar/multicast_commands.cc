#include <array>
#include <string_view>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

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

constexpr std::array kMulticastCommands{
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
};

}  // namespace

std::span<const Command> MulticastCommands() { return kMulticastCommands; }

}  // namespace tapswitch::grammar
