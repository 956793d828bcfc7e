#include "switch/protocol/multicast/memberships.h"

#include <algorithm>

#include "switch/forwarding/fdb/group_address.h"

namespace tapswitch {
namespace {

using Sources = std::vector<IpAddress>;
using Author = MulticastTable::Author;
using Budget = MulticastTable::Budget;

// Groups that are not reported, or never withheld anyway.
bool IsTracked(IpAddress group) {
  if (!group.is_multicast() || IsLocalGroupV4(group) || IsAllNodes(group)) return false;
  const bool is_of_interface = !group.is_v4() && ((group.high() >> 48U) & 0xFU) <= 1;
  return !is_of_interface;
}

// Those that can be sources, each once; one more than can be tracked at most.
Sources SourcesOf(const AddressList& list) {
  Sources sources;
  for (size_t i = 0; i < list.size() && sources.size() <= GroupMember::kMostSources; ++i) {
    const IpAddress source = list.at(i);
    if (source.is_unspecified() || source.is_multicast()) continue;
    if (std::find(sources.begin(), sources.end(), source) == sources.end()) {
      sources.push_back(source);
    }
  }
  return sources;
}

bool IsHost(const GroupHost& host, const ReportOrigin& origin) {
  return host.address == origin.host && host.mac == origin.station;
}

void NoteHost(const ReportOrigin& origin, GroupMember& member) {
  const Tick until = origin.timers.MembershipEnd();
  for (GroupHost& host : member.hosts) {
    if (!IsHost(host, origin)) continue;
    host.until = until;
    return;
  }
  std::erase_if(member.hosts,
                [&](const GroupHost& host) { return host.until <= origin.timers.now; });
  if (member.hosts.size() < GroupMember::kMostHosts) {
    member.hosts.push_back({.address = origin.host, .mac = origin.station, .until = until});
  } else {
    member.hosts_are_all = false;
  }
}

// Whether nobody else is known to be there who wants the group.
bool IsLastHost(const ReportOrigin& origin, GroupMember& member) {
  std::erase_if(member.hosts, [&](const GroupHost& host) {
    return host.until <= origin.timers.now || IsHost(host, origin);
  });
  return member.hosts.empty() && member.hosts_are_all;
}

}  // namespace

bool Memberships::Take(const GroupMessage& message, const ReportOrigin& origin) {
  tells_ = false;
  switch (message.kind) {
    case GroupMessage::Kind::kReport:
      if (MayLookAt(1, origin)) {
        Apply(RecordType::kIsExclude, {}, message.group, message.version, origin);
      }
      break;
    case GroupMessage::Kind::kLeave:
      if (MayLookAt(1, origin)) Leave(message.group, origin);
      break;
    case GroupMessage::Kind::kRecords:
      TakeRecords(message, origin);
      break;
    default:
      break;
  }
  return tells_;
}

void Memberships::TakeRecords(const GroupMessage& message, const ReportOrigin& origin) {
  RecordReader reader(message);
  while (const auto record = reader.Next()) {
    if (!MayLookAt(1, origin)) return;
    TakeRecord(*record, origin);
  }
  if (reader.was_cut()) Overload(origin, 1);
}

void Memberships::TakeRecord(const GroupRecord& record, const ReportOrigin& origin) {
  const bool includes =
      record.type == RecordType::kIsInclude || record.type == RecordType::kToInclude;
  if (includes && record.sources.size() == 0) return Leave(record.group, origin);
  constexpr uint8_t kNewest = 3;
  if (origin.tracks_sources) {
    return Apply(record.type, SourcesOf(record.sources), record.group, kNewest, origin);
  }
  // Sources could not be asked for: whoever wants some gets all.
  if (record.type == RecordType::kBlock) return;
  Apply(RecordType::kIsExclude, {}, record.group, kNewest, origin);
}

void Memberships::Apply(RecordType type, const Sources& sources, IpAddress group, uint8_t version,
                        const ReportOrigin& origin) {
  if (!IsTracked(group)) return;
  const FilterTimers& timers = origin.timers;
  const auto refusal = table_.Edit({origin.vlan, GroupAddress::Of(group)}, origin.port,
                                   Author::kReport, [&](GroupMember& member, Budget& budget) {
                                     if (type != RecordType::kBlock) NoteHost(origin, member);
                                     if (member.permanent) return;
                                     if (version == 1 && group.is_v4())
                                       member.version_1_until = timers.MembershipEnd();
                                     const uint8_t newest = 3;
                                     if (version < newest)
                                       member.version_2_until = timers.MembershipEnd();
                                     ApplyRecord(type, sources, timers, member, budget);
                                   });
  if (refusal != MulticastTable::Refusal::kNone) OnRefused(refusal, origin);
}

void Memberships::Leave(IpAddress group, const ReportOrigin& origin) {
  const GroupKey key{origin.vlan, GroupAddress::Of(group)};
  const GroupMember* const known = table_.FindMember(key, origin.port);
  if (known == nullptr || known->permanent) return;
  table_.KeepKnown(key, origin.timers.MembershipEnd());
  static_cast<void>(
      table_.Edit(key, origin.port, Author::kReport, [&](GroupMember& member, Budget&) {
        const bool is_last = IsLastHost(origin, member);
        if (origin.fast_leave && is_last) {
          member.has_star = false;
          member.sources.clear();
        } else {
          ApplyLeave(origin.timers, member);
        }
      }));
}

void Memberships::OnQuery(const GroupMessage& message, VlanId vlan, Tick end) {
  const GroupKey key{vlan, GroupAddress::Of(message.group)};
  const MulticastGroup* const group = table_.Find(key);
  if (group == nullptr) return;
  const Sources sources = SourcesOf(message.sources);
  PortSet ports;
  for (const GroupMember& member : group->members()) ports.insert(member.port);
  table_.KeepKnown(key, end);
  ports.ForEach([&](PortId port) {
    static_cast<void>(table_.Edit(key, port, Author::kReport, [&](GroupMember& member, Budget&) {
      ApplyQuery(end, sources, member);
    }));
  });
}

void Memberships::Forget(PortId port) {
  ports_[port.value] = {};
  counters_.refused_by_port[port.value] = 0;
  table_.SetCrowded(port, false);
}

Memberships::Refused Memberships::RememberRefused(PortId port) const {
  const PortState& state = ports_[port.value];
  return {.count = counters_.refused_by_port[port.value],
          .is_crowded = table_.crowded().contains(port),
          .flooded_until = state.flooded_until,
          .told_until = state.told_until};
}

void Memberships::RestoreRefused(PortId port, const Refused& refused) {
  counters_.refused_by_port[port.value] = refused.count;
  ports_[port.value].flooded_until = refused.flooded_until;
  ports_[port.value].told_until = refused.told_until;
  table_.SetCrowded(port, refused.is_crowded);
}

void Memberships::EndFlooding(Tick now) {
  const PortSet crowded = table_.crowded();
  crowded.ForEach([&](PortId port) {
    if (ports_[port.value].flooded_until <= now) table_.SetCrowded(port, false);
  });
}

// What a port has not been heard to say is not known, so everything goes there.
void Memberships::Overload(const ReportOrigin& origin, uint64_t records) {
  counters_.too_many += records;
  OnRefused(MulticastTable::Refusal::kFull, origin);
}

void Memberships::OnRefused(MulticastTable::Refusal refusal, const ReportOrigin& origin) {
  constexpr Ticks kTellEach{6000};
  PortState& port = ports_[origin.port.value];
  ++counters_.refused;
  ++counters_.refused_by_port[origin.port.value];
  const bool is_limit_of_port = refusal == MulticastTable::Refusal::kPortLimit ||
                                refusal == MulticastTable::Refusal::kVlanLimit;
  if (!is_limit_of_port) {
    port.flooded_until = origin.timers.MembershipEnd();
    table_.SetCrowded(origin.port, true);
  }
  if (origin.timers.now < port.told_until) return;
  port.told_until = origin.timers.now + kTellEach;
  tells_ = true;
}

bool Memberships::MayLookAt(size_t records, const ReportOrigin& origin) {
  constexpr uint64_t kWindow = 10;  // hundredths of a second
  PortState& port = ports_[origin.port.value];
  const uint64_t window = origin.timers.now.centiseconds / kWindow;
  if (port.window != window) port = {window, 0, port.flooded_until, port.told_until};
  if (port.records >= kMostRecords) {
    Overload(origin, records);
    return false;
  }
  port.records += static_cast<uint32_t>(records);
  return true;
}

}  // namespace tapswitch
