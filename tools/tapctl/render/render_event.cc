#include "tools/tapctl/render/render_event.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <string_view>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/answer_json.h"
#include "tools/tapctl/render/render_entries.h"
#include "tools/tapctl/render/render_multicast.h"
#include "tools/tapctl/render/render_ports.h"
#include "tools/tapctl/render/render_tree.h"
#include "tools/tapctl/render/render_vlans.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

std::string TimeText(const Answer& event, const OutputOptions& options) {
  const auto found = event.find("timestamp");
  constexpr double kLatest = 253402300799;  // the last second of the year 9999
  const double given = found != event.end() && found->is_number() ? found->get<double>() : 0;
  const double seconds = std::clamp(given, 0.0, kLatest);
  const auto whole = static_cast<time_t>(seconds);
  std::array<char, 64> text{};
  tm local{};
  localtime_r(&whole, &local);
  const long micros = std::lround((seconds - static_cast<double>(whole)) * 1e6);
  if (options.short_times) {
    strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &local);
    return fmt::format("[{}.{:06}] ", text.data(), micros);
  }
  // As ctime() has it, which iproute2 prints.
  strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local);
  return fmt::format("Timestamp: {} {} usec\n", text.data(), micros);
}

bool IsRemoval(std::string_view event) {
  return event == "aged" || event == "flushed" || event == "deleted";
}

std::string EventText(const Answer& event) {
  const std::string object = TextAt(event, "object");
  const std::string what = TextAt(event, "event");
  if (object == "monitor") return fmt::format("missed {} events", TextAt(event, "count"));
  const std::string prefix = IsRemoval(what) ? "Deleted " : "";
  if (object == "fdb") {
    const std::string from =
        event.contains("from") ? fmt::format(" from {}", TextAt(event, "from")) : "";
    std::string entry = EntryText(event, true, false);
    while (entry.ends_with(' ')) entry.pop_back();  // of a state without a name
    return fmt::format("{}{} {}{}", prefix, entry, what, from);
  }
  if (object == "mdb") return prefix + GroupEntryText(event, {});
  if (object == "neigh") return prefix + NeighbourText(event, true, {});
  if (object == "link") return prefix + LinkText(event);
  if (object == "vlan") {
    std::string vlans = VlansText(event);
    while (vlans.ends_with('\n')) vlans.pop_back();
    return vlans.empty() ? TextAt(event, "ifname") + " no VLAN" : vlans;
  }
  if (object == "stp") return TreeEventText(event);
  if (object == "config") {
    return fmt::format("user {}, process {}: {} {}", TextAt(event, "user"),
                       TextAt(event, "process"), TextAt(event, "method"),
                       Printable(event.value("params", Answer::object()).dump()));
  }
  std::string text = fmt::format("{} {}", TextAt(event, "ifname"), what);
  if (event.contains("reason")) text += " (" + TextAt(event, "reason") + ")";
  if (what != "alarm") return text;
  for (const auto& [key, value] : event.items()) {
    const bool is_known =
        key == "timestamp" || key == "object" || key == "event" || key == "ifname";
    if (is_known || value.is_structured()) continue;
    text += " " + (key == "alarm" ? "" : Printable(key) + " ") + TextAt(event, key.c_str());
  }
  return text;
}

std::string_view LabelOf(std::string_view object) {
  if (object == "fdb" || object == "neigh") return "[NEIGH]";  // as bridge(8) and ip(8) call it
  if (object == "link") return "[LINK]";
  if (object == "port") return "[PORT]";
  if (object == "vlan") return "[VLAN]";
  if (object == "config") return "[CONFIG]";
  if (object == "stp") return "[STP]";
  if (object == "mdb") return "[MDB]";
  return object == "bridge" ? "[BRIDGE]" : "";
}

}  // namespace

std::string RenderEvent(const Answer& event, bool label, const OutputOptions& options) {
  if (options.json) {
    Answer shown = event;
    if (!options.timestamps) shown.erase("timestamp");
    return Dump(shown, false);
  }
  return (options.timestamps ? TimeText(event, options) : "") +
         (label ? std::string(LabelOf(TextAt(event, "object"))) : "") + EventText(event) + "\n";
}

}  // namespace tapswitch
