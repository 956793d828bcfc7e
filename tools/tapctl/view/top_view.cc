#include "tools/tapctl/view/top_view.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/view/answer.h"
#include "tools/tapctl/view/human.h"
#include "tools/tapctl/view/paint.h"

namespace tapswitch {
namespace {

double NumberAlong(const Answer& object, std::initializer_list<const char*> path) {
  const Answer* at = &object;
  for (const char* key : path) {
    const auto found = at->find(key);
    if (!at->is_object() || found == at->end()) return 0;
    at = &*found;
  }
  return at->is_number() ? at->get<double>() : 0;
}

// The difference of a count between two samples, for each second.
class Rates {
 public:
  Rates(const TopSample& before, const TopSample& now)
      : before_(before), seconds_(now.seconds - before.seconds) {}

  [[nodiscard]] double Of(const Answer& now, const Answer& before,
                          std::initializer_list<const char*> path) const {
    const double difference = NumberAlong(now, path) - NumberAlong(before, path);
    // A port that was added again counts from 0.
    return seconds_ <= 0 || difference < 0 ? 0 : difference / seconds_;
  }

  [[nodiscard]] Answer PortBefore(const Answer& port) const {
    for (const Answer& other : before_.ports) {
      if (TextAt(other, "ifname") == TextAt(port, "ifname")) return other;
    }
    return port;  // it is new: there is no rate yet
  }

 private:
  const TopSample& before_;
  double seconds_;
};

// A line of the view. A style is that of the whole line, so that columns stay columns.
enum class Style : uint8_t { kPlain, kTitle, kWarning, kError, kSelected };
struct Line {
  std::string text;
  Style style = Style::kPlain;
};

struct PortRow {
  std::string name;
  double traffic = 0;
  double drops = 0;
  double learned = 0;
  Line line;
};

Style StyleOf(const Answer& port, double drops) {
  if (TextAt(port, "state") != "forwarding") return Style::kError;
  return drops > 0 ? Style::kWarning : Style::kPlain;
}

PortRow MakeRow(const Answer& port, const Rates& rates) {
  const Answer before = rates.PortBefore(port);
  const auto rate = [&](const char* way, const char* what) {
    return rates.Of(port, before, {"stats64", way, what});
  };
  const double rx = rate("rx", "packets");
  const double tx = rate("tx", "packets");
  const double drops = rate("rx", "dropped") + rate("tx", "dropped");
  const std::string description = TextAt(port, "description");
  std::string text =
      fmt::format("{:<15} {:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}{}{}", TextAt(port, "ifname"),
                  TextAt(port, "state"), HumanNumber(rx), HumanNumber(rate("rx", "bytes") * 8),
                  HumanNumber(tx), HumanNumber(rate("tx", "bytes") * 8), HumanNumber(drops),
                  HumanNumber(NumberAlong(port, {"fdb_n_learned"})),
                  description.empty() ? "" : "  ", description);
  return {.name = TextAt(port, "ifname"),
          .traffic = rx + tx,
          .drops = drops,
          .learned = NumberAlong(port, {"fdb_n_learned"}),
          .line = {std::move(text), StyleOf(port, drops)}};
}

bool ComesFirst(const PortRow& a, const PortRow& b, TopSort sort) {
  switch (sort) {
    case TopSort::kName:
      return a.name < b.name;
    case TopSort::kDrops:
      return a.drops > b.drops;
    case TopSort::kLearned:
      return a.learned > b.learned;
    case TopSort::kTraffic:
      break;
  }
  return a.traffic > b.traffic;
}

std::vector<PortRow> SortedRows(const TopSample& now, const Rates& rates, TopSort sort) {
  std::vector<PortRow> rows;
  for (const Answer& port : now.ports) rows.push_back(MakeRow(port, rates));
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const PortRow& a, const PortRow& b) { return ComesFirst(a, b, sort); });
  return rows;
}

