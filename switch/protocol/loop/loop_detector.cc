#include "switch/protocol/loop/loop_detector.h"

#include <algorithm>

namespace tapswitch {
namespace {

// Rounds after which a probe is too old to tell anything: long for a network, and short for who has
// recorded it.
constexpr uint32_t kFreshRounds = 4;

// Periods without a probe that came back, after which a loop is a new one.
constexpr uint64_t kQuietPeriods = 3;

}  // namespace

void LoopDetector::Configure(const LoopDetection& settings, Tick now) {
  settings_ = settings;
  next_round_ = now;
  to_probe_ = {};
  std::ranges::fill(seen_, std::nullopt);
}

ProtocolInterests LoopDetector::interests() const {
  if (!settings_.is_on()) return {};
  return {.types = {{.ether_type = kLoopProbeType, .ip_protocol = {}}}};
}

void LoopDetector::OnPorts(const ForwardingView& view) {
  const PortSet forwarding = view.gates().forwarding() - view.mirror_destinations();
  SetPorts(forwarding, forwarding & view.loop_probing());
}

void LoopDetector::SetPorts(const PortSet& forwarding, const PortSet& probing) {
  // What is found on a port that is new, or forwards again, is news.
  (probing - probing_).ForEach([this](PortId port) { seen_[port.value].reset(); });
  forwarding_ = forwarding;
  probing_ = probing;
  to_probe_ &= probing;
}

std::optional<Tick> LoopDetector::next_deadline() const {
  if (!settings_.is_on() || probing_.empty()) return std::nullopt;
  return to_probe_.empty() ? next_round_ : Tick{};
}

void LoopDetector::OnTick(ProtocolContext& context) {
  if (!settings_.is_on()) return;
  if (to_probe_.empty() && context.now >= next_round_) {
    to_probe_ = probing_;
    ++sequence_;
    next_round_ = context.now + settings_.period;
  }
  if (to_probe_.empty()) return;
  PortSet sent;
  to_probe_.ForEach([&](PortId port) {
    const auto probe = MakeLoopProbe(sender_, {.port = port, .sequence = sequence_});
    if (context.originator.SendOnLink(port, probe)) {
      sent.insert(port);
      ++counters_.probes;
    }
  });
  to_probe_ -= sent;
}

ProtocolVerdict LoopDetector::See(const ParsedFrame& frame, ProtocolContext& context) {
  if (frame.header.type_or_length != kLoopProbeType) return ProtocolVerdict::Pass();
  const auto probe = ReadLoopProbe(sender_, frame.bytes.subspan(frame.header.payload_offset));
  if (!probe) return ProtocolVerdict::Pass();
  Judge(*probe, frame, context);
  return ProtocolVerdict::Consume(DropReason::kLoopProbe);
}

void LoopDetector::Judge(const LoopProbe& probe, const ParsedFrame& frame,
                         ProtocolContext& context) {
  const auto blamed = ToBlame(probe.port, frame.ingress);
  if (!blamed || sequence_ - probe.sequence >= kFreshRounds) return;
  // A cable between two VLANs is no loop.
  const EthernetHeader untagged{};
  if (context.view.Classify(probe.port, untagged).vlan != frame.as.vlan) return;

  const bool blocks = settings_.action == LoopDetection::Action::kBlock;
  const Alarm alarm{.kind = Alarm::Kind::kLoop,
                    .port = *blamed,
                    .other = *blamed == frame.ingress ? probe.port : frame.ingress,
                    .vlan = frame.as.vlan,
                    .shut_down = blocks,
                    .recovery = settings_.recovery};
  std::optional<Tick>& seen = seen_[blamed->value];
  const Ticks quiet{kQuietPeriods * settings_.period.centiseconds};
  const bool is_news = !seen || *seen + quiet < context.now;
  seen = context.now;
  if (is_news) ++counters_.loops;
  // One that does not get through is raised again; a port is shut down once, whatever is raised.
  if (is_news || blocks) context.alarms.Raise(alarm);
}

// The one of both that takes part, or else the higher one.
std::optional<PortId> LoopDetector::ToBlame(PortId sent, PortId received) const {
  if (!probing_.contains(sent) || !forwarding_.contains(received)) return std::nullopt;
  return probing_.contains(received) ? std::max(sent, received) : sent;
}

}  // namespace tapswitch
