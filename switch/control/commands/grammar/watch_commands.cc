#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

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

constexpr std::array kReachWords{Word{"--diff", kText, "diff"}};

constexpr std::array kTopWords{Word{"interval", kText}, Word{"count", kNumber}};

constexpr std::array kWatchCommands{
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
};

}  // namespace

std::span<const Command> WatchCommands() { return kWatchCommands; }

}  // namespace tapswitch::grammar
