#include "tools/tapctl/render.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <initializer_list>
#include <tuple>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"
#include "switch/control/commands/quoting.h"
#include "tools/tapctl/render_guards.h"

namespace tapswitch {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return "";
  return Printable(found->is_string() ? found->get<std::string>() : found->dump());
}

uint64_t Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<uint64_t>() : 0;
}

// The switch may be another program, or another version: what is not as expected is left out.
Json List(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : Json::array();
}

Json Members(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

void EraseKeys(Json& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) object.erase(key);
}

// ----- entries -----------------------------------------------------------------------------------

// iproute2 leaves the device out when it was asked for one, in text as in JSON.
bool ShowsDevice(const Request& request) {
  return !request.params.contains("dev") || request.command->verb == "get";
}

std::string EntryText(const Json& entry, bool with_device, bool with_ages) {
  std::string text = Text(entry, "mac");
  if (with_device) text += " dev " + Text(entry, "ifname");
  if (entry.contains("vlan")) text += " vlan " + Text(entry, "vlan");
  if (with_ages) text += fmt::format(" used {}/{}", Text(entry, "used"), Text(entry, "updated"));
  for (const Json& flag : List(entry, "flags")) {
    if (flag.is_string()) text += " " + Printable(flag.get<std::string>());
  }
  text += " master " + Text(entry, "master") + " " + Text(entry, "state");
  return text;
}

// By VLAN, port and address: the switch has them in no order.
Json Sorted(const Json& list) {
  const auto key = [](const Json& entry) {
    return std::make_tuple(Number(entry, "vlan"), Text(entry, "ifname"), Text(entry, "mac"));
  };
  std::vector<std::pair<decltype(key(Json())), const Json*>> keyed;
  for (const Json& entry : list) keyed.emplace_back(key(entry), &entry);
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  auto sorted = Json::array();
  for (const auto& [unused, entry] : keyed) sorted.push_back(*entry);
  return sorted;
}

std::string RenderEntries(const Request& request, const Json& list, const OutputOptions& options) {
  const bool with_device = ShowsDevice(request);
  std::string text;
  for (const Json& entry : Sorted(list)) {
    text += EntryText(entry, with_device, options.statistics) + "\n";
  }
  return text;
}

// ----- links -------------------------------------------------------------------------------------

std::string FlagNames(const Json& link) {
  std::vector<std::string> names;
  for (const Json& flag : List(link, "flags")) {
    if (flag.is_string()) names.push_back(Printable(flag.get<std::string>()));
  }
  return fmt::format("{}", fmt::join(names, ","));
}

constexpr std::array kLinkBasics{"ifindex", "ifname", "flags",    "mtu",
                                 "master",  "state",  "priority", "cost"};

bool IsBasic(std::string_view key) {
  return std::find(kLinkBasics.begin(), kLinkBasics.end(), key) != kLinkBasics.end();
}

std::string LinkDetails(const Json& link) {
  std::string text = "    ";
  for (const auto& [key, value] : link.items()) {
    if (IsBasic(key)) continue;
    const bool is_flag = value.is_boolean();
    text += fmt::format("{} {} ", Printable(key),
                        is_flag ? (value.get<bool>() ? "on" : "off") : Printable(value.dump()));
  }
  return text;
}

std::string LinkText(const Json& link) {
  return fmt::format("{}: {}: <{}> mtu {} master {} state {} priority {} cost {} ",
                     Text(link, "ifindex"), Text(link, "ifname"), FlagNames(link),
                     Text(link, "mtu"), Text(link, "master"), Text(link, "state"),
                     Text(link, "priority"), Text(link, "cost"));
}

std::string RenderLinks(const Json& list, const OutputOptions& options) {
  std::string text;
  for (const Json& link : list) {
    text += LinkText(link) + "\n";
    if (options.details) text += LinkDetails(link) + "\n";
  }
  return text;
}

// ----- VLANs -------------------------------------------------------------------------------------

