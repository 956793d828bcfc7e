#include "switch/forwarding/bridge.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "switch/forwarding/decision.h"
#include "switch/forwarding/guards/source_checks.h"

namespace tapswitch {
namespace {

// Copies of a frame as it came. Out of line, as few frames need it.
[[gnu::noinline]] void MirrorReceived(const ForwardingView& view, const Frame& frame,
                                      EthernetHeader header, uint16_t index, EgressLists& egress) {
  const VlanId vlan = view.Classify(frame.ingress, header).vlan;
  view.copies_of_received(frame.ingress, vlan).ForEach([&](PortId mirror) {
    egress.Append(mirror, {.frame = index});
  });
}

// Copies of a frame as it leaves. One that leaves in two forms, by several ports, is copied to each
// destination as it leaves by the first that is mirrored there.
[[gnu::noinline]] void MirrorSent(const ForwardingView& view, const PortSet& leaves_by, VlanId vlan,
                                  const TagEdits& edits, uint16_t index, EgressLists& egress) {
  const PortSet& untagged = view.masks(vlan).untagged;
  PortSet done;
  leaves_by.ForEach([&](PortId port) {
    const PortSet to = view.copies_of_sent(port, vlan) - done;
    to.ForEach(
        [&](PortId mirror) { egress.Append(mirror, edits.Copy(index, untagged.contains(port))); });
    done |= to;
  });
}

[[gnu::noinline]] void MirrorSent(const ForwardingView& view, PortId leaves_by, VlanId vlan,
                                  const TagEdits& edits, uint16_t index, EgressLists& egress) {
  MirrorSent(view, PortSet::Of(leaves_by), vlan, edits, index, egress);
}

}  // namespace

Bridge::Bridge(const MacTable::Options& table)
    : table_(table),
      groups_(table.salt),
      gate_generations_(kMaxPorts),
      own_gates_(kMaxPorts),
      protocol_states_(kMaxPorts, PortState::kForwarding),
      port_guards_(table.salt),
      counters_(kMaxPorts) {
  table_.set_journal(&journal_);
}

PreparedView Bridge::Prepare(ForwardingView view) const {
  VlanCounterChange counters = vlan_counters_.Plan(view_, view);
  return {.view = std::move(view), .counters = std::move(counters)};
}

void Bridge::SwapView(PreparedView& prepared) {
  prepared.view.SetGates(view_.gates());
  std::swap(view_, prepared.view);
  ++view_generation_;
  journal_.Record({.kind = Change::Kind::kView});
  vlan_counters_.Apply(prepared.counters);
}

void Bridge::SetView(ForwardingView view) {
  const GateMasks gates = view.gates();
  PreparedView prepared = Prepare(std::move(view));
  SwapView(prepared);
  view_.SetGates(gates);
  view_.ports().ForEach([this](PortId port) {
    SetGate(port, {.state = view_.wanted_state(port), .is_shut_down = view_.is_shut_down(port)});
  });
  TellProtocols();
}

void Bridge::SetGate(PortId port, PortGate gate) {
  const bool was_open = own_gates_[port.value].state != PortState::kDisabled;
  own_gates_[port.value] = gate;
  if (was_open && gate.state == PortState::kDisabled) {
    protocol_states_[port.value] = initial_state_;
    protocols_.OnClosed(port);
  }
  ApplyGate(port);
}

void Bridge::SetState(PortId port, PortState state) {
  protocol_states_[port.value] = state;
  protocol_gates_changed_ = true;
  ApplyGate(port);
}

void Bridge::SetInitialState(PortState state) {
  initial_state_ = state;
  for (uint16_t id = 0; id < kMaxPorts; ++id) SetState({id}, state);
}

void Bridge::ApplyGate(PortId port) {
  const PortGate gate{.state = state(port), .is_shut_down = own_gates_[port.value].is_shut_down};
  if (!view_.SetGate(port, gate)) return;
  ++gate_generations_[port.value];
  // Whether its mirrors look at anything (ForwardingView::is_observed) concerns all ports.
  if (view_.is_mirror_destination(port)) ++view_generation_;
  journal_.Record({.kind = Change::Kind::kGate, .gate = gate.state, .entry = {.port = port}});
}

void Bridge::TellProtocols() {
  if (protocols_.OnPorts(view_)) ++view_generation_;
}

void Bridge::TickProtocols(Tick now, OriginatedFrames& originated) {
  Originator originator(view_, vlan_counters_, originated);
  ProtocolContext context{view_, table_, now, port_guards_.alarms(), originator, this};
  protocols_.OnTick(context);
}

void Bridge::Process(std::span<const Frame> frames, Tick now, EgressLists& egress,
                     std::span<PortCounters> all_counters) {
  // Addresses in random order miss the cache twice a frame; asking for the slots a few frames ahead
  // hides that.
  constexpr size_t kAhead = 8;
  originated_ = &egress.originated();
  for (size_t i = 0; i < std::min(kAhead, frames.size()); ++i) Prefetch(frames[i]);
  RepeatedDecision decision;
  for (size_t i = 0; i < frames.size(); ++i) {
    const size_t later = i + kAhead;
    if (later < frames.size() && !AreAlike(frames[later - 1], frames[later])) {
      Prefetch(frames[later]);
    }
    const Frame& frame = frames[i];
    PortCounters& counters = all_counters[frame.ingress.value];
    const auto index = static_cast<uint16_t>(i);
    if (decision.may_be_repeated && AreAlike(frames[i - 1], frame)) {
      Repeat(decision, frame, index, egress);
      ++counters.forwarded;
      continue;
    }
    decision.may_be_repeated = false;
    const bool goes_on = i + 1 < frames.size() && AreAlike(frame, frames[i + 1]);
    const auto drop =
        ProcessFrame(frame, index, now, counters, egress, goes_on ? &decision : nullptr);
    if (drop) {
      counters.Drop(*drop);
    } else {
      ++counters.forwarded;
    }
  }
}

// Inline, as edits are then made where they are used: what is handed over in a register is written
// in parts and read as one word, which waits for all writes before it.
[[gnu::always_inline]] inline void Bridge::SendBy(PortId port, const Frame& frame, uint16_t index,
                                                  VlanId vlan, const TagEdits& edits,
                                                  EgressLists& egress) {
  if (view_.filters_vlans()) vlan_counters_.of(vlan, port).sent.Add(frame.bytes().size());
  egress.Append(port, edits.Copy(index, view_.masks(vlan).untagged.contains(port)));
}

void Bridge::Repeat(const RepeatedDecision& decision, const Frame& frame, uint16_t index,
                    EgressLists& egress) {
  if (view_.filters_vlans()) {
    const size_t size = frame.bytes().size();
    if (decision.counts_received) {
      vlan_counters_.of(decision.vlan, frame.ingress).received.Add(size);
    }
    vlan_counters_.of(decision.vlan, decision.egress).sent.Add(size);
  }
  EgressFrame copy = decision.copy;
  copy.frame = index;
  egress.Append(decision.egress, copy);
}

// parse -> admit (-> screen) -> learn -> decide -> group; mirrors look on, at both ends.
std::optional<DropReason> Bridge::ProcessFrame(const Frame& frame, uint16_t index, Tick now,
                                               PortCounters& counters, EgressLists& egress,
                                               RepeatedDecision* repeated) {
  const auto header = ParseHeader(frame.bytes());
  if (!header) return DropReason::kRunt;

  const bool is_mirrored = view_.is_mirrored(frame.ingress);
  if (is_mirrored) [[unlikely]]
    MirrorReceived(view_, frame, *header, index, egress);

  if (const auto refused = Admit(view_, frame.ingress, *header)) {
    return Refuse(frame, *header, *refused, now);
  }
  if (protocols_.wants_reserved() && header->destination.is_reserved()) [[unlikely]] {
    if (const auto consumed = ShowReserved(frame, *header, now)) return consumed;
  }

  const Classification as = view_.Classify(frame.ingress, *header);
  const VlanMasks& masks = view_.masks(as.vlan);
  const bool counts_received = view_.filters_vlans() && masks.members.contains(frame.ingress);
  if (counts_received) {
    vlan_counters_.of(as.vlan, frame.ingress).received.Add(frame.bytes().size());
  }
  bool is_plain = !is_mirrored;  // nothing but its header decided
  if (view_.is_screened(frame.ingress) ||
      protocols_.may_want(header->type_or_length, header->destination)) [[unlikely]] {
    is_plain = false;
    if (const auto refused = Screen(frame, *header, as, now, counters)) return refused;
  }
  if (view_.learns(masks, frame.ingress) && TeachesSource(*header)) {
    const LearnResult result = table_.Learn(as.vlan, header->source, frame.ingress, now);
    if (result != LearnResult::kRefreshed) [[unlikely]] {
      is_plain = false;
      if (const auto refused = OnLearned(frame, *header, as, result, now, counters)) return refused;
    }
  }

  const Decision decision =
      Decide(view_, table_, frame.ingress, as, *header, now, {&groups_, frame.bytes()});
  if (decision.action == Decision::Action::kDrop) {
    if (decision.reason == DropReason::kNoListener) [[unlikely]]
      NoteUnwanted(frame, *header, as, now);
    return decision.reason;
  }
  if (decision.action == Decision::Action::kFlood) {
    // A copy, so that the decision itself can stay in registers.
    const PortSet flood = decision.flood;
    return Flood(frame, *header, index, as, flood, now, counters, egress);
  }
  const TagEdits edits(view_, *header, as);
  SendBy(decision.egress, frame, index, as.vlan, edits, egress);
  if (is_plain && repeated != nullptr) {
    *repeated = {.may_be_repeated = true,
                 .counts_received = counts_received,
                 .egress = decision.egress,
                 .vlan = as.vlan,
                 .copy = edits.Copy(index, masks.untagged.contains(decision.egress))};
  }
  if (is_mirrored) [[unlikely]] {
    MirrorSent(view_, decision.egress, as.vlan, edits, index, egress);
  }
  return std::nullopt;
}

// What few ports want of floods comes first: no questions that the bridge has answered, no storms.
std::optional<DropReason> Bridge::Flood(const Frame& frame, EthernetHeader header, uint16_t index,
                                        Classification as, PortSet ports, Tick now,
                                        PortCounters& counters, EgressLists& egress) {
  if (protocols_.may_want(header.type_or_length, header.destination)) {
    ports -= verdict_.excluded;
    if (ports.empty()) return verdict_.reason;
  }
  if (view_.limits_storms(frame.ingress)) [[unlikely]] {
    if (const auto refused = CheckFlood(frame, header, as, now, counters)) return refused;
  }
  const TagEdits edits(view_, header, as);
  const auto send = [&](PortId port) { SendBy(port, frame, index, as.vlan, edits, egress); };
  if (groups_.is_on() && header.destination.is_multicast() && !groups_.to_unicast().empty())
      [[unlikely]] {
    (ports - SendToHosts(frame, header, index, as, ports & groups_.to_unicast(), now, egress))
        .ForEach(send);
  } else {
    ports.ForEach(send);
  }
  if (view_.is_mirrored(frame.ingress)) [[unlikely]] {
    MirrorSent(view_, ports, as.vlan, edits, index, egress);
  }
  return std::nullopt;
}

// True when the frame is consumed, for verdict_.reason.
bool Bridge::Show(Protocols::Bits who, const ParsedFrame& frame, Tick now) {
  if (who == 0) return false;
  Originator originator(view_, vlan_counters_, *originated_);
  ProtocolContext context{view_, table_, now, port_guards_.alarms(), originator, this};
  return protocols_.Show(who, frame, context, verdict_);
}

// Why a frame is not admitted. One to a reserved address is first given to the protocol that runs.
DropReason Bridge::Refuse(const Frame& frame, EthernetHeader header, DropReason reason, Tick now) {
  if (reason != DropReason::kReservedAddress) return reason;
  return ShowReserved(frame, header, now).value_or(reason);
}

std::optional<DropReason> Bridge::ShowReserved(const Frame& frame, EthernetHeader header,
                                               Tick now) {
  verdict_ = ProtocolVerdict::Pass();
  const bool may_see = view_.gates().enabled().contains(frame.ingress) &&
                       !view_.is_mirror_destination(frame.ingress);
  if (!may_see) return std::nullopt;
  const ParsedFrame parsed{frame.ingress, view_.Classify(frame.ingress, header), header,
                           frame.bytes()};
  const bool is_consumed = Show(protocols_.ReservedWantedBy(header.destination), parsed, now);
  return is_consumed ? std::optional(verdict_.reason) : std::nullopt;
}

// Protocols that take what is theirs from anybody; the port's guards; protocols that believe only
// who is let in. Whether the port's state and VLANs let the frame in is for the decision to say.
std::optional<DropReason> Bridge::Screen(const Frame& frame, EthernetHeader header,
                                         Classification as, Tick now, PortCounters& counters) {
  verdict_ = ProtocolVerdict::Pass();
  const PortId ingress = frame.ingress;
  if (!view_.gates().learning().contains(ingress) || view_.is_mirror_destination(ingress)) {
    return std::nullopt;
  }
  const ParsedFrame parsed{ingress, as, header, frame.bytes(), frame.offload.needs_checksum};
  const Protocols::Bits who = protocols_.WantedBy(parsed);
  const auto at_once = static_cast<Protocols::Bits>(who & ~protocols_.guarded());
  const auto guarded = static_cast<Protocols::Bits>(who & protocols_.guarded());
  if (Show(at_once, parsed, now)) return verdict_.reason;
  if (!view_.masks(as.vlan).members.contains(ingress)) return std::nullopt;
  if (view_.is_screened(ingress)) {
    const auto refused = port_guards_.Check(view_, table_, parsed, now, counters);
    if (refused) return refused;
  }
  if (Show(guarded, parsed, now)) return verdict_.reason;
  return std::nullopt;
}

std::optional<DropReason> Bridge::OnLearned(const Frame& frame, EthernetHeader header,
                                            Classification as, LearnResult result, Tick now,
                                            PortCounters& counters) {
  counters.Learned(result);
  if (result == LearnResult::kLearned) return std::nullopt;
  return port_guards_.OnLearned(view_, table_, {frame.ingress, as, header, frame.bytes()}, result,
                                now);
}

std::optional<DropReason> Bridge::CheckFlood(const Frame& frame, EthernetHeader header,
                                             Classification as, Tick now, PortCounters& counters) {
  return port_guards_.CheckFlood(view_, table_, {frame.ingress, as, header, frame.bytes()}, frame,
                                 now, counters);
}

PortSet Bridge::SendToHosts(const Frame& frame, EthernetHeader header, uint16_t index,
                            Classification as, const PortSet& ports, Tick now,
                            EgressLists& egress) {
  PortSet seen_to;
  if (IsBehindPayloadTag(header, as)) return seen_to;
  const VlanMasks& masks = view_.masks(as.vlan);
  const GroupFlow flow = ReadGroupFlow(header, frame.bytes());
  const PortSet wanting = ports & PortsOfMembersAlone(groups_, table_, masks, as.vlan, flow);
  if (wanting.empty()) return seen_to;
  const TagEdits edits(view_, header, as);
  for (const GroupMember& member : groups_.Find({as.vlan, flow.group})->members()) {
    if (!wanting.contains(member.port)) continue;
    const EgressFrame copy = edits.Copy(index, masks.untagged.contains(member.port));
    if (SendToHostsOf(member, frame, header, copy, as.vlan, now, egress)) {
      seen_to.insert(member.port);
    }
  }
  return seen_to;
}

// False when one copy has to do for all, as hosts may be unknown, or are too many.
bool Bridge::SendToHostsOf(const GroupMember& member, const Frame& frame, EthernetHeader header,
                           EgressFrame copy, VlanId vlan, Tick now, EgressLists& egress) {
  if (!member.hosts_are_all || member.hosts.empty() || member.permanent ||
      !egress.has_room(member.port, member.hosts.size())) {
    return false;
  }
  std::array<uint8_t, GroupMember::kMostHosts> receivers{};
  size_t count = 0;
  for (const GroupHost& host : member.hosts) {
    const bool is_sender = host.mac == header.source && member.port == frame.ingress;
    if (host.until <= now || is_sender) continue;
    const uint8_t receiver = egress.NumberOf(host.mac);
    if (receiver == 0) return false;
    const auto known = std::span(receivers).first(count);
    if (std::ranges::find(known, receiver) == known.end()) receivers[count++] = receiver;
  }
  for (const uint8_t receiver : std::span(receivers).first(count)) {
    copy.receiver = receiver;
    if (view_.filters_vlans()) vlan_counters_.of(vlan, member.port).sent.Add(frame.bytes().size());
    egress.Append(member.port, copy);
  }
  return count > 0;
}

void Bridge::NoteUnwanted(const Frame& frame, EthernetHeader header, Classification as, Tick now) {
  const GroupFlow flow = ReadGroupFlow(header, frame.bytes());
  groups_.NoteUnwanted({.key = {as.vlan, flow.group},
                        .source = flow.source,
                        .port = frame.ingress,
                        .last_seen = now});
}

void Bridge::Prefetch(const Frame& frame) const {
  const auto bytes = frame.bytes();
  if (bytes.size() < kEthernetHeaderSize) return;
  // All frames of a bridge that does not filter VLANs are in the same one. What is read here is a
  // hint only, and read again when the frame's turn comes.
  VlanId vlan = kNoVlan;
  if (view_.filters_vlans()) {
    const auto header = ParseHeader(bytes);
    if (!header) return;
    vlan = view_.Classify(frame.ingress, *header).vlan;
  }
  table_.Prefetch(vlan, MacAddress::FromBytes(bytes.first<kMacAddressSize>()));
  table_.Prefetch(vlan, MacAddress::FromBytes(bytes.subspan<kMacAddressSize, kMacAddressSize>()));
}

}  // namespace tapswitch
