#include "tools/tapctl/render/render_vlans.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

std::string VlanText(const Answer& vlan) {
  std::string text = VlanRangeText(vlan);
  for (const Answer& flag : ListAt(vlan, "flags")) {
    if (flag.is_string()) text += " " + Printable(flag.get<std::string>());
  }
  for (const auto& [key, value] : vlan.items()) {
    if (key == "state") text += " state " + TextAt(vlan, "state");
    if (value.is_boolean()) text += fmt::format(" {} {}", Printable(key), value ? "on" : "off");
  }
  return text;
}

std::string VlanTrafficText(const Answer& vlan, std::string_view indent) {
  return fmt::format("{0}  RX: {1} bytes {2} packets\n{0}  TX: {3} bytes {4} packets\n", indent,
                     NumberAt(vlan, "rx_bytes"), NumberAt(vlan, "rx_packets"),
                     NumberAt(vlan, "tx_bytes"), NumberAt(vlan, "tx_packets"));
}

}  // namespace

std::string VlansText(const Answer& port) {
  constexpr std::string_view kIndent = "                  ";
  std::string text;
  for (const Answer& vlan : ListAt(port, "vlans")) {
    text += text.empty() ? fmt::format("{:<16}  ", TextAt(port, "ifname")) : std::string(kIndent);
    text += VlanText(vlan) + "\n";
    if (vlan.contains("rx_bytes")) text += VlanTrafficText(vlan, kIndent);
  }
  return text;
}

std::string RenderVlans(const Answer& list) {
  std::string text = fmt::format("{:<16}  {:<9}\n", "port", "vlan-id");
  for (const Answer& port : list) text += VlansText(port);
  return text;
}

Answer WithoutRanges(const Answer& vlans) {
  constexpr uint64_t kMostVlan = 4094;
  Answer list = Answer::array();
  for (const Answer& range : vlans) {
    const uint64_t last =
        std::min(std::max(NumberAt(range, "vlan"), NumberAt(range, "vlanEnd")), kMostVlan);
    for (uint64_t vlan = NumberAt(range, "vlan"); vlan <= last; ++vlan) {
      Answer one = range;
      one["vlan"] = vlan;
      one.erase("vlanEnd");
      list.push_back(std::move(one));
    }
  }
  return list;
}

}  // namespace tapswitch
