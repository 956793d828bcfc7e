// The method that says what would become of a frame.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

ordered_json Words(const Trace& trace) {
  auto stages = ordered_json::array();
  const auto add = [&](const TraceStep& step) {
    stages.push_back({{"stage", step.stage}, {"verdict", step.verdict}, {"text", step.text}});
  };
  for (const TraceStep& step : trace.steps) add(step);
  if (trace.cacheable_step) add(*trace.cacheable_step);
  if (trace.kernel_step) add(*trace.kernel_step);
  return stages;
}

void DescribeCacheable(const Cacheability& cacheable, ordered_json& answer) {
  answer["cacheable"] = !cacheable.obstacle.has_value();
  if (!cacheable.obstacle) return;
  answer["not_cacheable"] = kCacheObstacles[static_cast<size_t>(*cacheable.obstacle)].name;
}

void DescribeDecision(const BridgeControl& control, const Decision& decision,
                      ordered_json& answer) {
  auto egress = ordered_json::array();
  switch (decision.action) {
    case Decision::Action::kDrop:
      answer["decision"] = "drop";
      answer["reason"] = kDropReasons[static_cast<size_t>(decision.reason)].name;
      break;
    case Decision::Action::kForward:
      answer["decision"] = "forward";
      egress.push_back(control.NameOf(decision.egress));
      break;
    case Decision::Action::kFlood:
      answer["decision"] = "flood";
      decision.flood.ForEach([&](PortId id) { egress.push_back(control.NameOf(id)); });
      break;
  }
  answer["egress"] = std::move(egress);
}

// Why a port of a spanning tree does not forward, behind what the core says of its state.
void ExplainState(const BridgeControl& control, PortId ingress, Trace& trace) {
  const auto step = std::find_if(trace.steps.begin(), trace.steps.end(), [](const TraceStep& one) {
    return one.stage == "state" && one.verdict == "drop";
  });
  if (step == trace.steps.end()) return;
  const SwitchSnapshot snapshot = control.Snapshot();
  if (!snapshot.protocols.tree) return;
  for (const SpanningTreeSnapshot::Port& one : snapshot.protocols.tree->ports) {
    if (one.port.id != ingress) continue;
    step->text += " (spanning tree: role " + std::string(NameOf(one.port.role)) + ")";
  }
}

MethodResult TraceFrame(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string ingress = reader.Text("in");
  EthernetHeader header{.destination = reader.Address("dst"), .source = reader.Address("src")};
  const auto vlan = reader.MaybeNumber("vlan", 0, kVlanCount - 1);
  header.type_or_length = static_cast<uint16_t>(
      reader.MaybeNumber("type", 0, 0xFFFF).value_or(static_cast<uint16_t>(EtherType::kIpv4)));
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  header.payload_offset = kEthernetHeaderSize;
  if (vlan) {
    header.tag = VlanTag{.protocol = context.control.config().bridge.forwarding.vlan_protocol,
                         .control = static_cast<uint16_t>(*vlan)};
    header.payload_offset += kVlanTagSize;
  }
  const auto port = context.control.FindPort(ingress);
  if (!port.ok()) return port.status();
  auto trace = context.control.TraceFrame(*port, header);
  if (!trace.ok()) return trace.status();
  ExplainState(context.control, *port, *trace);
  ordered_json answer{{"in", ingress}, {"stages", Words(*trace)}};
  DescribeDecision(context.control, trace->decision, answer);
  DescribeCacheable(trace->cacheable, answer);
  if (trace->kernel_step) answer["kernel"] = trace->kernel_step->verdict;
  return answer;
}

constexpr std::array kTraceMethods{Method{"trace", MethodKind::kReads, TraceFrame}};

}  // namespace

std::span<const Method> TraceMethods() { return kTraceMethods; }

}  // namespace tapswitch
