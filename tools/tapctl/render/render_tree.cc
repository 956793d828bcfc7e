#include "tools/tapctl/render/render_tree.h"

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/render_guards.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

std::string TreePortText(const Answer& port, const OutputOptions& options) {
  std::string text = fmt::format(
      "    {} {} {} cost {} priority {} designated {} port {} root {} cost {}",
      TextAt(port, "ifname"), TextAt(port, "role"), TextAt(port, "state"), TextAt(port, "cost"),
      TextAt(port, "priority"), TextAt(port, "designated_bridge"), TextAt(port, "designated_port"),
      TextAt(port, "designated_root"), TextAt(port, "designated_cost"));
  if (TextAt(port, "edge") == "true") text += " edge";
  text += TextAt(port, "p2p") == "true" ? " p2p" : " shared";
  if (TextAt(port, "version") == "stp") text += " stp";
  if (port.contains("inconsistent")) text += " inconsistent: " + TextAt(port, "inconsistent");
  text += "\n";
  if (!options.statistics) return text;
  text += "        counters" + NonZeroText(MembersAt(port, "counters")) + "\n";
  return text + "        seconds left" + NonZeroText(MembersAt(port, "timers")) + "\n";
}

}  // namespace

std::string RenderTree(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& tree : list) {
    const std::string root_port = TextAt(tree, "root_port");
    text += fmt::format("{}: bridge {} root {} ", TextAt(tree, "ifname"), TextAt(tree, "bridge_id"),
                        TextAt(tree, "root_id"));
    text += root_port == "null"
                ? "which is this bridge"
                : fmt::format("by {} cost {}", root_port, TextAt(tree, "root_path_cost"));
    text += " topology changes " + TextAt(tree, "topology_change_count");
    if (tree.contains("time_since_topology_change")) {
      text += fmt::format(" the last {}s ago", TextAt(tree, "time_since_topology_change"));
      std::string by;
      for (const Answer& port : tree.value("topology_change_ports", Answer::array())) {
        if (port.is_string()) by += " " + Printable(port.get<std::string>());
      }
      text += " by" + by;
    }
    text += "\n";
    for (const Answer& port : tree.value("ports", Answer::array())) {
      text += TreePortText(port, options);
    }
  }
  return text.empty() ? "There is no spanning tree: tapctl bridge set stp_state on\n" : text;
}

std::string TreeEventText(const Answer& event) {
  std::string text = TextAt(event, "ifname");
  if (TextAt(event, "event") == "topology_change") {
    text += " topology change";
  } else {
    text += fmt::format(" {} {} was {} {}", TextAt(event, "role"), TextAt(event, "state"),
                        TextAt(event, "from_role"), TextAt(event, "from_state"));
  }
  return text + ": " + TextAt(event, "reason");
}

}  // namespace tapswitch
