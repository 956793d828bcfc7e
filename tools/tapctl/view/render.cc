#include "tools/tapctl/view/render.h"

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
#include "tools/tapctl/view/answer.h"
#include "tools/tapctl/view/human.h"
#include "tools/tapctl/view/overview.h"
#include "tools/tapctl/view/paint.h"
#include "tools/tapctl/view/reach.h"
#include "tools/tapctl/view/render_evpn.h"
#include "tools/tapctl/view/render_guards.h"
#include "tools/tapctl/view/render_handover.h"
#include "tools/tapctl/view/render_impair.h"
#include "tools/tapctl/view/render_multicast.h"
#include "tools/tapctl/view/render_profile.h"
#include "tools/tapctl/view/render_tree.h"

namespace tapswitch {
namespace {

using Json = Answer;

void EraseKeys(Json& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) object.erase(key);
}

// With -oneline a record is one line, and a backslash stands where it would have ended, as in
// ip(8).
std::string OneLine(const std::string& text, const OutputOptions& options) {
  constexpr std::string_view kContinuation = "\n    ";
  if (!options.one_line) return text;
  std::string joined = text;
  for (size_t at = 0; (at = joined.find(kContinuation, at)) != std::string::npos;) {
    joined.replace(at, 1, "\\");
  }
  return joined;
}

std::string CountText(uint64_t count, const OutputOptions& options) {
  return options.human ? HumanNumber(static_cast<double>(count)) : std::to_string(count);
}

// ----- entries -----------------------------------------------------------------------------------

// iproute2 leaves the device out when it was asked for one, in text as in JSON.
bool ShowsDevice(const Request& request) {
  return !request.params.contains("dev") || request.command->verb == "get";
}

std::string EntryText(const Json& entry, bool with_device, bool with_ages) {
  std::string text = TextAt(entry, "mac");
  if (with_device) text += " dev " + TextAt(entry, "ifname");
  if (entry.contains("vlan")) text += " vlan " + TextAt(entry, "vlan");
  if (with_ages)
    text += fmt::format(" used {}/{}", TextAt(entry, "used"), TextAt(entry, "updated"));
  for (const Json& flag : ListAt(entry, "flags")) {
    if (flag.is_string()) text += " " + Printable(flag.get<std::string>());
  }
  text += " master " + TextAt(entry, "master") + " " + TextAt(entry, "state");
  if (entry.contains("remote")) text += "remote " + TextAt(entry, "remote");
  return text;
}

// By VLAN, port and address: the switch has them in no order.
Json Sorted(const Json& list) {
  const auto key = [](const Json& entry) {
    return std::make_tuple(NumberAt(entry, "vlan"), TextAt(entry, "ifname"), TextAt(entry, "mac"));
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
  for (const Json& flag : ListAt(link, "flags")) {
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
                     TextAt(link, "ifindex"), TextAt(link, "ifname"), FlagNames(link),
                     TextAt(link, "mtu"), TextAt(link, "master"), TextAt(link, "state"),
                     TextAt(link, "priority"), TextAt(link, "cost"));
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
  std::string text = VlanRangeText(vlan);
  for (const Json& flag : ListAt(vlan, "flags")) {
    if (flag.is_string()) text += " " + Printable(flag.get<std::string>());
  }
  for (const auto& [key, value] : vlan.items()) {
    if (key == "state") text += " state " + TextAt(vlan, "state");
    if (value.is_boolean()) text += fmt::format(" {} {}", Printable(key), value ? "on" : "off");
  }
  return text;
}

std::string VlanTrafficText(const Json& vlan, std::string_view indent) {
  return fmt::format("{0}  RX: {1} bytes {2} packets\n{0}  TX: {3} bytes {4} packets\n", indent,
                     NumberAt(vlan, "rx_bytes"), NumberAt(vlan, "rx_packets"),
                     NumberAt(vlan, "tx_bytes"), NumberAt(vlan, "tx_packets"));
}

// As bridge(8) lays it out: the name before the first of a port's VLANs.
std::string VlansText(const Json& port) {
  constexpr std::string_view kIndent = "                  ";
  std::string text;
  for (const Json& vlan : ListAt(port, "vlans")) {
    text += text.empty() ? fmt::format("{:<16}  ", TextAt(port, "ifname")) : std::string(kIndent);
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
        std::min(std::max(NumberAt(range, "vlan"), NumberAt(range, "vlanEnd")), kMostVlan);
    for (uint64_t vlan = NumberAt(range, "vlan"); vlan <= last; ++vlan) {
      Json one = range;
      one["vlan"] = vlan;
      one.erase("vlanEnd");
      list.push_back(std::move(one));
    }
  }
  return list;
}

// ----- ports -------------------------------------------------------------------------------------

std::string PortText(const Json& port, const OutputOptions& options) {
  const auto painted = [&](const char* key, std::string_view good) {
    const std::string text = TextAt(port, key);
    return Painted(text, text == good ? Colour::kGreen : Colour::kRed, options.colour);
  };
  std::string text =
      fmt::format("{}: {} link {} state {} mtu {} learned {}",
                  Painted(TextAt(port, "ifname"), Colour::kCyan, options.colour),
                  TextAt(port, "type"), painted("link", "up"), painted("state", "forwarding"),
                  TextAt(port, "mtu"), TextAt(port, "fdb_n_learned"));
  if (port.contains("attached_by")) {
    text += " attached by " + TextAt(port, "attached_by");
  } else if (port.contains("ephemeral")) {
    text += " ephemeral";
  }
  const std::string reason = TextAt(port, "reason");
  if (!reason.empty()) text += " (" + reason + ")";
  text += ShutDownText(port) + ImpairedText(port);
  if (port.contains("description")) text += " description " + Quoted(TextAt(port, "description"));
  return text;
}

std::string TrafficText(const Json& port, const OutputOptions& options) {
  const Json stats = MembersAt(port, "stats64");
  std::string text =
      fmt::format("    {:<4}{:>16} {:>14} {:>12}\n", "", "bytes", "packets", "dropped");
  for (const char* way : {"rx", "tx"}) {
    const Json counts = MembersAt(stats, way);
    text += fmt::format("    {:<4}{:>16} {:>14} {:>12}\n", way,
                        CountText(NumberAt(counts, "bytes"), options),
                        CountText(NumberAt(counts, "packets"), options),
                        CountText(NumberAt(counts, "dropped"), options));
  }
  const Json kernel = MembersAt(port, "kernel");
  const bool is_carried = NumberAt(kernel, "rx") != 0 || NumberAt(kernel, "tx") != 0;
  if (is_carried) text += "    kernel:" + NonZeroText(kernel) + "\n";
  text += "    gro:" + NonZeroText(MembersAt(port, "gro")) + "\n";
  text += "    drops:" + NonZeroText(MembersAt(port, "drops")) + "\n";
  text += "    learning:" + NonZeroText(MembersAt(port, "learning")) + "\n";
  return text;
}

std::string PortDetailsText(const Json& port) {
  std::string text = "    " + TextAt(port, "spec") + "\n";
  const Json details = MembersAt(port, "details");
  for (const auto& [name, value] : details.items()) {
    if (!value.is_string()) continue;
    text += fmt::format("    {}: {}\n", Printable(name), Printable(value.get<std::string>()));
  }
  return text;
}

std::string RenderPorts(const Json& list, const OutputOptions& options) {
  std::string text;
  for (const Json& port : list) {
    text += PortText(port, options) + "\n";
    if (options.details) text += PortDetailsText(port);
    if (options.statistics) text += TrafficText(port, options);
  }
  return text;
}

std::string RenderMirrors(const Json& list) {
  std::string text;
  for (const Json& mirror : list) {
    text += TextAt(mirror, "name") + ": from";
    for (const Json& port : ListAt(mirror, "dev")) {
      if (port.is_string()) text += " dev " + Printable(port.get<std::string>());
    }
    for (const Json& range : ListAt(mirror, "vlans")) {
      text += " vlan " + VlanRangeText(range);
    }
    text += fmt::format(" {} to {}\n", TextAt(mirror, "direction"), TextAt(mirror, "to"));
  }
  return text;
}

// ----- the bridge, traces ------------------------------------------------------------------------

std::string RenderBridge(const Json& list, const OutputOptions& options) {
  std::string text;
  for (const Json& bridge : list) {
    text += fmt::format("{}: link/ether {}\n    bridge", TextAt(bridge, "ifname"),
                        TextAt(bridge, "address"));
    for (const auto& [key, value] : bridge.items()) {
      if (key == "ifname" || key == "address" || key == "io" || value.is_object()) continue;
      text += fmt::format(" {} {}", Printable(key), TextAt(bridge, key.c_str()));
    }
    text += "\n    io " + TextAt(bridge, "io") + "\n";
    if (options.statistics) {
      text += "    counters:" + NonZeroText(MembersAt(bridge, "counters")) + "\n";
    }
  }
  return text;
}

// As ip-neighbour(8).
std::string NeighbourText(const Json& entry, bool with_device, const OutputOptions& options) {
  std::string text = TextAt(entry, "dst");
  if (with_device && entry.contains("dev")) text += " dev " + TextAt(entry, "dev");
  text += " lladdr " + TextAt(entry, "lladdr");
  if (entry.contains("vlan")) text += " vlan " + TextAt(entry, "vlan");
  if (entry.contains("router")) text += " router";
  if (options.details && entry.contains("extern_learn")) text += " extern_learn";
  if (options.statistics) text += " age " + TextAt(entry, "age");
  for (const Json& state : ListAt(entry, "state")) {
    if (state.is_string()) text += " " + Printable(state.get<std::string>());
  }
  return text;
}

std::string RenderNeighbours(const Request& request, const Json& list,
                             const OutputOptions& options) {
  std::string text;
  for (const Json& entry : list) text += NeighbourText(entry, ShowsDevice(request), options) + "\n";
  return text;
}

std::string FlowText(const Json& flow, const OutputOptions& options) {
  std::string text = fmt::format("in {} src {} dst {} out {}", TextAt(flow, "in"),
                                 TextAt(flow, "src"), TextAt(flow, "dst"), TextAt(flow, "out"));
  if (flow.contains("vlan")) text += " vlan " + TextAt(flow, "vlan");
  if (flow.contains("tag")) text += " tag " + TextAt(flow, "tag");
  if (flow.contains("direct")) text += " direct";
  if (flow.contains("pending")) text += " pending";
  if (options.statistics) text += " hits " + CountText(NumberAt(flow, "hits"), options);
  return text + "\n";
}

std::string RenderKernel(const Json& list, const OutputOptions& options) {
  std::string text;
  for (const Json& kernel : list) {
    text += "kernel_forwarding " + TextAt(kernel, "kernel_forwarding");
    if (kernel.contains("reason")) text += " (" + TextAt(kernel, "reason") + ")";
    text += "\n";
    for (const Json& flow : ListAt(kernel, "flows")) text += FlowText(flow, options);
    if (!options.statistics) continue;
    text += "refused " + TextAt(kernel, "refused") + "\n";
    for (const Json& port : ListAt(kernel, "ports")) {
      const Json received = MembersAt(port, "rx");
      const Json sent = MembersAt(port, "tx");
      text += fmt::format("{}: rx bytes {} packets {} tx bytes {} packets {}\n",
                          TextAt(port, "ifname"), CountText(NumberAt(received, "bytes"), options),
                          CountText(NumberAt(received, "packets"), options),
                          CountText(NumberAt(sent, "bytes"), options),
                          CountText(NumberAt(sent, "packets"), options));
    }
  }
  return text;
}

std::string RenderLoopDetection(const Json& list) {
  std::string text;
  for (const Json& loop : list) {
    const bool enabled = TextAt(loop, "enabled") == "true";
    const auto span = [&](const char* key) {
      const std::string seconds = TextAt(loop, key);
      return seconds == "0.0" ? "off" : seconds + "s";
    };
    text += fmt::format(
        "{}: loop detection {} period {} action {} recovery {} probes {} loops {}\n",
        TextAt(loop, "ifname"), enabled ? "on" : "off", span("period"), TextAt(loop, "action"),
        span("recovery"), TextAt(loop, "probes"), TextAt(loop, "loops"));
    for (const Json& port : ListAt(loop, "blocked")) {
      if (!port.is_object()) continue;
      text += "    " + TextAt(port, "ifname") + " blocked";
      if (port.contains("seconds_left")) text += " for " + TextAt(port, "seconds_left") + "s";
      text += "\n";
    }
  }
  return text;
}

std::string RenderTrace(const Json& trace) {
  std::string text = "in " + TextAt(trace, "in") + "\n";
  for (const Json& stage : ListAt(trace, "stages")) {
    text += fmt::format("  {:<8} {:<8} {}\n", TextAt(stage, "stage"), TextAt(stage, "verdict"),
                        TextAt(stage, "text"));
  }
  text += TextAt(trace, "decision");
  for (const Json& name : ListAt(trace, "egress")) {
    if (name.is_string()) text += " " + Printable(name.get<std::string>());
  }
  if (trace.contains("reason")) text += " " + TextAt(trace, "reason");
  return text + "\n";
}

std::string RenderLines(const Json& lines) {
  std::string text;
  for (const Json& line : lines) {
    if (line.is_string()) text += Printable(line.get<std::string>()) + "\n";
  }
  return text;
}

// What is in the way stands last, where it is seen.
std::string RenderAdoption(const Request& request, const Json& answer) {
  std::string text;
  if (request.params.value("dry_run", false)) text += RenderLines(answer.at("commands"));
  const auto list = [&](const char* key, std::string_view title) {
    for (const Json& line : answer.at(key)) {
      if (line.is_string())
        text += fmt::format("{}: {}\n", title, Printable(line.get<std::string>()));
    }
  };
  list("lost", "not kept");
  list("refused", "in the way");
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
      object["vlans"] = WithoutRanges(ListAt(object, "vlans"));
    }
    if (method == "multicast.list" && !options.statistics) EraseKeys(object, {"counters"});
    if (method.starts_with("mdb.") && object.contains("mdb")) {
      for (Json& row : object["mdb"]) {
        if (!options.details) EraseKeys(row, {"filter_mode", "source_list", "protocol"});
        if (!options.statistics) EraseKeys(row, {"timer"});
      }
    }
    if (method == "bridge.list" && !options.statistics) EraseKeys(object, {"counters"});
    if (method == "port.list" && !options.statistics) {
      EraseKeys(object, {"stats64", "forwarded", "kernel", "gro", "drops", "learning"});
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
// NOLINTNEXTLINE(misc-no-recursion): ControlConnection bounds how deep an answer nests.
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

std::string TimeText(const Json& event, const OutputOptions& options) {
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

std::string EventText(const Json& event) {
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
                       Printable(event.value("params", Json::object()).dump()));
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
  if (method == "config.save" || method == "reach") return answer.is_array();
  if (method == "bridge.release" || method == "port.explain") return answer.is_object();
  if (method == "bridge.adopt") {
    return answer.is_object() && answer.contains("commands") && answer.contains("lost") &&
           answer.contains("refused");
  }
  if (method == "config.apply" || method == "config.reload") {
    return answer.is_object() && answer.contains("commands") && answer["commands"].is_array();
  }
  const bool is_list =
      method.ends_with("list") || method.ends_with(".get") || method == "multicast.doctor";
  if (!is_list) return true;
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
  if (answer.is_null() || method.ends_with(".flush") || method == "port.add" ||
      method == "evpn.add") {
    return "";
  }
  if (method == "config.save" && !options.json) return RenderLines(answer);
  if ((method == "config.apply" || method == "config.reload") && !options.json) {
    return request.params.value("dry_run", false) ? RenderLines(answer.at("commands")) : "";
  }
  if (method == "bridge.adopt" && !options.json) return RenderAdoption(request, answer);
  if (method == "bridge.upgrade" && !options.json) return RenderHandover(answer);
  if (method == "bridge.release" && !options.json) {
    return RenderLines(answer.value("steps", Json::array()));
  }
  if (options.json) {
    const bool is_table = method == "fdb.list" && answer.is_array();
    return Dump(Reduced(request, is_table ? Sorted(answer) : answer, options), options.pretty);
  }
  if (method.starts_with("fdb.")) return RenderEntries(request, answer, options);
  if (method == "link.list") return OneLine(RenderLinks(answer, options), options);
  if (method == "vlan.list") return RenderVlans(answer);
  if (method == "vlan.global_list") return RenderVlansGlobally(answer);
  if (method.starts_with("mdb.")) return RenderGroups(answer, options);
  if (method == "multicast.list") return RenderMulticast(answer, options);
  if (method == "multicast.doctor") return RenderDoctor(answer);
  if (method == "port.list" && options.brief) return RenderPortTable(answer, Json(), options);
  if (method == "port.list") return OneLine(RenderPorts(answer, options), options);
  if (method == "port.explain") return RenderProfile(answer);
  if (method == "mirror.list") return RenderMirrors(answer);
  if (method == "storm.list" || method == "security.list") {
    return RenderGuards(answer, request.params.contains("dev"));
  }
  if (method == "bridge.list") return OneLine(RenderBridge(answer, options), options);
  if (method == "evpn.list") return RenderVnis(answer, options);
  if (method == "neigh.list") return RenderNeighbours(request, answer, options);
  if (method == "reach") return RenderReach(answer);
  if (method == "impair.list") return RenderImpairments(answer, options);
  if (method == "loop.list") return RenderLoopDetection(answer);
  if (method == "kernel.list") return RenderKernel(answer, options);
  if (method == "stp.list") return RenderTree(answer, options);
  return RenderTrace(answer);
}

std::string RenderEvent(const Json& event, bool label, const OutputOptions& options) {
  if (options.json) {
    Json shown = event;
    if (!options.timestamps) shown.erase("timestamp");
    return Dump(shown, false);
  }
  return (options.timestamps ? TimeText(event, options) : "") +
         (label ? std::string(LabelOf(TextAt(event, "object"))) : "") + EventText(event) + "\n";
}

}  // namespace tapswitch