std::string VlanText(const Json& vlan) {
  std::string text = Text(vlan, "vlan");
  if (vlan.contains("vlanEnd")) text += "-" + Text(vlan, "vlanEnd");
  for (const Json& flag : List(vlan, "flags")) {
    if (flag.is_string()) text += " " + Printable(flag.get<std::string>());
  }
  for (const auto& [key, value] : vlan.items()) {
    if (key == "state") text += " state " + Text(vlan, "state");
    if (value.is_boolean()) text += fmt::format(" {} {}", Printable(key), value ? "on" : "off");
  }
  return text;
}

std::string VlanTrafficText(const Json& vlan, std::string_view indent) {
  return fmt::format("{0}  RX: {1} bytes {2} packets\n{0}  TX: {3} bytes {4} packets\n", indent,
                     Number(vlan, "rx_bytes"), Number(vlan, "rx_packets"), Number(vlan, "tx_bytes"),
                     Number(vlan, "tx_packets"));
}

// As bridge(8) lays it out: the name before the first of a port's VLANs.
std::string VlansText(const Json& port) {
  constexpr std::string_view kIndent = "                  ";
  std::string text;
  for (const Json& vlan : List(port, "vlans")) {
    text += text.empty() ? fmt::format("{:<16}  ", Text(port, "ifname")) : std::string(kIndent);
    text += VlanText(vlan) + "\n";
    if (vlan.contains("rx_bytes")) text += VlanTrafficText(vlan, kIndent);
  }
  return text;
}

std::string RenderVlans(const Json& list) {
  std::string text = fmt::format("{:<16}  {:<9}\n", "port", "vlan-id");
  for (const Json& port : list) text += VlansText(port);
  return text;
}

// One by one, as bridge(8) shows them unless it is told to compress.
Json WithoutRanges(const Json& vlans) {
  constexpr uint64_t kMostVlan = 4094;
  Json list = Json::array();
  for (const Json& range : vlans) {
    const uint64_t last =
        std::min(std::max(Number(range, "vlan"), Number(range, "vlanEnd")), kMostVlan);
    for (uint64_t vlan = Number(range, "vlan"); vlan <= last; ++vlan) {
      Json one = range;
      one["vlan"] = vlan;
      one.erase("vlanEnd");
      list.push_back(std::move(one));
    }
  }
  return list;
}

// ----- ports -------------------------------------------------------------------------------------

std::string PortText(const Json& port) {
  std::string text = fmt::format("{}: {} link {} state {} mtu {} learned {}", Text(port, "ifname"),
                                 Text(port, "type"), Text(port, "link"), Text(port, "state"),
                                 Text(port, "mtu"), Text(port, "fdb_n_learned"));
  if (port.contains("attached_by")) {
    text += " attached by " + Text(port, "attached_by");
  } else if (port.contains("ephemeral")) {
    text += " ephemeral";
  }
  const std::string reason = Text(port, "reason");
  if (!reason.empty()) text += " (" + reason + ")";
  text += ShutDownText(port);
  if (port.contains("description")) text += " description " + Quoted(Text(port, "description"));
  return text;
}

std::string TrafficText(const Json& port) {
  const Json stats = Members(port, "stats64");
  std::string text =
      fmt::format("    {:<4}{:>16} {:>14} {:>12}\n", "", "bytes", "packets", "dropped");
  for (const char* way : {"rx", "tx"}) {
    const Json counts = Members(stats, way);
    text += fmt::format("    {:<4}{:>16} {:>14} {:>12}\n", way, Number(counts, "bytes"),
                        Number(counts, "packets"), Number(counts, "dropped"));
  }
  text += "    gro:" + NonZeroText(Members(port, "gro")) + "\n";
  text += "    drops:" + NonZeroText(Members(port, "drops")) + "\n";
  text += "    learning:" + NonZeroText(Members(port, "learning")) + "\n";
  return text;
}

std::string RenderPorts(const Json& list, const OutputOptions& options) {
  std::string text;
  for (const Json& port : list) {
    text += PortText(port) + "\n";
    if (options.details) text += "    " + Text(port, "spec") + "\n";
    if (options.statistics) text += TrafficText(port);
  }
  return text;
}