// Reasons that have struck at some ports, with what they took in all and each second.
std::vector<Line> DropRows(const Answer& ports, const Rates& rates) {
  std::map<std::string, std::pair<double, double>> reasons;
  for (const Answer& port : ports) {
    const Answer before = rates.PortBefore(port);
    const Answer drops = MembersAt(port, "drops");
    for (const auto& [reason, count] : drops.items()) {
      reasons[reason].first += count.is_number() ? count.get<double>() : 0;
      reasons[reason].second += rates.Of(port, before, {"drops", reason.c_str()});
    }
  }
  std::vector<Line> lines;
  for (const auto& [reason, counts] : reasons) {
    if (counts.first == 0) continue;
    lines.push_back({fmt::format("{:<26} {:>8} {:>8}/s", Printable(reason),
                                 HumanNumber(counts.first), HumanNumber(counts.second)),
                     counts.second > 0 ? Style::kWarning : Style::kPlain});
  }
  if (lines.empty()) return lines;
  lines.insert(
      lines.begin(),
      {{""}, {fmt::format("{:<26} {:>8} {:>8}", "dropped", "total", "rate"), Style::kTitle}});
  return lines;
}

std::vector<std::string> Header(const TopSample& before, const TopSample& now, const Rates& rates) {
  const auto rate = [&](const char* what) {
    return HumanNumber(rates.Of(now.bridge, before.bridge, {"counters", what}));
  };
  const double busy = rates.Of(now.bridge, before.bridge, {"counters", "loop_busy_seconds"});
  const double polling = rates.Of(now.bridge, before.bridge, {"counters", "loop_poll_seconds"});
  return {fmt::format("{}  ports {}  busy {:.0f} %, polling {:.0f} % ({} of {} polls/s hit)  {}",
                      TextAt(now.bridge, "ifname"), now.ports.size(), std::min(busy, 1.0) * 100,
                      std::min(polling, 1.0) * 100, rate("loop_poll_hits"), rate("loop_polls"),
                      TextAt(now.bridge, "io")),
          fmt::format("table {} of {} entries, {} learned; learned {}/s  moved {}/s  evicted {}/s  "
                      "refused {}/s",
                      NumberAt(now.bridge, "fdb_n_entries"), NumberAt(now.bridge, "fdb_max"),
                      NumberAt(now.bridge, "fdb_n_learned"), rate("fdb_learned"), rate("fdb_moved"),
                      rate("fdb_evicted"), rate("fdb_limited")),
          ""};
}

// What the kernel carries from and to the ports; nothing where it carries for none.
std::string KernelLine(const Answer& ports, const Rates& rates) {
  double in = 0;
  double out = 0;
  double received = 0;
  bool carries = false;
  for (const Answer& port : ports) {
    if (!port.contains("kernel")) continue;
    const Answer before = rates.PortBefore(port);
    carries = true;
    in += rates.Of(port, before, {"kernel", "rx"});
    out += rates.Of(port, before, {"kernel", "tx"});
    received += rates.Of(port, before, {"stats64", "rx", "packets"});
  }
  if (!carries) return {};
  return fmt::format("carried by the kernel: {} fr/s received ({:.0f} %), {} fr/s sent",
                     HumanNumber(in), received > 0 ? in / received * 100 : 0, HumanNumber(out));
}

Answer PortAsJson(const Answer& port, const Rates& rates) {
  const Answer before = rates.PortBefore(port);
  Answer shown{{"ifname", TextAt(port, "ifname")}, {"state", TextAt(port, "state")}};
  for (const char* way : {"rx", "tx"}) {
    Answer way_rates = Answer::object();
    for (const char* what : {"packets", "bytes", "dropped"}) {
      way_rates[what] = rates.Of(port, before, {"stats64", way, what});
    }
    shown[way] = std::move(way_rates);
  }
  if (port.contains("kernel")) {
    for (const char* way : {"rx", "tx"}) {
      shown["kernel"][way] = rates.Of(port, before, {"kernel", way});
    }
  }
  shown["fdb_n_learned"] = NumberAt(port, "fdb_n_learned");
  if (port.contains("description")) shown["description"] = port["description"];
  return shown;
}

void Append(std::vector<Line>& lines, std::vector<Line> more) {
  for (Line& line : more) lines.push_back(std::move(line));
}

