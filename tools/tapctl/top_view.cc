#include "tools/tapctl/top_view.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render.h"

namespace tapswitch {
namespace {

using Json = nlohmann::ordered_json;

double NumberAt(const Json& object, std::initializer_list<const char*> path) {
  const Json* at = &object;
  for (const char* key : path) {
    const auto found = at->find(key);
    if (!at->is_object() || found == at->end()) return 0;
    at = &*found;
  }
  return at->is_number() ? at->get<double>() : 0;
}

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? Printable(found->get<std::string>()) : "";
}

// In at most six columns: 999, 12.3k, 4.56M.
std::string Short(double value) {
  constexpr std::array<char, 5> kUnits{'\0', 'k', 'M', 'G', 'T'};
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  if (unit == 0) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, kUnits[unit]);
}

// The difference of a count between two samples, for each second.
class Rates {
 public:
  Rates(const TopSample& before, const TopSample& now)
      : before_(before), seconds_(now.seconds - before.seconds) {}

  [[nodiscard]] double Of(const Json& now, const Json& before,
                          std::initializer_list<const char*> path) const {
    const double difference = NumberAt(now, path) - NumberAt(before, path);
    // A port that was added again counts from 0.
    return seconds_ <= 0 || difference < 0 ? 0 : difference / seconds_;
  }

  [[nodiscard]] Json PortBefore(const Json& port) const {
    for (const Json& other : before_.ports) {
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

PortRow MakeRow(const Json& port, const Rates& rates) {
  const Json before = rates.PortBefore(port);
  const auto rate = [&](const char* way, const char* what) {
    return rates.Of(port, before, {"stats64", way, what});
  };
  const double rx = rate("rx", "packets");
  const double tx = rate("tx", "packets");
  return {rx + tx,
          fmt::format("{:<15} {:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}", TextAt(port, "ifname"),
                      TextAt(port, "state"), Short(rx), Short(rate("rx", "bytes") * 8), Short(tx),
                      Short(rate("tx", "bytes") * 8),
                      Short(rate("rx", "dropped") + rate("tx", "dropped")),
                      Short(NumberAt(port, {"fdb_n_learned"})))};
}

std::vector<std::string> PortRows(const TopSample& now, const Rates& rates) {
  std::vector<PortRow> rows;
  for (const Json& port : now.ports) rows.push_back(MakeRow(port, rates));
  std::stable_sort(rows.begin(), rows.end(),
                   [](const PortRow& a, const PortRow& b) { return a.traffic > b.traffic; });
  std::vector<std::string> lines;
  for (PortRow& row : rows) lines.push_back(std::move(row.text));
  return lines;
}

// Reasons that have struck, with what they took in all and each second.
std::vector<std::string> DropRows(const TopSample& now, const Rates& rates) {
  std::map<std::string, std::pair<double, double>> reasons;
  for (const Json& port : now.ports) {
    const Json before = rates.PortBefore(port);
    const auto found = port.find("drops");
    const Json drops = found != port.end() && found->is_object() ? *found : Json::object();
    for (const auto& [reason, count] : drops.items()) {
      reasons[reason].first += count.is_number() ? count.get<double>() : 0;
      reasons[reason].second += rates.Of(port, before, {"drops", reason.c_str()});
    }
  }
  std::vector<std::string> lines;
  for (const auto& [reason, counts] : reasons) {
    if (counts.first == 0) continue;
    lines.push_back(fmt::format("{:<26} {:>8} {:>8}/s", Printable(reason), Short(counts.first),
                                Short(counts.second)));
  }
  return lines;
}

std::vector<std::string> Header(const TopSample& before, const TopSample& now, const Rates& rates) {
  const auto rate = [&](const char* what) {
    return Short(rates.Of(now.bridge, before.bridge, {"counters", what}));
  };
  const double busy = rates.Of(now.bridge, before.bridge, {"counters", "loop_busy_seconds"});
  const double polling = rates.Of(now.bridge, before.bridge, {"counters", "loop_poll_seconds"});
  return {fmt::format("{}  ports {}  busy {:.0f} %, polling {:.0f} % ({} of {} polls/s hit)  {}",
                      TextAt(now.bridge, "ifname"), now.ports.size(), std::min(busy, 1.0) * 100,
                      std::min(polling, 1.0) * 100, rate("loop_poll_hits"), rate("loop_polls"),
                      TextAt(now.bridge, "io")),
          fmt::format("table {:.0f} of {:.0f} entries, {:.0f} learned; learned {}/s  moved {}/s  "
                      "evicted {}/s  refused {}/s",
                      NumberAt(now.bridge, {"fdb_n_entries"}), NumberAt(now.bridge, {"fdb_max"}),
                      NumberAt(now.bridge, {"fdb_n_learned"}), rate("fdb_learned"),
                      rate("fdb_moved"), rate("fdb_evicted"), rate("fdb_limited")),
          ""};
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

}  // namespace tapswitch