std::string RenderMirrors(const Json& list) {
  std::string text;
  for (const Json& mirror : list) {
    text += Text(mirror, "name") + ": from";
    for (const Json& port : List(mirror, "dev")) {
      if (port.is_string()) text += " dev " + Printable(port.get<std::string>());
    }
    for (const Json& range : List(mirror, "vlans")) {
      text += " vlan " + Text(range, "vlan");
      if (range.contains("vlanEnd")) text += "-" + Text(range, "vlanEnd");
    }
    text += fmt::format(" {} to {}\n", Text(mirror, "direction"), Text(mirror, "to"));
  }
  return text;
}

// ----- the bridge, traces ------------------------------------------------------------------------

std::string RenderBridge(const Json& list, const OutputOptions& options) {
  std::string text;
  for (const Json& bridge : list) {
    text += fmt::format("{}: link/ether {}\n    bridge", Text(bridge, "ifname"),
                        Text(bridge, "address"));
    for (const auto& [key, value] : bridge.items()) {
      if (key == "ifname" || key == "address" || key == "io" || value.is_object()) continue;
      text += fmt::format(" {} {}", Printable(key), Text(bridge, key.c_str()));
    }
    text += "\n    io " + Text(bridge, "io") + "\n";
    if (options.statistics) {
      text += "    counters:" + NonZeroText(Members(bridge, "counters")) + "\n";
    }
  }
  return text;
}

// As ip-neighbour(8).
std::string RenderNeighbours(const Request& request, const Json& list,
                             const OutputOptions& options) {
  std::string text;
  for (const Json& entry : list) {
    text += Text(entry, "dst");
    if (ShowsDevice(request) && entry.contains("dev")) text += " dev " + Text(entry, "dev");
    text += " lladdr " + Text(entry, "lladdr");
    if (entry.contains("vlan")) text += " vlan " + Text(entry, "vlan");
    if (entry.contains("router")) text += " router";
    if (options.statistics) text += " age " + Text(entry, "age");
    for (const Json& state : List(entry, "state")) {
      if (state.is_string()) text += " " + Printable(state.get<std::string>());
    }
    text += "\n";
  }
  return text;
}

std::string RenderLoopDetection(const Json& list) {
  std::string text;
  for (const Json& loop : list) {
    const bool enabled = Text(loop, "enabled") == "true";
    const auto span = [&](const char* key) {
      const std::string seconds = Text(loop, key);
      return seconds == "0.0" ? "off" : seconds + "s";
    };
    text += fmt::format(
        "{}: loop detection {} period {} action {} recovery {} probes {} loops {}\n",
        Text(loop, "ifname"), enabled ? "on" : "off", span("period"), Text(loop, "action"),
        span("recovery"), Text(loop, "probes"), Text(loop, "loops"));
    for (const Json& port : List(loop, "blocked")) {
      if (!port.is_object()) continue;
      text += "    " + Text(port, "ifname") + " blocked";
      if (port.contains("seconds_left")) text += " for " + Text(port, "seconds_left") + "s";
      text += "\n";
    }
  }
  return text;
}

std::string RenderTrace(const Json& trace) {
  std::string text = "in " + Text(trace, "in") + "\n";
  for (const Json& stage : List(trace, "stages")) {
    text += fmt::format("  {:<8} {:<8} {}\n", Text(stage, "stage"), Text(stage, "verdict"),
                        Text(stage, "text"));
  }
  text += Text(trace, "decision");
  for (const Json& name : List(trace, "egress")) {
    if (name.is_string()) text += " " + Printable(name.get<std::string>());
  }
  if (trace.contains("reason")) text += " " + Text(trace, "reason");
  return text + "\n";
}

std::string RenderLines(const Json& lines) {
  std::string text;
  for (const Json& line : lines) {
    if (line.is_string()) text += Printable(line.get<std::string>()) + "\n";
  }
  return text;
}

