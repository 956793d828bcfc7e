#include "tools/tapctl/render/render_multicast.h"

#include <utility>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/render_guards.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

std::string NamesText(const Answer& object, const char* key) {
  std::string text;
  for (const Answer& name : ListAt(object, key)) {
    if (name.is_string()) text += " " + Printable(name.get<std::string>());
  }
  return text;
}

std::string QuerierText(const Answer& vlan) {
  std::string text = "    " + TextAt(vlan, "family") + "v" + TextAt(vlan, "version");
  if (vlan.contains("vlan")) text += " vlan " + TextAt(vlan, "vlan");
  text += TextAt(vlan, "active") == "true" ? " active" : " flooded";
  if (vlan.contains("querier")) {
    text += fmt::format(" querier {} {}", TextAt(vlan, "querier"), TextAt(vlan, "address"));
  } else {
    text += " no querier";
  }
  if (vlan.contains("querier_version")) {
    text += fmt::format(" version {} heard {}s ago expires {}s", TextAt(vlan, "querier_version"),
                        TextAt(vlan, "age"), TextAt(vlan, "expires"));
  }
  const std::string routers = NamesText(vlan, "routers");
  return text + (routers.empty() ? "" : " routers" + routers);
}

}  // namespace

std::string GroupEntryText(const Answer& row, const OutputOptions& options) {
  std::string text = fmt::format("dev {} port {} grp {}", TextAt(row, "dev"), TextAt(row, "port"),
                                 TextAt(row, "grp"));
  if (row.contains("src")) text += " src " + TextAt(row, "src");
  text += " " + TextAt(row, "state");
  if (options.details && row.contains("filter_mode")) {
    text += " filter_mode " + TextAt(row, "filter_mode");
  }
  std::string separator = " source_list ";
  for (const Answer& source : ListAt(row, "source_list")) {
    if (!options.details || !source.is_object()) continue;
    text += separator + TextAt(source, "address") + "/" + TextAt(source, "timer");
    separator = ",";
  }
  if (options.details && row.contains("protocol")) text += " proto " + TextAt(row, "protocol");
  for (const Answer& flag : ListAt(row, "flags")) {
    if (flag.is_string()) text += " " + Printable(flag.get<std::string>());
  }
  if (row.contains("vid")) text += " vid " + TextAt(row, "vid");
  if (options.statistics && row.contains("timer")) text += " " + TextAt(row, "timer");
  return text;
}

std::string RenderGroups(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& bridge : list) {
    for (const Answer& row : ListAt(bridge, "mdb")) text += GroupEntryText(row, options) + "\n";
    const Answer routers = MembersAt(bridge, "router");
    for (const auto& [name, ports] : routers.items()) {
      text += "router ports on " + Printable(name) + ":";
      for (const Answer& port : ports) {
        if (port.is_object()) text += " " + TextAt(port, "port");
      }
      text += "\n";
    }
  }
  return text;
}

std::string RenderMulticast(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& bridge : list) {
    const bool is_on = TextAt(bridge, "mcast_snooping") == "true";
    text += fmt::format("{}: mcast_snooping {} groups {} entries {}\n", TextAt(bridge, "ifname"),
                        is_on ? "on" : "off", TextAt(bridge, "groups"), TextAt(bridge, "entries"));
    for (const Answer& vlan : ListAt(bridge, "queriers")) text += QuerierText(vlan) + "\n";
    for (const char* key : {"deaf", "flooded"}) {
      const std::string names = NamesText(bridge, key);
      if (!names.empty()) text += fmt::format("    {} ports:{}\n", key, names);
    }
    if (!options.statistics) continue;
    const Answer counters = MembersAt(bridge, "counters");
    for (const auto& [kind, counts] : counters.items()) {
      const std::string counted = NonZeroText(counts);
      if (!counted.empty()) text += fmt::format("    {}:{}\n", Printable(kind), counted);
    }
  }
  return text;
}

std::string RenderDoctor(const Answer& list) {
  if (list.empty()) return "nothing is wrong with multicasts\n";
  std::string text;
  for (const Answer& finding : list) {
    const std::string where = finding.contains("where") ? TextAt(finding, "where") + ": " : "";
    text += fmt::format("{}{}\n    cure: {}\n", where, TextAt(finding, "text"),
                        TextAt(finding, "cure"));
  }
  return text;
}

std::string RenderVlansGlobally(const Answer& list) {
  std::string text = fmt::format("{:<16}  {:<9}\n", "port", "vlan-id");
  for (const Answer& bridge : list) {
    std::string name = TextAt(bridge, "ifname");
    for (const Answer& vlan : ListAt(bridge, "vlans")) {
      text += fmt::format("{:<16}  {}\n                   ", std::exchange(name, ""),
                          TextAt(vlan, "vlan"));
      for (const auto& [key, value] : vlan.items()) {
        if (key != "vlan") text += fmt::format(" {} {}", Printable(key), TextAt(vlan, key.c_str()));
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace tapswitch
