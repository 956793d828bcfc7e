// The method that says what would become of a frame.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/config/impairment_words.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/forwarding/egress/egress_builder.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

// An IP packet of the greatest length, in a tagged frame.
constexpr size_t kLongestTraced = kEthernetHeaderSize + kVlanTagSize + 65535;

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

// The ports that a frame leaves by.
PortSet EgressOf(const Decision& decision) {
  PortSet egress;
  if (decision.action == Decision::Action::kForward) egress.insert(decision.egress);
  if (decision.action == Decision::Action::kFlood) egress = decision.flood;
  return egress;
}

// The kernel does not carry what leaves by a port that allows for a tag more than its MTU does.
void LimitKernelToMtu(const BridgeControl& control, const EthernetHeader& header, size_t size,
                      Trace& trace) {
  if (!trace.kernel_step || trace.decision.action != Decision::Action::kForward) return;
  const size_t untagged = size - (header.tag ? kVlanTagSize : 0);
  for (const PortSnapshot& port : control.Snapshot().ports) {
    if (port.id != trace.decision.egress) continue;
    if (untagged <= port.status.mtu + kEthernetHeaderSize) return;
    trace.kernel_step = {
        .stage = "kernel",
        .verdict = "no",
        .text = "not carried by the kernel: it is longer than the MTU of the egress port"};
  }
}

