#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

constexpr std::array kApplyWords{Word{"--dry-run", kTrue, "dry_run"},
                                 Word{"--merge", kTrue, "merge"}};

constexpr std::array kDryRunWords{Word{"--dry-run", kTrue, "dry_run"}};

constexpr std::array kWaitWords{
    Word{"port", kName},
    Word{"up", kSet, "link", "up"},
    Word{"down", kSet, "link", "down"},
    Word{"timeout", kText},
};

constexpr std::array kSwitchCommands{
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

std::span<const Command> SwitchCommands() { return kSwitchCommands; }

}  // namespace tapswitch::grammar
