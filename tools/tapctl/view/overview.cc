#include "tools/tapctl/view/overview.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/render_handover.h"
#include "tools/tapctl/render/render_impair.h"
#include "tools/tapctl/view/answer.h"
#include "tools/tapctl/view/human.h"
#include "tools/tapctl/view/paint.h"

namespace tapswitch {
namespace {

// A cell of a table. Its colour takes no columns.
struct Cell {
  std::string text;
  Colour colour = Colour::kNone;
};
using Row = std::vector<Cell>;

// Columns as wide as their widest cell, the last one as it is.
std::string LayOut(const std::vector<Row>& rows, std::string_view indent, bool coloured) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].text.size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) {
      line += Painted(row[i].text, row[i].colour, coloured);
      line += std::string(widths[i] - row[i].text.size() + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  }
  return text;
}

// "1u* 10-20": untagged VLANs have a u, the PVID a star.
std::string VlansOf(const Answer& vlans, const std::string& port) {
  std::string text;
  for (const Answer& one : vlans) {
    if (TextAt(one, "ifname") != port) continue;
    for (const Answer& range : ListAt(one, "vlans")) {
      if (!text.empty()) text += " ";
      text += VlanRangeText(range);
      const std::string flags = TextAt(range, "flags");
      if (flags.find("Untagged") != std::string::npos) text += "u";
      if (flags.find("PVID") != std::string::npos) text += "*";
    }
  }
  return text.empty() ? "-" : text;
}

uint64_t DropsOf(const Answer& port) {
  const Answer drops = MembersAt(port, "drops");
  uint64_t sum = 0;
  for (const auto& [reason, count] : drops.items()) {
    if (count.is_number_integer()) sum += count.get<uint64_t>();
  }
  return sum;
}

std::string PacketsOf(const Answer& port, const char* way) {
  const auto packets = NumberAt(MembersAt(MembersAt(port, "stats64"), way), "packets");
  return packets == 0 ? "-" : HumanNumber(static_cast<double>(packets));
}

Row RowOf(const Answer& port, const Answer& vlans) {
  const bool is_up = TextAt(port, "link") == "up";
  const bool is_forwarding = TextAt(port, "state") == "forwarding";
  const uint64_t drops = DropsOf(port);
  Row row{{TextAt(port, "ifname"), Colour::kCyan},
          {TextAt(port, "type")},
          {TextAt(port, "link"), is_up ? Colour::kGreen : Colour::kRed},
          {TextAt(port, "state"), is_forwarding ? Colour::kGreen : Colour::kRed}};
  if (!vlans.is_null()) row.push_back({VlansOf(vlans, TextAt(port, "ifname"))});
  row.push_back({TextAt(port, "fdb_n_learned")});
  row.push_back({PacketsOf(port, "rx")});
  row.push_back({PacketsOf(port, "tx")});
  row.push_back({drops == 0 ? "-" : HumanNumber(static_cast<double>(drops)),
                 drops == 0 ? Colour::kNone : Colour::kYellow});
  row.push_back({TextAt(port, "description")});
  return row;
}

// What can be done about a link that is down, by how its reason begins.
struct Cure {
  std::string_view reason;
  std::string_view cure;
};
constexpr std::array kCures{
    Cure{"interface has no carrier", "start what holds the other end"},
    Cure{"carrier off by hand", "tapctl link carrier dev {} on"},
    Cure{"interface is down", "ip link set dev {} up"},
    Cure{"waits for its interface", "it is used as soon as there is one of its name"},
    Cure{"interface was deleted", "make it again, or tapctl port del {}"},
    Cure{"device was deleted", "tapctl port add does, or tapctl port del {} removes it"},
    Cure{"its device could not", "tapctl port add does, or tapctl port del {} removes it"},
};

std::string CureOf(std::string_view reason, std::string_view port) {
  const auto* const found = std::find_if(kCures.begin(), kCures.end(), [&](const Cure& cure) {
    return reason.starts_with(cure.reason);
  });
  if (found == kCures.end()) return "";
  std::string cure(found->cure);
  const size_t at = cure.find("{}");
  if (at != std::string::npos) cure.replace(at, 2, port);
  return cure;
}