// Takes the ports out of the decision that do not take a frame of so many bytes, and says so.
void LimitToMtu(const BridgeControl& control, const EthernetHeader& header, size_t size,
                Trace& trace) {
  Decision& decision = trace.decision;
  if (decision.action == Decision::Action::kDrop) return;
  PortSet egress = EgressOf(decision);
  for (const PortSnapshot& port : control.Snapshot().ports) {
    const size_t longest = LongestFrame(port.status.mtu, header.tag.has_value());
    if (!egress.contains(port.id) || size <= longest) continue;
    egress.erase(port.id);
    trace.steps.push_back(
        {.stage = "egress",
         .verdict = "drop",
         .text = fmt::format("{} bytes are longer than the {} that {} takes with its MTU of {}; a "
                             "burst that is cut into segments on its way would pass (too_long)",
                             size, longest, port.name, port.status.mtu)});
  }
  if (decision.action == Decision::Action::kFlood) decision.flood = egress;
  if (!egress.empty()) return;
  decision = {.reason = DropReason::kTooLong};
  trace.cacheable = {.obstacle = CacheObstacle::kDropped};
  trace.cacheable_step.reset();
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

bool MayBeImpaired(const ImpairmentPlan& plan, const EthernetHeader& header) {
  return plan.is_on() && (plan.match.mac.is_zero() || plan.match.mac == header.source ||
                          plan.match.mac == header.destination);
}

// What may become of the frame on its way by the port, besides what the bridge decides.
std::optional<TraceStep> ExplainImpairment(const BridgeControl& control, PortId id,
                                           PortDirection direction, const EthernetHeader& header) {
  const std::string name = control.NameOf(id);
  const PortConfig* const port = control.config().port(name);
  if (port == nullptr) return std::nullopt;
  const ImpairmentPlan& plan = port->settings.impairments[static_cast<size_t>(direction)];
  if (!MayBeImpaired(plan, header)) return std::nullopt;
  const bool is_lost = plan.settings.loss.random.billionths == FrameShare::kWhole &&
                       plan.match.vlan == kNoVlan && plan.schedule.empty();
  std::string text = fmt::format("impaired:{}, {} {}", SettingsAsWords(plan.settings),
                                 direction == PortDirection::kIngress ? "from" : "towards", name);
  if (plan.match.vlan != kNoVlan) text += fmt::format(", in VLAN {}", plan.match.vlan.value);
  if (!plan.schedule.empty()) text += "; other settings at times, by a schedule";
  return TraceStep{.stage = "impair", .verdict = is_lost ? "drop" : "pass", .text = text};
}

void ExplainImpairments(const BridgeControl& control, PortId ingress, const EthernetHeader& header,
                        Trace& trace) {
  const auto coming = ExplainImpairment(control, ingress, PortDirection::kIngress, header);
  if (coming && coming->verdict == "drop") {
    trace = {.steps = {*coming},
             .decision = {.action = Decision::Action::kDrop, .reason = DropReason::kImpairedLossIn},
             .cacheable_step = std::nullopt};
    return;
  }
  if (coming) trace.steps.insert(trace.steps.begin(), *coming);
  EgressOf(trace.decision).ForEach([&](PortId id) {
    if (auto step = ExplainImpairment(control, id, PortDirection::kEgress, header)) {
      trace.steps.push_back(*std::move(step));
    }
  });
}

// An IP header with the addresses, as far as the decision reads it.
absl::StatusOr<std::vector<std::byte>> HeaderOf(const EthernetHeader& header,
                                                const std::string& group,
                                                const std::optional<std::string>& from) {
  const auto to = ParseIpAddress("grp", group);
  if (!to.ok()) return to.status();
  IpAddress source = to->is_v4() ? IpAddress::FromV4(0) : IpAddress();
  if (from) {
    const auto named = ParseIpAddress("from", *from);
    if (!named.ok()) return named.status();
    source = *named;
  }
  if (!to->is_multicast() || (from && source.is_v4() != to->is_v4())) {
    return absl::InvalidArgumentError(
        fmt::format("grp {}: expected a group, and a source of the same family", group));
  }
  std::vector<std::byte> bytes(header.payload_offset + ipv6::kHeaderSize);
  std::byte* const packet = bytes.data() + header.payload_offset;
  const size_t skipped = to->is_v4() ? IpAddress::kV6Size - IpAddress::kV4Size : 0;
  const size_t at = to->is_v4() ? ipv4::kAddresses : ipv6::kAddresses;
  packet[0] = to->is_v4() ? std::byte{0x45} : std::byte{0x60};
  const auto source_bytes = source.bytes();
  const auto group_bytes = to->bytes();
  auto* end = std::copy(source_bytes.begin() + skipped, source_bytes.end(), packet + at);
  std::copy(group_bytes.begin() + skipped, group_bytes.end(), end);
  return bytes;
}

MethodResult TraceFrame(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string ingress = reader.Text("in");
  EthernetHeader header{.destination = reader.Address("dst"), .source = reader.Address("src")};
  const auto vlan = reader.MaybeNumber("vlan", 0, kVlanCount - 1);
  header.type_or_length = static_cast<uint16_t>(
      reader.MaybeNumber("type", 0, 0xFFFF).value_or(static_cast<uint16_t>(EtherType::kIpv4)));
  const auto group = reader.MaybeText("grp");
  const auto from = reader.MaybeText("from");
  const auto size = reader.MaybeNumber("size", kEthernetHeaderSize, kLongestTraced);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  header.payload_offset = kEthernetHeaderSize;
  if (vlan) {
    header.tag = VlanTag{.protocol = context.control.config().bridge.forwarding.vlan_protocol,
                         .control = static_cast<uint16_t>(*vlan)};
    header.payload_offset += kVlanTagSize;
  }
  const auto port = context.control.FindPort(ingress);
  if (!port.ok()) return port.status();
  std::vector<std::byte> bytes;
  if (group) {
    auto made = HeaderOf(header, *group, from);
    if (!made.ok()) return made.status();
    header.type_or_length = static_cast<uint16_t>(
        group->find(':') == std::string::npos ? EtherType::kIpv4 : EtherType::kIpv6);
    bytes = *std::move(made);
  }
  auto trace = context.control.TraceFrame(*port, header, bytes);
  if (!trace.ok()) return trace.status();
  ExplainState(context.control, *port, *trace);
  if (size) {
    LimitKernelToMtu(context.control, header, *size, *trace);
    LimitToMtu(context.control, header, *size, *trace);
  }
  ExplainImpairments(context.control, *port, header, *trace);
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
