#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

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

constexpr std::array kImpairCommands{
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
};

}  // namespace

std::span<const Command> ImpairCommands() { return kImpairCommands; }

}  // namespace tapswitch::grammar