constexpr std::array kHelp{
    "keys:",
    "  up, down    choose a port         enter       show its drops, VLANs and hosts",
    "  t           sort by traffic       n           sort by name",
    "  d           sort by drops         l           sort by learned addresses",
    "  esc         go back               ?           this help",
    "  q           end",
};

std::vector<Line> PortsPage(const TopSample& before, const TopSample& now, const Rates& rates,
                            const TopState& state) {
  std::vector<Line> lines;
  for (std::string& text : Header(before, now, rates)) lines.push_back({std::move(text)});
  std::string carried = KernelLine(now.ports, rates);
  if (!carried.empty()) lines.insert(lines.end() - 1, {std::move(carried)});
  lines.push_back({fmt::format("{:<15} {:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}", "port", "state",
                               "rx fr/s", "rx bit/s", "tx fr/s", "tx bit/s", "drops/s", "learned"),
                   Style::kTitle});
  for (PortRow& row : SortedRows(now, rates, state.sort)) {
    if (row.name == state.selected) row.line.style = Style::kSelected;
    lines.push_back(std::move(row.line));
  }
  Append(lines, DropRows(now.ports, rates));
  return lines;
}

std::vector<Line> PortPage(const TopSample& now, const Rates& rates, const std::string& name) {
  Answer port;
  for (const Answer& one : now.ports) {
    if (TextAt(one, "ifname") == name) port = one;
  }
  if (port.is_null()) return {{fmt::format("{}: it has gone; esc goes back", name)}};
  const std::string reason = TextAt(port, "reason");
  std::vector<Line> lines{
      {fmt::format("{}: {} link {} state {} mtu {}{}", name, TextAt(port, "type"),
                   TextAt(port, "link"), TextAt(port, "state"), TextAt(port, "mtu"),
                   reason.empty() ? "" : " (" + reason + ")"),
       StyleOf(port, 0)}};
  const Answer alone = Answer::array({port});
  if (std::string text = KernelLine(alone, rates); !text.empty())
    lines.push_back({std::move(text)});
  Append(lines, DropRows(alone, rates));
  lines.push_back({""});
  lines.push_back({fmt::format("{:<18} {:>6}", "host", "VLAN"), Style::kTitle});
  for (const Answer& host : now.hosts) {
    lines.push_back({fmt::format("{:<18} {:>6} {}", TextAt(host, "mac"), TextAt(host, "vlan"),
                                 TextAt(host, "state"))});
  }
  lines.push_back({""});
  lines.push_back({"VLANs", Style::kTitle});
  for (const Answer& one : now.vlans) {
    for (const Answer& range : ListAt(one, "vlans")) {
      std::string flags;
      for (const Answer& flag : ListAt(range, "flags")) {
        if (flag.is_string()) flags += " " + Printable(flag.get<std::string>());
      }
      lines.push_back({VlanRangeText(range) + flags});
    }
  }
  return lines;
}

std::string Drawn(const Line& line, bool coloured) {
  if (!coloured) return line.text;
  switch (line.style) {
    case Style::kTitle:
      return "\033[1m" + line.text + "\033[0m";
    case Style::kSelected:
      return "\033[7m" + line.text + "\033[0m";
    case Style::kWarning:
      return Painted(line.text, Colour::kYellow, true);
    case Style::kError:
      return Painted(line.text, Colour::kRed, true);
    case Style::kPlain:
      break;
  }
  return line.text;
}

void Fit(std::vector<Line>& lines, TopSize size) {
  if (size.lines != 0 && lines.size() > size.lines) {
    const size_t left_out = lines.size() - size.lines + 1;
    lines.resize(size.lines - 1);
    lines.push_back({fmt::format("... {} more", left_out)});
  }
  for (Line& line : lines) {
    if (size.columns != 0 && line.text.size() > size.columns) line.text.resize(size.columns);
  }
}

// Chooses the port `step` rows below that which is chosen, or the first.
void Choose(int step, const TopSample& before, const TopSample& now, TopState& state) {
  const auto rows = SortedRows(now, Rates(before, now), state.sort);
  if (rows.empty()) return;
  const auto chosen = std::find_if(rows.begin(), rows.end(),
                                   [&](const PortRow& row) { return row.name == state.selected; });
  const auto last = static_cast<int>(rows.size()) - 1;
  const int at = chosen == rows.end() ? 0 : static_cast<int>(chosen - rows.begin()) + step;
  state.selected = rows[static_cast<size_t>(std::clamp(at, 0, last))].name;
}

}  // namespace

