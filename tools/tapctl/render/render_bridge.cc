#include "tools/tapctl/render/render_bridge.h"

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/render_guards.h"
#include "tools/tapctl/view/answer.h"
#include "tools/tapctl/view/human.h"

namespace tapswitch {
namespace {

std::string FlowText(const Answer& flow, const OutputOptions& options) {
  std::string text = fmt::format("in {} src {} dst {} out {}", TextAt(flow, "in"),
                                 TextAt(flow, "src"), TextAt(flow, "dst"), TextAt(flow, "out"));
  if (flow.contains("vlan")) text += " vlan " + TextAt(flow, "vlan");
  if (flow.contains("tag")) text += " tag " + TextAt(flow, "tag");
  if (flow.contains("direct")) text += " direct";
  if (flow.contains("pending")) text += " pending";
  if (options.statistics) text += " hits " + CountText(NumberAt(flow, "hits"), options);
  return text + "\n";
}

}  // namespace

std::string RenderBridge(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& bridge : list) {
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

std::string RenderKernel(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& kernel : list) {
    text += "kernel_forwarding " + TextAt(kernel, "kernel_forwarding");
    if (kernel.contains("reason")) text += " (" + TextAt(kernel, "reason") + ")";
    text += "\n";
    for (const Answer& flow : ListAt(kernel, "flows")) text += FlowText(flow, options);
    if (!options.statistics) continue;
    text += "refused " + TextAt(kernel, "refused") + "\n";
    for (const Answer& port : ListAt(kernel, "ports")) {
      const Answer received = MembersAt(port, "rx");
      const Answer sent = MembersAt(port, "tx");
      text += fmt::format("{}: rx bytes {} packets {} tx bytes {} packets {}\n",
                          TextAt(port, "ifname"), CountText(NumberAt(received, "bytes"), options),
                          CountText(NumberAt(received, "packets"), options),
                          CountText(NumberAt(sent, "bytes"), options),
                          CountText(NumberAt(sent, "packets"), options));
    }
  }
  return text;
}

std::string RenderLoopDetection(const Answer& list) {
  std::string text;
  for (const Answer& loop : list) {
    const bool enabled = TextAt(loop, "enabled") == "true";
    const auto span = [&](const char* key) {
      const std::string seconds = TextAt(loop, key);
      return seconds == "0.0" ? "off" : seconds + "s";
    };
    text += fmt::format(
        "{}: loop detection {} period {} action {} recovery {} probes {} loops {}\n",
        TextAt(loop, "ifname"), enabled ? "on" : "off", span("period"), TextAt(loop, "action"),
        span("recovery"), TextAt(loop, "probes"), TextAt(loop, "loops"));
    for (const Answer& port : ListAt(loop, "blocked")) {
      if (!port.is_object()) continue;
      text += "    " + TextAt(port, "ifname") + " blocked";
      if (port.contains("seconds_left")) text += " for " + TextAt(port, "seconds_left") + "s";
      text += "\n";
    }
  }
  return text;
}

std::string RenderTrace(const Answer& trace) {
  std::string text = "in " + TextAt(trace, "in") + "\n";
  for (const Answer& stage : ListAt(trace, "stages")) {
    text += fmt::format("  {:<8} {:<8} {}\n", TextAt(stage, "stage"), TextAt(stage, "verdict"),
                        TextAt(stage, "text"));
  }
  text += TextAt(trace, "decision");
  for (const Answer& name : ListAt(trace, "egress")) {
    if (name.is_string()) text += " " + Printable(name.get<std::string>());
  }
  if (trace.contains("reason")) text += " " + TextAt(trace, "reason");
  return text + "\n";
}

}  // namespace tapswitch