void TellOfPort(const Answer& port, std::vector<std::string>& lines) {
  const std::string name = TextAt(port, "ifname");
  const std::string reason = TextAt(port, "reason");
  if (TextAt(port, "link") != "up") {
    const std::string cure = CureOf(reason, name);
    lines.push_back(
        fmt::format("{} is down: {}{}{}", name, reason, cure.empty() ? "" : ": ", cure));
  }
  if (port.contains("shut_down")) {
    lines.push_back(fmt::format("{} is shut down ({}): find the cause, then tapctl port recover {}",
                                name, TextAt(port, "shut_down"), name));
  } else if (TextAt(port, "link") == "up" && TextAt(port, "state") != "forwarding") {
    lines.push_back(fmt::format("{} is {} by hand: tapctl link set dev {} state forwarding", name,
                                TextAt(port, "state"), name));
  }
  if (const std::string problem = TextAt(MembersAt(port, "details"), "qmp_problem");
      !problem.empty()) {
    lines.push_back(fmt::format("{}: its guest is not told of its carrier: {}", name, problem));
  }
  if (port.contains("impaired")) {
    lines.push_back(fmt::format("{} is impaired on purpose{}: tapctl impair del dev {} ends that",
                                name, ImpairedText(port), name));
  }
  const Answer alarms = MembersAt(port, "alarms");
  for (const auto& [alarm, count] : alarms.items()) {
    if (alarm != "loop_suspected" || !count.is_number() || count == 0) continue;
    lines.push_back(
        fmt::format("{} was suspected of a loop {} time{}: tapctl loop set period 1s finds it",
                    name, count.dump(), count == 1 ? "" : "s"));
  }
}

// The reasons of a port's drops, the commonest first.
void TellOfDrops(const Answer& port, std::vector<std::string>& lines) {
  std::vector<std::pair<uint64_t, std::string>> reasons;
  const Answer drops = MembersAt(port, "drops");
  for (const auto& [reason, count] : drops.items()) {
    const bool counts = count.is_number_integer() && count != 0;
    // A frame that nobody was there to receive is no fault, as when ports come up one by one.
    const bool is_ordinary = reason == "no_egress" || reason == "no_listener" ||
                             reason == "link_down" || reason == "other_station" ||
                             reason == "not_ip";
    if (counts && !is_ordinary) reasons.emplace_back(count.get<uint64_t>(), reason);
  }
  if (reasons.empty()) return;
  std::sort(reasons.rbegin(), reasons.rend());
  std::string text;
  for (const auto& [count, reason] : reasons) {
    text += fmt::format(" {} {}", Printable(reason), HumanNumber(static_cast<double>(count)));
  }
  lines.push_back(
      fmt::format("{} dropped frames:{} (man tapswitch-drops)", TextAt(port, "ifname"), text));
}

void TellOfTable(const Answer& bridge, std::vector<std::string>& lines) {
  const uint64_t entries = NumberAt(bridge, "fdb_n_entries");
  const uint64_t room = NumberAt(bridge, "fdb_max");
  if (room == 0 || entries * 10 < room * 9) return;
  lines.push_back(
      fmt::format("the address table is nearly full ({} of {}): start with a larger "
                  "--fdb_max",
                  entries, room));
}

std::string FirstLine(const Overview& overview, bool coloured) {
  const Answer& bridge = overview.bridge;
  const size_t ports = overview.ports.size();
  std::string text = Painted(TextAt(bridge, "ifname"), Colour::kCyan, coloured);
  text += fmt::format("  up {}  process {}", HumanSpan(NumberAt(bridge, "uptime")),
                      TextAt(bridge, "pid"));
  text += fmt::format("  {} port{}  {} of {} addresses", ports, ports == 1 ? "" : "s",
                      TextAt(bridge, "fdb_n_entries"), TextAt(bridge, "fdb_max"));
  text += TextAt(bridge, "vlan_filtering") == "1" ? "  VLANs filtered" : "";
  text += "  " + TextAt(bridge, "io") + "\n";
  return text + HandoverText(bridge);
}

}  // namespace

std::string RenderPortTable(const Answer& ports, const Answer& vlans,
                            const OutputOptions& options) {
  Row head{{"PORT"}, {"TYPE"}, {"LINK"}, {"STATE"}};
  if (!vlans.is_null()) head.push_back({"VLANS"});
  for (const char* title : {"LEARNED", "RX", "TX", "DROPS"}) head.push_back({title});
  std::vector<Row> rows{head};
  for (const Answer& port : ports) rows.push_back(RowOf(port, vlans));
  return LayOut(rows, "", options.colour);
}

std::string RenderOverview(const Overview& overview, const OutputOptions& options) {
  std::string text = FirstLine(overview, options.colour);
  if (overview.ports.empty()) {
    return text + "no ports yet: tapctl port add vnet0\n";
  }
  const bool filters = TextAt(overview.bridge, "vlan_filtering") == "1";
  text += RenderPortTable(overview.ports, filters ? overview.vlans : Answer(), options);
  std::vector<std::string> lines;
  for (const Answer& port : overview.ports) TellOfPort(port, lines);
  for (const Answer& port : overview.ports) TellOfDrops(port, lines);
  TellOfTable(overview.bridge, lines);
  for (const std::string& line : lines) {
    text += Painted("!", Colour::kRed, options.colour) + " " + line + "\n";
  }
  return text;
}

}  // namespace tapswitch