// ----- JSON --------------------------------------------------------------------------------------

// Without what iproute2 shows only when it is asked for more.
Json Reduced(const Request& request, Json answer, const OutputOptions& options) {
  const std::string_view method = request.command->method;
  if (!answer.is_array()) return answer;
  for (Json& object : answer) {
    if (!object.is_object()) continue;
    if (method.starts_with("fdb.") && !options.statistics) EraseKeys(object, {"used", "updated"});
    if (method == "neigh.list" && !options.statistics) EraseKeys(object, {"age"});
    if (method == "neigh.list" && !ShowsDevice(request)) EraseKeys(object, {"dev"});
    if (method == "fdb.list" && !ShowsDevice(request)) EraseKeys(object, {"ifname"});
    if (method == "vlan.list" && !options.compress_vlans) {
      object["vlans"] = WithoutRanges(List(object, "vlans"));
    }
    if (method == "bridge.list" && !options.statistics) EraseKeys(object, {"counters"});
    if (method == "port.list" && !options.statistics) {
      EraseKeys(object, {"stats64", "forwarded", "gro", "drops", "learning"});
    }
    if (method != "link.list" || options.details) continue;
    Json basics = Json::object();
    for (const char* key : kLinkBasics) basics[key] = object.value(key, Json());
    object = std::move(basics);
  }
  return answer;
}

std::string Compact(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// As iproute2 lays it out (lib/json_writer.c): a line for each member, lists in one.
std::string Pretty(const Json& value, size_t depth) {
  if (!value.is_structured()) return Compact(value);
  constexpr size_t kIndent = 4;
  std::string text = value.is_array() ? "[ " : "{";
  std::string_view separator;
  for (const auto& [key, member] : value.items()) {
    text += separator;
    separator = ",";
    if (value.is_object()) {
      text += "\n" + std::string((depth + 1) * kIndent, ' ') + Compact(key) + ": ";
    }
    text += Pretty(member, depth + 1);
  }
  if (value.is_array()) return text + (value.empty() ? "]" : " ]");
  return text + (value.empty() ? "" : "\n" + std::string(depth * kIndent, ' ')) + "}";
}

std::string Dump(const Json& value, bool pretty) {
  return (pretty ? Pretty(value, 0) : Compact(value)) + "\n";
}

// ----- events ------------------------------------------------------------------------------------

std::string TimeText(const Json& event) {
  const auto found = event.find("timestamp");
  constexpr double kLatest = 253402300799;  // the last second of the year 9999
  const double given = found != event.end() && found->is_number() ? found->get<double>() : 0;
  const double seconds = std::clamp(given, 0.0, kLatest);
  const auto whole = static_cast<time_t>(seconds);
  std::array<char, 64> text{};
  tm local{};
  localtime_r(&whole, &local);
  // As ctime() has it, which iproute2 prints.
  strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local);
  return fmt::format("Timestamp: {} {} usec\n", text.data(),
                     std::lround((seconds - static_cast<double>(whole)) * 1e6));
}

bool IsRemoval(std::string_view event) {
  return event == "aged" || event == "flushed" || event == "deleted";
}

std::string EventText(const Json& event) {
  const std::string object = Text(event, "object");
  const std::string what = Text(event, "event");
  if (object == "monitor") return fmt::format("missed {} events", Text(event, "count"));
  const std::string prefix = IsRemoval(what) ? "Deleted " : "";
  if (object == "fdb") {
    const std::string from =
        event.contains("from") ? fmt::format(" from {}", Text(event, "from")) : "";
    std::string entry = EntryText(event, true, false);
    while (entry.ends_with(' ')) entry.pop_back();  // of a state without a name
    return fmt::format("{}{} {}{}", prefix, entry, what, from);
  }
  if (object == "link") return prefix + LinkText(event);
  if (object == "vlan") {
    std::string vlans = VlansText(event);
    while (vlans.ends_with('\n')) vlans.pop_back();
    return vlans.empty() ? Text(event, "ifname") + " no VLAN" : vlans;
  }
  std::string text = fmt::format("{} {}", Text(event, "ifname"), what);
  if (event.contains("reason")) text += " (" + Text(event, "reason") + ")";
  if (what != "alarm") return text;
  for (const auto& [key, value] : event.items()) {
    const bool is_known =
        key == "timestamp" || key == "object" || key == "event" || key == "ifname";
    if (is_known || value.is_structured()) continue;
    text += " " + (key == "alarm" ? "" : Printable(key) + " ") + Text(event, key.c_str());
  }
  return text;
}

