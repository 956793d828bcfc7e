// The part of MulticastSnooping that time drives: queries, what expires, and who has not answered.

#include <algorithm>
#include <utility>

#include "switch/forwarding/group_decision.h"
#include "switch/protocol/multicast/multicast_snooping.h"
#include "switch/protocol/multicast/query_frame.h"

namespace tapswitch {
namespace {

// Memberships that a turn looks at, so that frames do not wait for it.
constexpr size_t kDueAtOnce = 1024;

constexpr Ticks kProofInterval{100};
constexpr uint8_t kDeafAfter = 2;  // queries without an answer

}  // namespace

void MulticastSnooping::OnTick(ProtocolContext& context) {
  if (!settings_.snooping) return;
  const auto due = table_.next_deadline();
  if (due && *due <= context.now) DriveMemberships(context);
  if (next_ && *next_ <= context.now) DriveContexts(context);
  if (next_proof_ <= context.now) ProvePorts(context);
}

std::optional<Tick> MulticastSnooping::next_deadline() const {
  if (!settings_.snooping) return std::nullopt;
  const auto due = table_.next_deadline();
  if (!due || !next_) return due ? due : next_;
  return std::min(*due, *next_);
}

void MulticastSnooping::DriveMemberships(ProtocolContext& context) {
  table_.VisitDue(context.now, kDueAtOnce, [&](const GroupKey& key, PortId port) {
    const SnoopedContext* const found = Find(key.vlan, key.group.is_v4());
    FilterTimers timers{.now = context.now};
    if (found != nullptr) timers = TimersOf(*found, context.now);
    DueAsks asks;
    table_.KeepKnown(key, timers.MembershipEnd());
    static_cast<void>(table_.Edit(key, port, MulticastTable::Author::kReport,
                                  [&](GroupMember& member, MulticastTable::Budget&) {
                                    Expire(context.now, member);
                                    asks = TakeDueAsks(timers, member);
                                  }));
    if (!asks.empty() && found != nullptr) SendAsks(key, port, asks, context);
  });
}

// When there is no room for a query, nobody is given up for not having answered it.
void MulticastSnooping::SendAsks(const GroupKey& key, PortId port, const DueAsks& asks,
                                 ProtocolContext& context) {
  const SnoopedContext& found = *Find(key.vlan, key.group.is_v4());
  const Key of_context{key.vlan, key.group.is_v4()};
  const PortSet only = PortSet::Of(port);
  bool sent = true;
  if (asks.group) sent &= SendQuery(of_context, found, only, key.group.ip, {}, context);
  if (!asks.sources.empty()) {
    sent &= SendQuery(of_context, found, only, key.group.ip, asks.sources, context);
  }
  if (sent) return;
  const FilterTimers timers = TimersOf(found, context.now);
  static_cast<void>(
      table_.Edit(key, port, MulticastTable::Author::kReport,
                  [&](GroupMember& member, MulticastTable::Budget&) {
                    const auto again = [&](PendingAsk& ask, Tick& until) {
                      if (until == Tick{}) return;
                      ask = {.left = static_cast<uint8_t>(std::min(255, ask.left + 1)),
                             .next = context.now + Ticks{1}};
                      until = std::max(until, timers.LastMemberEnd());
                    };
                    if (asks.group) again(member.ask, member.until);
                    for (GroupSource& source : member.sources) {
                      const bool was_asked = std::find(asks.sources.begin(), asks.sources.end(),
                                                       source.address) != asks.sources.end();
                      if (was_asked) again(source.ask, source.until);
                    }
                  }));
}

void MulticastSnooping::DriveContexts(ProtocolContext& context) {
  for (auto& [key, found] : contexts_) {
    const auto next = found.next_deadline(context.now);
    if (next && *next <= context.now) Drive(key, found, context);
    UpdateActive(key, found, context.now);
  }
  AskFresh(context);
  EndFlooding(context.now);
  Reschedule(context.now);
}

// Where nobody asks, nothing is withheld either.
void MulticastSnooping::AskFresh(ProtocolContext& context) {
  const PortSet fresh = std::exchange(fresh_, {}) & forwarding_;
  if (fresh.empty()) return;
  Tick until = context.now;
  for (const auto& [key, found] : contexts_) {
    const PortSet ports = fresh & vlan_ports_[key.vlan].members;
    const bool asks = found.querier.asks(context.now);
    if (ports.empty() || (!asks && !found.querier.is_active(context.now))) continue;
    const VlanMulticast& settings = found.querier.settings();
    const bool asked = asks && SendQuery(key, found, ports, {}, {}, context);
    const Tick next = context.now + (asked ? Ticks{} : settings.query_interval);
    until = std::max(until, next + settings.query_response_interval);
  }
  fresh.ForEach([&](PortId port) { unasked_until_[port.value] = until; });
  unasked_ |= fresh;
  table_.SetUnasked(unasked_);
}

void MulticastSnooping::EndFlooding(Tick now) {
  memberships_.EndFlooding(now);
  const PortSet before = unasked_;
  before.ForEach([&](PortId port) {
    if (unasked_until_[port.value] <= now) unasked_.erase(port);
  });
  if (unasked_ != before) table_.SetUnasked(unasked_);
}

void MulticastSnooping::Drive(const Key& key, SnoopedContext& found, ProtocolContext& context) {
  const Tick now = context.now;
  if (found.is_new) {
    found.is_new = false;
    found.querier.Configure(settings_.Of(key.vlan), OwnSource(key.is_v4), now);
  }
  if (found.querier.TakeDue(now)) {
    const bool has_ports =
        !(context.view.masks(key.vlan).forwarding & context.view.gates().forwarding()).empty();
    const bool sent = SendQuery(key, found, PortSet::All(), {}, {}, context);
    if (has_ports && !sent) found.querier.Retry(now);
    if (sent && !key.is_v4 && !found.check_answers_at) {
      found.check_answers_at = now + found.querier.settings().query_response_interval + Ticks{100};
    }
  }
  if (found.check_answers_at && *found.check_answers_at <= now) {
    found.check_answers_at.reset();
    CheckAnswers(key.vlan, found.querier.settings().query_response_interval, context);
  }
  found.routers.Expire(now);
  UpdateRouters(key.vlan);
}

bool MulticastSnooping::SendQuery(const Key& key, const SnoopedContext& found, const PortSet& ports,
                                  IpAddress group, std::span<const IpAddress> sources,
                                  ProtocolContext& context) {
  const VlanMulticast& settings = found.querier.settings();
  const bool is_general = group == IpAddress();
  const QueryFrame frame({.is_v4 = key.is_v4,
                          .version = key.is_v4 ? settings.igmp_version : settings.mld_version,
                          .bridge = address_,
                          .source = found.querier.own(),
                          .group = group,
                          .sources = sources,
                          .max_response = is_general ? settings.query_response_interval
                                                     : settings.last_member_interval,
                          .query_interval = settings.query_interval});
  const PortSet sent = context.originator.Send(key.vlan, frame.bytes(), ports);
  ++(key.is_v4 ? counters_.sent_igmp_queries : counters_.sent_mld_queries);
  return !sent.empty();
}

// A port is proved while all its stations speak MLD. It is looked at again as stations come and go.
void MulticastSnooping::ProvePorts(ProtocolContext& context) {
  next_proof_ = context.now + kProofInterval;
  forwarding_.ForEach([&](PortId port) {
    if (!witnesses_.HasAny(port)) return;
    const bool is_proved = witnesses_.Prove(port, context.table, context.now);
    table_.SetProven(port,
                     is_proved ? std::optional(StationsStamp(context.table, port)) : std::nullopt);
    if (!is_proved) return;
    unanswered_[port.value] = {};
    deaf_.erase(port);
  });
}

// A port that is in several VLANs was asked once, even if each of them was.
void MulticastSnooping::CheckAnswers(VlanId vlan, Ticks response, ProtocolContext& context) {
  ProvePorts(context);
  const PortSet silent = (vlan_ports_[vlan].members & forwarding_) - table_.proven();
  silent.ForEach([&](PortId port) {
    if (context.table.learned(port) == 0 || deaf_.contains(port)) return;
    Unanswered& unanswered = unanswered_[port.value];
    if (unanswered.queries > 0 && context.now < unanswered.counted + response) return;
    unanswered.counted = context.now;
    if (++unanswered.queries < kDeafAfter) return;
    deaf_.insert(port);
    static_cast<void>(
        context.alarms.Raise({.kind = Alarm::Kind::kMldDeaf, .port = port, .vlan = vlan}));
  });
}

void MulticastSnooping::Reschedule(Tick now) {
  next_.reset();
  for (const auto& [key, found] : contexts_) {
    const auto deadline = found.next_deadline(now);
    if (deadline) next_ = std::min(next_.value_or(*deadline), *deadline);
  }
  unasked_.ForEach([&](PortId port) {
    const Tick until = unasked_until_[port.value];
    next_ = std::min(next_.value_or(until), until);
  });
}

}  // namespace tapswitch
