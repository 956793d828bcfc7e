#include "tools/tapctl/render/render_ports.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"
#include "switch/control/commands/quoting.h"
#include "tools/tapctl/render/render_guards.h"
#include "tools/tapctl/render/render_impair.h"
#include "tools/tapctl/view/answer.h"
#include "tools/tapctl/view/human.h"
#include "tools/tapctl/view/paint.h"

namespace tapswitch {
namespace {

std::string FlagNames(const Answer& link) {
  std::vector<std::string> names;
  for (const Answer& flag : ListAt(link, "flags")) {
    if (flag.is_string()) names.push_back(Printable(flag.get<std::string>()));
  }
  return fmt::format("{}", fmt::join(names, ","));
}

bool IsBasic(std::string_view key) {
  return std::find(kLinkBasics.begin(), kLinkBasics.end(), key) != kLinkBasics.end();
}

std::string LinkDetails(const Answer& link) {
  std::string text = "    ";
  for (const auto& [key, value] : link.items()) {
    if (IsBasic(key)) continue;
    const bool is_flag = value.is_boolean();
    text += fmt::format("{} {} ", Printable(key),
                        is_flag ? (value.get<bool>() ? "on" : "off") : Printable(value.dump()));
  }
  return text;
}

std::string PortText(const Answer& port, const OutputOptions& options) {
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

std::string TrafficText(const Answer& port, const OutputOptions& options) {
  const Answer stats = MembersAt(port, "stats64");
  std::string text =
      fmt::format("    {:<4}{:>16} {:>14} {:>12}\n", "", "bytes", "packets", "dropped");
  for (const char* way : {"rx", "tx"}) {
    const Answer counts = MembersAt(stats, way);
    text += fmt::format("    {:<4}{:>16} {:>14} {:>12}\n", way,
                        CountText(NumberAt(counts, "bytes"), options),
                        CountText(NumberAt(counts, "packets"), options),
                        CountText(NumberAt(counts, "dropped"), options));
  }
  const Answer kernel = MembersAt(port, "kernel");
  const bool is_carried = NumberAt(kernel, "rx") != 0 || NumberAt(kernel, "tx") != 0;
  if (is_carried) text += "    kernel:" + NonZeroText(kernel) + "\n";
  text += "    gro:" + NonZeroText(MembersAt(port, "gro")) + "\n";
  text += "    drops:" + NonZeroText(MembersAt(port, "drops")) + "\n";
  text += "    learning:" + NonZeroText(MembersAt(port, "learning")) + "\n";
  return text;
}

std::string PortDetailsText(const Answer& port) {
  std::string text = "    " + TextAt(port, "spec") + "\n";
  const Answer details = MembersAt(port, "details");
  for (const auto& [name, value] : details.items()) {
    if (!value.is_string()) continue;
    text += fmt::format("    {}: {}\n", Printable(name), Printable(value.get<std::string>()));
  }
  return text;
}

}  // namespace

std::string LinkText(const Answer& link) {
  return fmt::format("{}: {}: <{}> mtu {} master {} state {} priority {} cost {} ",
                     TextAt(link, "ifindex"), TextAt(link, "ifname"), FlagNames(link),
                     TextAt(link, "mtu"), TextAt(link, "master"), TextAt(link, "state"),
                     TextAt(link, "priority"), TextAt(link, "cost"));
}

std::string RenderLinks(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& link : list) {
    text += LinkText(link) + "\n";
    if (options.details) text += LinkDetails(link) + "\n";
  }
  return text;
}

std::string RenderPorts(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& port : list) {
    text += PortText(port, options) + "\n";
    if (options.details) text += PortDetailsText(port);
    if (options.statistics) text += TrafficText(port, options);
  }
  return text;
}

std::string RenderMirrors(const Answer& list) {
  std::string text;
  for (const Answer& mirror : list) {
    text += TextAt(mirror, "name") + ": from";
    for (const Answer& port : ListAt(mirror, "dev")) {
      if (port.is_string()) text += " dev " + Printable(port.get<std::string>());
    }
    for (const Answer& range : ListAt(mirror, "vlans")) {
      text += " vlan " + VlanRangeText(range);
    }
    text += fmt::format(" {} to {}\n", TextAt(mirror, "direction"), TextAt(mirror, "to"));
  }
  return text;
}

}  // namespace tapswitch
