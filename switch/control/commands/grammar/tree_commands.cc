#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

constexpr std::array kLoopWords{
    Word{"period", kText},
    Word{"action", kText},
    Word{"recovery", kText},
};

constexpr std::array kTreeCommands{
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
};

}  // namespace

std::span<const Command> TreeCommands() { return kTreeCommands; }

}  // namespace tapswitch::grammar