std::vector<std::string> LayOutTop(const TopSample& before, const TopSample& now, TopSize size,
                                   const TopState& state) {
  const Rates rates(before, now);
  std::vector<Line> lines;
  if (state.shows_help) {
    for (const char* text : kHelp) lines.push_back({text});
  } else if (!state.port.empty()) {
    lines = PortPage(now, rates, state.port);
  } else {
    lines = PortsPage(before, now, rates, state);
  }
  Fit(lines, size);
  std::vector<std::string> drawn;
  drawn.reserve(lines.size());
  for (const Line& line : lines) drawn.push_back(Drawn(line, state.coloured));
  return drawn;
}

bool PressKey(TopKey key, const TopSample& before, const TopSample& now, TopState& state) {
  const bool showed_help = std::exchange(state.shows_help, false);
  switch (key) {
    case TopKey::kQuit:
      return false;
    case TopKey::kHelp:
      state.shows_help = !showed_help;
      break;
    case TopKey::kBack:
      if (!showed_help) state.port.clear();
      break;
    case TopKey::kUp:
      Choose(-1, before, now, state);
      break;
    case TopKey::kDown:
      Choose(1, before, now, state);
      break;
    case TopKey::kOpen:
      state.port = state.selected;
      break;
    case TopKey::kSortByTraffic:
      state.sort = TopSort::kTraffic;
      break;
    case TopKey::kSortByName:
      state.sort = TopSort::kName;
      break;
    case TopKey::kSortByDrops:
      state.sort = TopSort::kDrops;
      break;
    case TopKey::kSortByLearned:
      state.sort = TopSort::kLearned;
      break;
    case TopKey::kOther:
      break;
  }
  return true;
}

TopKey KeyOf(std::string_view bytes) {
  struct Binding {
    std::string_view bytes;
    TopKey key;
  };
  constexpr std::array kBindings{
      Binding{"q", TopKey::kQuit},          Binding{"Q", TopKey::kQuit},
      Binding{"?", TopKey::kHelp},          Binding{"h", TopKey::kHelp},
      Binding{"\033[A", TopKey::kUp},       Binding{"k", TopKey::kUp},
      Binding{"\033[B", TopKey::kDown},     Binding{"j", TopKey::kDown},
      Binding{"\n", TopKey::kOpen},         Binding{"\r", TopKey::kOpen},
      Binding{"\033", TopKey::kBack},       Binding{"\177", TopKey::kBack},
      Binding{"t", TopKey::kSortByTraffic}, Binding{"n", TopKey::kSortByName},
      Binding{"d", TopKey::kSortByDrops},   Binding{"l", TopKey::kSortByLearned},
  };
  const auto* const found = std::find_if(kBindings.begin(), kBindings.end(),
                                         [&](const Binding& one) { return one.bytes == bytes; });
  return found == kBindings.end() ? TopKey::kOther : found->key;
}

Answer TopAsJson(const TopSample& before, const TopSample& now) {
  const Rates rates(before, now);
  auto ports = Answer::array();
  for (const Answer& port : now.ports) ports.push_back(PortAsJson(port, rates));
  const auto rate = [&](const char* what) {
    return rates.Of(now.bridge, before.bridge, {"counters", what});
  };
  return {{"ifname", TextAt(now.bridge, "ifname")},
          {"seconds", now.seconds - before.seconds},
          {"busy", rate("loop_busy_seconds")},
          {"fdb_n_entries", NumberAt(now.bridge, "fdb_n_entries")},
          {"fdb_n_learned", NumberAt(now.bridge, "fdb_n_learned")},
          {"fdb_learned", rate("fdb_learned")},
          {"fdb_moved", rate("fdb_moved")},
          {"fdb_evicted", rate("fdb_evicted")},
          {"fdb_limited", rate("fdb_limited")},
          {"ports", std::move(ports)}};
}

}  // namespace tapswitch
