#include "tools/tapctl/top_view.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/answer.h"
#include "tools/tapctl/human.h"

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

struct PortRow {
  double traffic = 0;
  std::string text;
};

PortRow MakeRow(const Answer& port, const Rates& rates) {
  const Answer before = rates.PortBefore(port);
  const auto rate = [&](const char* way, const char* what) {
    return rates.Of(port, before, {"stats64", way, what});
  };
  const double rx = rate("rx", "packets");
  const double tx = rate("tx", "packets");
  const std::string description = TextAt(port, "description");
  return {rx + tx, fmt::format("{:<15} {:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}{}{}",
                               TextAt(port, "ifname"), TextAt(port, "state"), HumanNumber(rx),
                               HumanNumber(rate("rx", "bytes") * 8), HumanNumber(tx),
                               HumanNumber(rate("tx", "bytes") * 8),
                               HumanNumber(rate("rx", "dropped") + rate("tx", "dropped")),
                               HumanNumber(NumberAlong(port, {"fdb_n_learned"})),
                               description.empty() ? "" : "  ", description)};
}

std::vector<std::string> PortRows(const TopSample& now, const Rates& rates) {
  std::vector<PortRow> rows;
  for (const Answer& port : now.ports) rows.push_back(MakeRow(port, rates));
  std::stable_sort(rows.begin(), rows.end(),
                   [](const PortRow& a, const PortRow& b) { return a.traffic > b.traffic; });
  std::vector<std::string> lines;
  for (PortRow& row : rows) lines.push_back(std::move(row.text));
  return lines;
}

// Reasons that have struck, with what they took in all and each second.
std::vector<std::string> DropRows(const TopSample& now, const Rates& rates) {
  std::map<std::string, std::pair<double, double>> reasons;
  for (const Answer& port : now.ports) {
    const Answer before = rates.PortBefore(port);
    const auto found = port.find("drops");
    const Answer drops = found != port.end() && found->is_object() ? *found : Answer::object();
    for (const auto& [reason, count] : drops.items()) {
      reasons[reason].first += count.is_number() ? count.get<double>() : 0;
      reasons[reason].second += rates.Of(port, before, {"drops", reason.c_str()});
    }
  }
  std::vector<std::string> lines;
  for (const auto& [reason, counts] : reasons) {
    if (counts.first == 0) continue;
    lines.push_back(fmt::format("{:<26} {:>8} {:>8}/s", Printable(reason),
                                HumanNumber(counts.first), HumanNumber(counts.second)));
  }
  return lines;
}

std::vector<std::string> Header(const TopSample& before, const TopSample& now, const Rates& rates) {
  const auto rate = [&](const char* what) {
    return HumanNumber(rates.Of(now.bridge, before.bridge, {"counters", what}));
  };
  const double busy = rates.Of(now.bridge, before.bridge, {"counters", "loop_busy_seconds"});
  return {
      fmt::format("{}  ports {}  busy {:.0f} %  {}", TextAt(now.bridge, "ifname"), now.ports.size(),
                  std::min(busy, 1.0) * 100, TextAt(now.bridge, "io")),
      fmt::format("table {:.0f} of {:.0f} entries, {:.0f} learned; learned {}/s  moved {}/s  "
                  "evicted {}/s  refused {}/s",
                  NumberAlong(now.bridge, {"fdb_n_entries"}), NumberAlong(now.bridge, {"fdb_max"}),
                  NumberAlong(now.bridge, {"fdb_n_learned"}), rate("fdb_learned"),
                  rate("fdb_moved"), rate("fdb_evicted"), rate("fdb_limited")),
      ""};
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
  shown["fdb_n_learned"] = NumberAt(port, {"fdb_n_learned"});
  if (port.contains("description")) shown["description"] = port["description"];
  return shown;
}

void Append(std::vector<std::string>& lines, std::vector<std::string> more) {
  for (std::string& line : more) lines.push_back(std::move(line));
}

void Fit(std::vector<std::string>& lines, TopSize size) {
  if (size.lines != 0 && lines.size() > size.lines) {
    const size_t left_out = lines.size() - size.lines + 1;
    lines.resize(size.lines - 1);
    lines.push_back(fmt::format("... {} more", left_out));
  }
  for (std::string& line : lines) {
    if (size.columns != 0 && line.size() > size.columns) line.resize(size.columns);
  }
}

}  // namespace

std::vector<std::string> LayOutTop(const TopSample& before, const TopSample& now, TopSize size) {
  const Rates rates(before, now);
  std::vector<std::string> lines = Header(before, now, rates);
  lines.push_back(fmt::format("{:<15} {:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}", "port", "state",
                              "rx fr/s", "rx bit/s", "tx fr/s", "tx bit/s", "drops/s", "learned"));
  Append(lines, PortRows(now, rates));
  const auto drops = DropRows(now, rates);
  if (!drops.empty()) {
    Append(lines, {"", fmt::format("{:<26} {:>8} {:>8}", "dropped", "total", "rate")});
    Append(lines, drops);
  }
  Fit(lines, size);
  return lines;
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
          {"fdb_n_entries", NumberAt(now.bridge, {"fdb_n_entries"})},
          {"fdb_n_learned", NumberAt(now.bridge, {"fdb_n_learned"})},
          {"fdb_learned", rate("fdb_learned")},
          {"fdb_moved", rate("fdb_moved")},
          {"fdb_evicted", rate("fdb_evicted")},
          {"fdb_limited", rate("fdb_limited")},
          {"ports", std::move(ports)}};
}

}  // namespace tapswitch
