#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

constexpr auto kStormWords = Join(kNameWord, kStormSettings, kRecovery);

constexpr auto kSecurityWords = Join(kNameWord, kSecuritySettings, kRecovery);

constexpr std::array kGuardCommands{
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
};

}  // namespace

std::span<const Command> GuardCommands() { return kGuardCommands; }

}  // namespace tapswitch::grammar
