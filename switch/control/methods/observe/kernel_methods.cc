// Methods about what the kernel carries by itself.

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <utility>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

ordered_json ShowFlow(const BridgeControl& control, const BridgeControl::KernelFlow& one) {
  const ShownFlow& flow = one.flow;
  ordered_json shown{{"in", control.NameOf(flow.ingress)},
                     {"src", flow.source.ToString()},
                     {"dst", flow.destination.ToString()},
                     {"out", control.NameOf(flow.egress)}};
  if (flow.vlan != kNoVlan) shown["vlan"] = flow.vlan.value;
  if (flow.key.tag_type != 0) shown["tag"] = flow.key.vid;
  if (flow.is_direct) shown["direct"] = true;
  shown["hits"] = one.hits;
  if (one.is_pending) shown["pending"] = true;
  return shown;
}

ordered_json ShowPorts(const BridgeControl& control) {
  auto ports = ordered_json::array();
  for (const PortSnapshot& port : control.Snapshot().ports) {
    if (!port.kernel) continue;
    const PortTraffic& kernel = *port.kernel;
    ports.push_back(
        {{"ifname", port.name},
         {"rx", {{"bytes", kernel.received.bytes}, {"packets", kernel.received.frames}}},
         {"tx", {{"bytes", kernel.sent.bytes}, {"packets", kernel.sent.frames}}}});
  }
  return ports;
}

MethodResult ListKernel(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  auto all = context.control.FlowsOfKernel();
  std::ranges::sort(all.flows, {}, [&](const BridgeControl::KernelFlow& one) {
    return std::tuple(one.flow.ingress, one.flow.vlan, one.flow.source, one.flow.destination,
                      one.flow.key.vid);
  });
  auto flows = ordered_json::array();
  for (const auto& one : all.flows) flows.push_back(ShowFlow(context.control, one));
  ordered_json answer{{"kernel_forwarding", all.why_none.empty() ? "on" : "off"}};
  if (!all.why_none.empty()) answer["reason"] = all.why_none;
  answer["refused"] = all.refused;
  answer["flows"] = std::move(flows);
  answer["ports"] = ShowPorts(context.control);
  return ordered_json::array({std::move(answer)});
}

constexpr std::array kKernelMethods{Method{"kernel.list", MethodKind::kReads, ListKernel}};

}  // namespace

std::span<const Method> KernelMethods() { return kKernelMethods; }

}  // namespace tapswitch
