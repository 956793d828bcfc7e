#include "switch/forwarding/fdb/multicast_table.h"

#include <limits>

namespace tapswitch {
namespace {

constexpr Tick kNever{};

// Of the groups that there may be, this part may be there without members.
constexpr uint32_t kKnownShare = 4;

uint32_t VlanPort(VlanId vlan, PortId port) { return uint32_t{vlan.value} << 16U | port.value; }

Tick Earlier(Tick a, Tick b) {
  if (a == kNever || b == kNever) return std::max(a, b);
  return std::min(a, b);
}

Tick DueOf(const PendingAsk& ask) { return ask.left == 0 ? kNever : ask.next; }

// When something about the member is to be done.
Tick DueOf(const GroupMember& member) {
  Tick due = Earlier(member.until, DueOf(member.ask));
  for (const GroupSource& source : member.sources) {
    due = Earlier(due, Earlier(source.until, DueOf(source.ask)));
  }
  return due;
}

size_t Left(size_t most, size_t used) { return most - std::min(most, used); }

}  // namespace

const MulticastGroup* MulticastTable::Find(const GroupKey& key) const {
  const auto found = groups_.find(key);
  return found == groups_.end() ? nullptr : &found->second;
}

const GroupMember* MulticastTable::FindMember(const GroupKey& key, PortId port) const {
  const MulticastGroup* const group = Find(key);
  return group == nullptr ? nullptr : group->Find(port);
}

void MulticastTable::SetOn(bool is_on) {
  if (is_on == this->is_on()) return;
  vlans_.clear();
  flooded_ = crowded_ = unasked_ = {};
  to_unicast_ = {};
  proven_ = {};
  if (is_on) {
    vlans_.resize(kVlanCount);
    return;
  }
  EraseIf([](const GroupKey&, const GroupMember& member) {
    return member.made_by == kMadeByReport && !member.permanent;
  });
}

SnoopedVlan& MulticastTable::Snoop(VlanId id) {
  auto& vlan = vlans_[id.value];
  if (vlan == nullptr) vlan = std::make_unique<SnoopedVlan>();
  return *vlan;
}

void MulticastTable::SetProven(PortId port, std::optional<uint64_t> stamp) {
  if (!stamp) return proven_.erase(port);
  proven_.insert(port);
  proven_at_[port.value] = *stamp;
}

void MulticastTable::SetCrowded(PortId port, bool is_crowded) {
  is_crowded ? crowded_.insert(port) : crowded_.erase(port);
  flooded_ = crowded_ | unasked_;
}

void MulticastTable::SetUnasked(const PortSet& ports) {
  unasked_ = ports;
  flooded_ = crowded_ | unasked_;
}

void MulticastTable::SetMostRows(PortId port, VlanId vlan, uint32_t most) {
  if (most == 0) {
    most_vlan_rows_.erase(VlanPort(vlan, port));
  } else {
    most_vlan_rows_[VlanPort(vlan, port)] = most;
  }
}

uint32_t MulticastTable::rows(PortId port, VlanId vlan) const {
  const auto found = vlan_rows_.find(VlanPort(vlan, port));
  return found == vlan_rows_.end() ? 0 : found->second;
}

// What is least counts, and is the reason if it is not enough.
MulticastTable::Budget MulticastTable::BudgetFor(const GroupKey& key, PortId port,
                                                 Author author) const {
  Budget budget(std::numeric_limits<size_t>::max(), Refusal::kNone);
  const auto limit = [&](size_t left, Refusal refusal) {
    if (left >= budget.left_) return;
    budget = Budget(left, refusal);
  };
  const uint32_t used = rows_[port.value];
  if (const uint32_t most = most_rows_[port.value]; most != 0) {
    limit(Left(most, used), Refusal::kPortLimit);
  }
  const auto most = most_vlan_rows_.find(VlanPort(key.vlan, port));
  if (most != most_vlan_rows_.end()) {
    limit(Left(most->second, rows(port, key.vlan)), Refusal::kVlanLimit);
  }
  const size_t groups_left = Left(most_groups_, UsedGroups());
  // A source that others list, too, needs no room, but whether it is one is not looked at.
  const MulticastGroup* const group = Find(key);
  const bool is_known = group != nullptr && !group->is_known_only;
  limit(is_known ? groups_left + 1 : groups_left, Refusal::kFull);
  limit(Left(most_groups_ * kRowsPerGroup, all_rows_), Refusal::kFull);
  if (author == Author::kReport) {
    const size_t rows_left = Left(most_groups_ * kRowsPerGroup, all_rows_);
    limit(Left(is_known ? rows_left : groups_left, used), Refusal::kUnfair);
  }
  return budget;
}

MulticastTable::Rows MulticastTable::RowsOf(const GroupKey& key, PortId port) const {
  Rows rows;
  const GroupMember* const member = FindMember(key, port);
  if (member == nullptr) return rows;
  if (member->has_star) rows.emplace_back(IpAddress(), member->permanent);
  for (const GroupSource& source : member->sources) {
    rows.emplace_back(source.address, member->permanent || source.permanent);
  }
  return rows;
}

void MulticastTable::Commit(const GroupKey& key, MulticastGroup& group, PortId port,
                            const Rows& before) {
  const GroupMember& member = group.Ensure(port);
  Tick scheduled = member.scheduled;
  const Tick due = member.rows() == 0 ? kNever : DueOf(member);
  Schedule(key, port, scheduled, due);
  const bool is_left = group.Commit(port);
  if (is_left) group.Find(port)->scheduled = scheduled;
  sources_ += group.source_count();
  const Rows after = RowsOf(key, port);
  Count(key, port, before.size(), after.size());
  Tell(key, port, before, after);
  Settle(key, group);
}

// A group that nobody is a member of stays while it counts as known.
void MulticastTable::Settle(const GroupKey& key, MulticastGroup& group) {
  const bool is_used = !group.members().empty() || group.host.joined;
  if (is_used || group.known_until == kNever) {
    if (std::exchange(group.is_known_only, false)) --known_only_;
  } else if (!group.is_known_only && known_only_ < most_groups_ / kKnownShare) {
    group.is_known_only = true;
    ++known_only_;
  }
  if (is_used || group.is_known_only) return;
  Schedule(key, kBridgePort, group.scheduled, kNever);
  groups_.erase(GroupKey(key));
}

void MulticastTable::Count(const GroupKey& key, PortId port, size_t before, size_t after) {
  if (before == after) return;
  const auto change = [&](auto& count) {
    count = static_cast<std::remove_reference_t<decltype(count)>>(count + after - before);
  };
  change(all_rows_);
  change(rows_[port.value]);
  const auto place = vlan_rows_.try_emplace(VlanPort(key.vlan, port)).first;
  change(place->second);
  if (place->second == 0) vlan_rows_.erase(place);
}

void MulticastTable::Tell(const GroupKey& key, PortId port, const Rows& before, const Rows& after) {
  if (!is_watched_) return;
  const auto tell_missing = [&](const Rows& from, const Rows& in, bool added) {
    for (const auto& row : from) {
      if (std::find(in.begin(), in.end(), row) != in.end()) continue;
      Tell(
          {.added = added, .permanent = row.second, .key = key, .port = port, .source = row.first});
    }
  };
  tell_missing(before, after, false);
  tell_missing(after, before, true);
}

void MulticastTable::Tell(const GroupChange& change) {
  if (!is_watched_) return;
  if (changes_.size() == kMostChanges) {
    ++missed_changes_;
  } else {
    changes_.push_back(change);
  }
}

// The node of the set is used again, so that nothing is allocated for a deadline that moves.
void MulticastTable::Schedule(const GroupKey& key, PortId port, Tick& scheduled, Tick when) {
  if (when == scheduled) return;
  auto node =
      scheduled == kNever ? std::set<Due>::node_type() : due_.extract(Due{scheduled, key, port});
  scheduled = when;
  if (when == kNever) return;
  const Due due{when, key, port};
  if (node.empty()) {
    due_.insert(due);
  } else {
    node.value() = due;
    due_.insert(std::move(node));
  }
}

void MulticastTable::ScheduleGroup(const GroupKey& key, MulticastGroup& group) {
  const Tick host = group.host.joined ? group.host.until : kNever;
  Schedule(key, kBridgePort, group.scheduled, Earlier(host, group.known_until));
}

bool MulticastTable::SetHost(const GroupKey& key, const HostMembership& host) {
  const MulticastGroup* const known = Find(key);
  const bool is_new = known == nullptr || known->is_known_only;
  if (host.joined && is_new && UsedGroups() >= most_groups_) return false;
  MulticastGroup& group = groups_.try_emplace(key).first->second;
  const bool changes = group.host.joined != host.joined || group.host.permanent != host.permanent;
  if (changes) {
    Tell({.added = host.joined,
          .permanent = host.joined ? host.permanent : group.host.permanent,
          .key = key,
          .port = kBridgePort,
          .source = {}});
  }
  group.host = host;
  ScheduleGroup(key, group);
  Settle(key, group);
  return true;
}

void MulticastTable::KeepKnown(const GroupKey& key, Tick until) {
  const auto found = groups_.find(key);
  if (found == groups_.end() || until <= found->second.known_until) return;
  found->second.known_until = until;
  ScheduleGroup(key, found->second);
}

void MulticastTable::ExpireGroup(const GroupKey& key, Tick now) {
  MulticastGroup& group = groups_.find(key)->second;
  if (group.known_until <= now) group.known_until = kNever;
  const bool host_leaves =
      group.host.joined && group.host.until != kNever && group.host.until <= now;
  if (host_leaves) {
    static_cast<void>(SetHost(GroupKey(key), {}));
    return;
  }
  ScheduleGroup(key, group);
  Settle(key, group);
}

size_t MulticastTable::Erase(const GroupKey& key, PortId port) {
  const Rows before = RowsOf(key, port);
  if (before.empty()) return 0;
  MulticastGroup& group = groups_.find(key)->second;
  sources_ -= group.source_count();
  GroupMember& member = group.Ensure(port);
  member.has_star = false;
  member.sources.clear();
  Commit(key, group, port, before);
  return before.size();
}

void MulticastTable::Restore(const GroupMemory& memory) {
  const GroupKey& key = memory.key;
  std::vector<PortId> gone;
  if (const MulticastGroup* const group = Find(key)) {
    for (const GroupMember& member : group->members()) gone.push_back(member.port);
  }
  for (const GroupMember& member : memory.members) {
    std::erase(gone, member.port);
    static_cast<void>(Edit(key, member.port, Author::kUser, [&](GroupMember& made, Budget&) {
      const Tick scheduled = made.scheduled;
      made = member;
      made.scheduled = scheduled;
    }));
  }
  for (const PortId port : gone) static_cast<void>(Erase(key, port));
  if (memory.host.joined || Find(key) != nullptr) static_cast<void>(SetHost(key, memory.host));
  if (memory.known_until == kNever && Find(key) == nullptr) return;
  MulticastGroup& group = groups_.try_emplace(key).first->second;
  group.known_until = memory.known_until;
  ScheduleGroup(key, group);
  Settle(key, group);
}

std::vector<GroupKey> MulticastTable::Keys() const {
  std::vector<GroupKey> keys;
  keys.reserve(groups_.size());
  for (const auto& [key, group] : groups_) keys.push_back(key);
  return keys;
}

void MulticastTable::NoteUnwanted(const UnwantedSender& sender) {
  const auto same = std::find_if(unwanted_.begin(), unwanted_.end(), [&](const auto& known) {
    return known.key == sender.key && known.port == sender.port;
  });
  if (same != unwanted_.end()) {
    *same = sender;
  } else if (unwanted_.size() < kMostUnwanted) {
    unwanted_.push_back(sender);
  } else {
    *std::min_element(unwanted_.begin(), unwanted_.end(), [](const auto& a, const auto& b) {
      return a.last_seen < b.last_seen;
    }) = sender;
  }
}

void MulticastTable::set_watched(bool is_watched) {
  is_watched_ = is_watched;
  changes_.clear();
  missed_changes_ = 0;
}

std::pair<std::vector<GroupChange>, uint64_t> MulticastTable::TakeChanges() {
  return {std::exchange(changes_, {}), std::exchange(missed_changes_, 0)};
}

}  // namespace tapswitch
