#include "tools/tapctl/view/reach.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"
#include "switch/forwarding/wire/ethernet.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

bool Reaches(const Answer& pair) { return TextAt(pair, "reaches") == "true"; }

std::string VlansOf(const Answer& pair) {
  std::string text;
  for (const Answer& range : ListAt(pair, "vlans")) {
    text += (text.empty() ? " vlan " : ",") + VlanRangeText(range);
  }
  return text;
}

// "yes vlan 10 (b has flood off)", or "no: both are isolated".
std::string VerdictOf(const Answer& pair) {
  if (!Reaches(pair)) return "no: " + TextAt(pair, "reason");
  std::string text = "yes" + VlansOf(pair);
  for (const Answer& limit : ListAt(pair, "limits")) {
    if (limit.is_string()) text += fmt::format(" ({})", Printable(limit.get<std::string>()));
  }
  return text;
}

using Ends = std::pair<std::string, std::string>;

std::map<Ends, std::string> VerdictsOf(const Answer& pairs) {
  std::map<Ends, std::string> verdicts;
  for (const Answer& pair : pairs) {
    verdicts[{TextAt(pair, "from"), TextAt(pair, "to")}] = VerdictOf(pair);
  }
  return verdicts;
}

std::vector<std::string> PortsOf(const Answer& pairs) {
  std::vector<std::string> ports;
  for (const Answer& pair : pairs) {
    for (const char* end : {"from", "to"}) {
      const std::string port = TextAt(pair, end);
      if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
    }
  }
  return ports;
}

char SignOf(const std::string& verdict) {
  if (!verdict.starts_with("yes")) return '.';
  return verdict.find('(') == std::string::npos ? '+' : 'o';
}

// Rows are senders, columns are receivers, which have the numbers of their rows.
std::string Matrix(const std::vector<std::string>& ports,
                   const std::map<Ends, std::string>& verdicts) {
  size_t width = 4;
  for (const std::string& port : ports) width = std::max(width, port.size());
  std::string text = fmt::format("{:>4} {:<{}}", "", "from", width);
  for (size_t to = 1; to <= ports.size(); ++to) text += fmt::format(" {:>3}", to);
  text += "\n";
  for (size_t from = 0; from < ports.size(); ++from) {
    text += fmt::format("{:>4} {:<{}}", from + 1, ports[from], width);
    for (const std::string& to : ports) {
      const auto found = verdicts.find({ports[from], to});
      text += fmt::format(" {:>3}", found == verdicts.end() ? '-' : SignOf(found->second));
    }
    text += "\n";
  }
  return text;
}

// A reason for both directions is told once.
std::string Reasons(const std::map<Ends, std::string>& verdicts) {
  std::string text;
  for (const auto& [ends, verdict] : verdicts) {
    if (SignOf(verdict) == '+') continue;
    const auto back = verdicts.find({ends.second, ends.first});
    const bool is_mutual = back != verdicts.end() && back->second == verdict;
    if (is_mutual && ends.second < ends.first) continue;
    text +=
        fmt::format("{} {} {}  {}\n", ends.first, is_mutual ? "<->" : "->", ends.second, verdict);
  }
  return text;
}

// A host that was asked for: where it is, as far as the switch knows.
struct Host {
  std::string name;  // as it was asked for
  std::string mac;   // empty: a port was named
  std::string port;
  std::string vlan;  // empty: none is known
};

absl::StatusOr<Host> FindByMac(ControlConnection& connection, std::string name, std::string mac) {
  const auto entries = connection.Call("fdb.get", {{"mac", mac}});
  if (!entries.ok() || !entries->is_array() || entries->empty()) {
    return absl::NotFoundError(fmt::format(
        "{}: the switch has not seen it within the ageing time: have it send something, and look "
        "at the port that it should be behind (tapctl show)",
        name));
  }
  const Answer& entry = entries->front();
  return Host{.name = std::move(name),
              .mac = std::move(mac),
              .port = TextAt(entry, "ifname"),
              .vlan = TextAt(entry, "vlan")};
}

absl::StatusOr<Host> FindHost(ControlConnection& connection, const std::string& name) {
  if (MacAddress::Parse(name)) return FindByMac(connection, name, name);
  const auto ports = connection.Call("port.list", {{"name", name}});
  if (ports.ok()) return Host{.name = name, .mac = "", .port = name, .vlan = ""};
  const auto neighbours = connection.Call("neigh.list", nlohmann::json::object());
  if (neighbours.ok()) {
    for (const Answer& one : *neighbours) {
      if (TextAt(one, "dst") == name) return FindByMac(connection, name, TextAt(one, "lladdr"));
    }
  }
  return absl::NotFoundError(fmt::format(
      "'{}': expected a MAC address, a port, or an IP address that 'tapctl neigh show' lists",
      name));
}