std::string_view LabelOf(std::string_view object) {
  if (object == "fdb") return "[NEIGH]";  // as iproute2 calls it
  if (object == "link") return "[LINK]";
  if (object == "port") return "[PORT]";
  if (object == "vlan") return "[VLAN]";
  return object == "bridge" ? "[BRIDGE]" : "";
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (size_t i = 0; i < printable.size(); ++i) {
    const auto byte = static_cast<unsigned char>(printable[i]);
    if (byte < 0x20 || byte == 0x7F) printable[i] = '?';
    // U+0080 to U+009F, among them a CSI, which are two bytes in UTF-8.
    const bool is_c1 = byte >= 0x80 && byte < 0xA0 && i > 0 && printable[i - 1] == '\xC2';
    if (is_c1) printable.replace(i - 1, 2, "??");
  }
  return printable;
}

bool IsAnswerTo(std::string_view method, const Json& answer) {
  if (method == "trace") return answer.is_object();
  if (method == "config.save") return answer.is_array();
  if (!method.ends_with(".list") && !method.ends_with(".get")) return true;
  return answer.is_array() && std::all_of(answer.begin(), answer.end(),
                                          [](const Json& item) { return item.is_object(); });
}

std::vector<std::string> WarningsIn(const Json& answer) {
  std::vector<std::string> lines;
  if (!answer.is_object()) return lines;
  const auto warnings = answer.find("warnings");
  if (warnings == answer.end() || !warnings->is_array()) return lines;
  for (const Json& line : *warnings) {
    if (line.is_string()) lines.push_back(line.get<std::string>());
  }
  return lines;
}

bool IsShownAsItComes(const Request& request, const OutputOptions& options) {
  return options.json && !options.pretty && request.command->method == "fdb.list" &&
         !request.params.contains("dev");
}

std::string RenderAnswer(const Request& request, const Json& answer, const OutputOptions& options) {
  const std::string_view method = request.command->method;
  if (answer.is_null() || method.ends_with(".flush") || method == "port.add") return "";
  if (method == "config.save" && !options.json) return RenderLines(answer);
  if (options.json) {
    const bool is_table = method == "fdb.list" && answer.is_array();
    return Dump(Reduced(request, is_table ? Sorted(answer) : answer, options), options.pretty);
  }
  if (method.starts_with("fdb.")) return RenderEntries(request, answer, options);
  if (method == "link.list") return RenderLinks(answer, options);
  if (method == "vlan.list") return RenderVlans(answer);
  if (method == "port.list") return RenderPorts(answer, options);
  if (method == "mirror.list") return RenderMirrors(answer);
  if (method == "storm.list" || method == "security.list") {
    return RenderGuards(answer, request.params.contains("dev"));
  }
  if (method == "bridge.list") return RenderBridge(answer, options);
  if (method == "neigh.list") return RenderNeighbours(request, answer, options);
  if (method == "loop.list") return RenderLoopDetection(answer);
  return RenderTrace(answer);
}

std::string RenderEvent(const Json& event, bool label, const OutputOptions& options) {
  if (options.json) {
    Json shown = event;
    if (!options.timestamps) shown.erase("timestamp");
    return Dump(shown, false);
  }
  return (options.timestamps ? TimeText(event) : "") +
         (label ? std::string(LabelOf(Text(event, "object"))) : "") + EventText(event) + "\n";
}

}  // namespace tapswitch
