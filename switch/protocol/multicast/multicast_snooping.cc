#include "switch/protocol/multicast/multicast_snooping.h"

#include <algorithm>

#include "switch/forwarding/group_decision.h"
#include "switch/protocol/multicast/group_wire.h"
#include "switch/protocol/multicast/query_frame.h"

namespace tapswitch {
namespace {

template <size_t kSize>
void CountVersion(std::array<uint64_t, kSize>& counts, uint8_t version) {
  ++counts[std::min<size_t>(version, kSize - 1)];
}

}  // namespace

void MulticastSnooping::Configure(const MulticastSettings& settings, Tick now) {
  settings_ = settings;
  table_.SetOn(settings.snooping);
  table_.set_floods_unregistered(settings.floods_unregistered);
  table_.set_most_groups(settings.hash_max);
  if (!settings.snooping) {
    contexts_.clear();
    vlan_ports_.clear();
    witnesses_.Clear();
    deaf_ = fresh_ = unasked_ = {};
  }
  for (auto& [key, found] : contexts_) {
    if (!found.is_new) found.querier.Configure(settings.Of(key.vlan), OwnSource(key.is_v4), now);
    UpdateActive(key, found, now);
  }
  Reschedule(now);
}

void MulticastSnooping::AskAgain(Tick now) {
  for (auto& [key, found] : contexts_) found.querier.AskAgain(now);
  for (const auto& [key, found] : contexts_) UpdateActive(key, found, now);
  Reschedule(now);
}

ProtocolInterests MulticastSnooping::interests() const {
  if (!settings_.snooping) return {};
  const auto type = [](EtherType ether_type, uint8_t ip_protocol) {
    return ProtocolInterests::Type{.ether_type = static_cast<uint16_t>(ether_type),
                                   .ip_protocol = ip_protocol,
                                   .to_groups = true};
  };
  return {.types = {type(EtherType::kIpv4, GroupWire::kProtocolIgmp),
                    type(EtherType::kIpv4, GroupWire::kProtocolPim),
                    type(EtherType::kIpv6, GroupWire::kProtocolHopByHop),
                    type(EtherType::kIpv6, GroupWire::kProtocolPim)},
          .is_guarded = true};
}

SnoopedContext* MulticastSnooping::Find(VlanId vlan, bool is_v4) {
  const auto found = contexts_.find({vlan, is_v4});
  return found == contexts_.end() ? nullptr : &found->second;
}

IpAddress MulticastSnooping::OwnSource(bool is_v4) const {
  if (!is_v4) return LinkLocalOf(address_);
  return settings_.query_use_ifaddr ? settings_.querier_address : IpAddress::FromV4(0);
}

FilterTimers MulticastSnooping::TimersOf(const SnoopedContext& found, Tick now) {
  const VlanMulticast& settings = found.querier.settings();
  return {.now = now,
          .membership = settings.membership_interval,
          .last_member_interval = settings.last_member_interval,
          .last_member_count = settings.last_member_count,
          .asks = found.querier.asks(now)};
}

// ----- frames ------------------------------------------------------------------------------------

ProtocolVerdict MulticastSnooping::See(const ParsedFrame& frame, ProtocolContext& context) {
  if (!context.view.passes(context.view.masks(frame.as.vlan), frame.ingress) ||
      frame.header.source == address_) {
    return ProtocolVerdict::Pass();
  }
  GroupMessage message;
  const GroupReading reading = ReadGroupMessage(frame, message);
  if (reading == GroupReading::kMalformed) ++counters_.malformed;
  if (reading != GroupReading::kMessage) return ProtocolVerdict::Pass();
  Count(message);
  SnoopedContext* const found = Find(frame.as.vlan, message.is_v4);
  if (found == nullptr || found->is_new) return ProtocolVerdict::Pass();
  if (message.kind == GroupMessage::Kind::kQuery || message.kind == GroupMessage::Kind::kRouter) {
    OnQuery(message, frame, *found, context.now);
    return ProtocolVerdict::Pass();
  }
  return OnReport(message, frame, *found, context);
}

void MulticastSnooping::Count(const GroupMessage& message) {
  const bool is_v4 = message.is_v4;
  switch (message.kind) {
    case GroupMessage::Kind::kQuery:
      return is_v4 ? CountVersion(counters_.igmp_queries, message.version)
                   : CountVersion(counters_.mld_queries, message.version);
    case GroupMessage::Kind::kLeave:
      ++(is_v4 ? counters_.igmp_leaves : counters_.mld_leaves);
      return;
    case GroupMessage::Kind::kRouter:
      ++counters_.routers;
      return;
    default:
      return is_v4 ? CountVersion(counters_.igmp_reports, message.version)
                   : CountVersion(counters_.mld_reports, message.version);
  }
}

// Queries and what else tells of a router.
void MulticastSnooping::OnQuery(const GroupMessage& message, const ParsedFrame& frame,
                                SnoopedContext& found, Tick now) {
  const Key key{frame.as.vlan, message.is_v4};
  const VlanMulticast& settings = found.querier.settings();
  const bool is_query = message.kind == GroupMessage::Kind::kQuery;
  if (is_query) {
    found.querier.OnQuery(message.sender, frame.ingress, message.version, message.max_response,
                          now);
    const bool is_general = message.group.is_unspecified();
    if (is_general && !message.is_v4 && !found.check_answers_at) {
      found.check_answers_at = now + message.max_response + Ticks{100};
    }
    if (!is_general && !message.suppresses && !found.querier.asks(now)) {
      const uint64_t each = std::max<uint64_t>(message.max_response.centiseconds, 1);
      memberships_.OnQuery(message, frame.as.vlan, now + Ticks{each * settings.last_member_count});
    }
  }
  if (!is_query || !message.sender.is_unspecified()) {
    found.routers.Note(frame.ingress, now + settings.querier_interval);
    UpdateRouters(frame.as.vlan);
  }
  UpdateActive(key, found, now);
  Reschedule(now);
}

ProtocolVerdict MulticastSnooping::OnReport(const GroupMessage& message, const ParsedFrame& frame,
                                            SnoopedContext& found, ProtocolContext& context) {
  const Tick now = context.now;
  const VlanMulticast& settings = found.querier.settings();
  const FilterTimers timers = TimersOf(found, now);
  if (!message.is_v4 && message.kind != GroupMessage::Kind::kLeave) {
    witnesses_.Note(frame.ingress, frame.as.vlan, frame.header.source, timers.MembershipEnd(), now);
    next_proof_ = now;
  }
  const bool is_newest = message.is_v4 ? settings.igmp_version == 3 : settings.mld_version == 2;
  const bool tells = memberships_.Take(
      message, {.vlan = frame.as.vlan,
                .port = frame.ingress,
                .station = frame.header.source,
                .host = message.sender,
                .timers = timers,
                .tracks_sources = is_newest,
                .fast_leave = vlan_ports_[frame.as.vlan].fast_leave.contains(frame.ingress)});
  if (tells) {
    static_cast<void>(context.alarms.Raise({.kind = Alarm::Kind::kGroupLimit,
                                            .port = frame.ingress,
                                            .vlan = frame.as.vlan,
                                            .address = frame.header.source}));
  }
  if (!found.querier.is_active(now)) return ProtocolVerdict::Pass();
  const SnoopedVlan* const vlan = table_.vlan(frame.as.vlan);
  return ProtocolVerdict::Restrict(PortSet::All() - vlan->family(message.is_v4).routers,
                                   DropReason::kNoListener);
}

// ----- ports -------------------------------------------------------------------------------------

void MulticastSnooping::OnPorts(const ForwardingView& view) {
  const PortSet forwarding = view.ports() & view.gates().forwarding();
  const PortSet gone = forwarding_ - forwarding;
  const PortSet came = forwarding - forwarding_;
  forwarding_ = forwarding;
  if (!settings_.snooping) return;
  if (!contexts_.empty()) fresh_ |= came;
  if (!gone.empty()) ForgetPorts(gone);
  PortSet to_unicast;
  view.ports().ForEach([&](PortId port) {
    table_.SetMostRows(port, view.multicast(port).max_groups);
    if (view.multicast(port).to_unicast) to_unicast.insert(port);
  });
  table_.set_to_unicast(to_unicast);
  bool changed = !gone.empty();
  for (uint16_t id = kNoVlan.value; id <= kMostVlan.value; ++id) {
    const VlanId vlan{id};
    const bool is_there =
        view.filters_vlans() == (vlan != kNoVlan) && !view.masks(vlan).members.empty();
    changed |= is_there && settings_.Of(vlan).snooping ? SnoopIn(vlan, view) : StopIn(vlan);
  }
  if (changed) ForgetStrangers();
  next_ = Tick{};  // new contexts begin at the next tick
}

// True when the VLAN has other members than before.
bool MulticastSnooping::SnoopIn(VlanId vlan, const ForwardingView& view) {
  table_.Snoop(vlan);
  static_cast<void>(contexts_[{vlan, true}]);
  static_cast<void>(contexts_[{vlan, false}]);
  const bool is_new = !vlan_ports_.contains(vlan);
  VlanPorts& ports = vlan_ports_[vlan];
  const PortSet before = ports.members;
  ports = {.members = view.masks(vlan).members, .routers = {}, .never = {}, .fast_leave = {}};
  ports.members.ForEach([&](PortId port) {
    const auto& exceptions = view.exceptions(port);
    const auto own = std::find_if(exceptions.begin(), exceptions.end(),
                                  [&](const VlanForwarding& one) { return one.vlan == vlan; });
    const PortMulticast& of_port = view.multicast(port);
    const bool is_own = view.filters_vlans() && own != exceptions.end();
    const uint8_t router = is_own && own->mcast_router != 1 ? own->mcast_router : of_port.router;
    if (router == 0) ports.never.insert(port);
    if (router == 2 || router == 3) ports.routers.insert(port);
    if (of_port.fast_leave) ports.fast_leave.insert(port);
    table_.SetMostRows(port, vlan, is_own ? own->mcast_max_groups : 0);
  });
  UpdateRouters(vlan);
  if (!is_new) fresh_ |= ports.members - before;
  return ports.members != before;
}

// True when it was snooped before.
bool MulticastSnooping::StopIn(VlanId vlan) {
  if (vlan_ports_.erase(vlan) == 0) return false;
  contexts_.erase({vlan, true});
  contexts_.erase({vlan, false});
  table_.Unsnoop(vlan);
  return true;
}

void MulticastSnooping::ForgetPorts(const PortSet& ports) {
  table_.EraseIf([&](const GroupKey&, const GroupMember& member) {
    return ports.contains(member.port) && !member.permanent;
  });
  ports.ForEach([&](PortId port) {
    memberships_.Forget(port);
    witnesses_.Forget(port);
    table_.SetProven(port, std::nullopt);
    unanswered_[port.value] = {};
    deaf_.erase(port);
  });
  next_proof_ = {};
}

// Members that are not in the VLAN any more, and what was heard behind ports that are not.
void MulticastSnooping::ForgetStrangers() {
  const auto is_stranger = [&](VlanId vlan, PortId port) {
    const auto found = vlan_ports_.find(vlan);
    return found == vlan_ports_.end() || !found->second.members.contains(port);
  };
  table_.EraseIf([&](const GroupKey& key, const GroupMember& member) {
    return is_stranger(key.vlan, member.port) && !member.permanent;
  });
  for (auto& context : contexts_) {
    const VlanId vlan = context.first.vlan;
    SnoopedContext& found = context.second;
    const auto has_gone = [&](PortId port) {
      return is_stranger(vlan, port) || !forwarding_.contains(port);
    };
    found.routers.ports().ForEach([&](PortId port) {
      if (has_gone(port)) found.routers.Forget(port);
    });
    const HeardQuerier& other = found.querier.other();
    if (has_gone(other.port)) found.querier.Forget(other.port, other.last_heard);
    UpdateRouters(vlan);
  }
}

void MulticastSnooping::UpdateRouters(VlanId vlan) {
  const VlanPorts& ports = vlan_ports_[vlan];
  for (const bool is_v4 : {true, false}) {
    const SnoopedContext* const found = Find(vlan, is_v4);
    if (found == nullptr) continue;
    table_.Snoop(vlan).family(is_v4).routers =
        (found->routers.ports() | ports.routers) - ports.never;
  }
}

void MulticastSnooping::UpdateActive(const Key& key, const SnoopedContext& found, Tick now) {
  table_.Snoop(key.vlan).family(key.is_v4).is_active =
      !found.is_new && found.querier.is_active(now);
}

std::vector<SnoopedStatus> MulticastSnooping::Status(Tick now) const {
  std::vector<SnoopedStatus> all;
  for (const auto& [key, found] : contexts_) {
    const VlanMulticast& settings = found.querier.settings();
    all.push_back({.vlan = key.vlan,
                   .is_v4 = key.is_v4,
                   .is_active = found.querier.is_active(now),
                   .asks = found.querier.asks(now),
                   .version = key.is_v4 ? settings.igmp_version : settings.mld_version,
                   .own = found.querier.own(),
                   .other = found.querier.other(),
                   .rival = found.querier.rival(),
                   .routers = table_.vlan(key.vlan)->family(key.is_v4).routers,
                   .heard_routers = found.routers.heard()});
  }
  return all;
}

}  // namespace tapswitch