std::string Whereabouts(const Host& host) {
  if (host.mac.empty()) return "";
  return fmt::format("{} is behind {}{}\n", host.name, host.port,
                     host.vlan.empty() ? "" : " in VLAN " + host.vlan);
}

// What becomes of a frame of one of them to the other now.
std::string TraceOf(ControlConnection& connection, const Host& from, const Host& to) {
  if (from.mac.empty() || to.mac.empty()) return "";
  const auto trace =
      connection.Call("trace", {{"in", from.port}, {"src", from.mac}, {"dst", to.mac}});
  if (!trace.ok() || !trace->is_object()) return "";
  std::vector<std::string> egress;
  for (const Answer& port : ListAt(*trace, "egress")) {
    if (port.is_string()) egress.push_back(Printable(port.get<std::string>()));
  }
  const std::string reason = TextAt(*trace, "reason");
  return fmt::format("  an untagged frame now: {}{}{}\n", TextAt(*trace, "decision"),
                     egress.empty() ? "" : fmt::format(" to {}", fmt::join(egress, ", ")),
                     reason.empty() ? "" : " (" + reason + ")");
}

}  // namespace

std::string RenderReach(const Answer& pairs) {
  const auto verdicts = VerdictsOf(pairs);
  if (verdicts.empty()) return "";
  const std::string reasons = Reasons(verdicts);
  return Matrix(PortsOf(pairs), verdicts) + (reasons.empty() ? "" : "\n" + reasons);
}

std::string RenderReachDifference(const Answer& before, const Answer& now) {
  const auto old_verdicts = VerdictsOf(before);
  const auto new_verdicts = VerdictsOf(now);
  std::set<Ends> all;
  for (const auto& [ends, verdict] : old_verdicts) all.insert(ends);
  for (const auto& [ends, verdict] : new_verdicts) all.insert(ends);
  std::string text;
  for (const Ends& ends : all) {
    const auto was = old_verdicts.find(ends);
    const auto is = new_verdicts.find(ends);
    const bool is_same =
        was != old_verdicts.end() && is != new_verdicts.end() && was->second == is->second;
    if (is_same) continue;
    if (was != old_verdicts.end()) {
      text += fmt::format("- {} -> {}  {}\n", ends.first, ends.second, was->second);
    }
    if (is != new_verdicts.end()) {
      text += fmt::format("+ {} -> {}  {}\n", ends.first, ends.second, is->second);
    }
  }
  return text;
}

absl::StatusOr<Answer> ReadReach(const std::string& file) {
  std::ifstream input(file);
  if (!input) return absl::InvalidArgumentError(fmt::format("{}: cannot be read", file));
  Answer pairs = Answer::parse(input, nullptr, /*allow_exceptions=*/false);
  if (pairs.is_array()) return pairs;
  return absl::InvalidArgumentError(
      fmt::format("{}: expected what 'tapctl -j reach' has written", file));
}

absl::StatusOr<std::string> ExplainHosts(ControlConnection& connection,
                                         const std::vector<std::string>& hosts) {
  if (hosts.size() != 2) return absl::InvalidArgumentError("why: expected two hosts");
  const auto one = FindHost(connection, hosts[0]);
  if (!one.ok()) return one.status();
  const auto other = FindHost(connection, hosts[1]);
  if (!other.ok()) return other.status();
  std::string text = Whereabouts(*one) + Whereabouts(*other);
  if (one->port == other->port) {
    return text +
           fmt::format("both are behind {}: their frames do not pass the switch\n", one->port);
  }
  const auto pairs = connection.Call("reach", nlohmann::json::object());
  if (!pairs.ok()) return pairs.status();
  const auto verdicts = VerdictsOf(*pairs);
  for (const auto& [from, to] : {std::pair{&*one, &*other}, std::pair{&*other, &*one}}) {
    const auto verdict = verdicts.find({from->port, to->port});
    if (verdict == verdicts.end()) continue;  // the bridge itself has no port
    text += fmt::format("{} -> {}  {}\n", from->port, to->port, verdict->second);
    text += TraceOf(connection, *from, *to);
  }
  return text;
}

}  // namespace tapswitch
