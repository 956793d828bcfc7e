#include "switch/protocol/multicast/filter_state.h"

#include <algorithm>

namespace tapswitch {
namespace {

constexpr Tick kNoTimer{};

using Sources = std::vector<IpAddress>;
using Budget = MulticastTable::Budget;

bool Contains(const Sources& sources, IpAddress address) {
  return std::find(sources.begin(), sources.end(), address) != sources.end();
}

auto PlaceOf(GroupMember& member, IpAddress address) {
  return std::lower_bound(
      member.sources.begin(), member.sources.end(), address,
      [](const GroupSource& known, IpAddress wanted) { return known.address < wanted; });
}

GroupSource* FindSource(GroupMember& member, IpAddress address) {
  const auto place = PlaceOf(member, address);
  return place == member.sources.end() || place->address != address ? nullptr : &*place;
}

// Null when there is no room.
GroupSource* AddSource(GroupMember& member, IpAddress address, Budget& budget) {
  if (member.sources.size() >= GroupMember::kMostSources || !budget.Take()) return nullptr;
  return &*member.sources.insert(PlaceOf(member, address), GroupSource{.address = address});
}

// One of a user's own stays.
bool IsKept(const GroupSource& source) { return source.own_entry; }

bool AddStar(GroupMember& member, Budget& budget) {
  if (!member.has_star && !budget.Take()) return false;
  member.has_star = true;
  return true;
}

// All sources, as not all that are wanted can be listed.
void WantAll(const FilterTimers& timers, GroupMember& member) {
  std::erase_if(member.sources, [](const GroupSource& source) { return !IsKept(source); });
  member.mode = FilterMode::kExclude;
  member.until = timers.MembershipEnd();
  member.ask = {};
}

void Ask(const FilterTimers& timers, PendingAsk& ask, Tick& until) {
  if (!timers.asks) return;
  ask = {.left = static_cast<uint8_t>(std::min<uint32_t>(timers.last_member_count, UINT8_MAX)),
         .next = timers.now};
  const Tick end = timers.LastMemberEnd();
  if (until != kNoTimer) until = std::min(until, end);
}

void AskForSource(const FilterTimers& timers, GroupSource& source) {
  if (!source.blocked && !source.permanent) Ask(timers, source.ask, source.until);
}

void AskForGroup(const FilterTimers& timers, GroupMember& member) {
  if (member.mode == FilterMode::kExclude) Ask(timers, member.ask, member.until);
}

void Want(const FilterTimers& timers, GroupSource& source) {
  source.blocked = false;
  source.until = timers.MembershipEnd();
  source.ask = {};
}

// IS_IN, ALLOW, and the first half of TO_IN: these sources are wanted, too.
void WantThese(const Sources& sources, const FilterTimers& timers, GroupMember& member,
               Budget& budget) {
  for (const IpAddress address : sources) {
    GroupSource* source = FindSource(member, address);
    if (source == nullptr) source = AddSource(member, address, budget);
    if (source != nullptr) {
      Want(timers, *source);
    } else if (member.sources.size() >= GroupMember::kMostSources) {
      return WantAll(timers, member);
    }
  }
}

// IS_EX and TO_EX: all but these are wanted. New ones are asked for until `new_until`, or blocked.
void WantAllBut(const Sources& sources, Tick new_until, const FilterTimers& timers,
                GroupMember& member, Budget& budget) {
  const bool was_exclude = member.mode == FilterMode::kExclude;
  std::erase_if(member.sources, [&](const GroupSource& source) {
    return !IsKept(source) && !Contains(sources, source.address);
  });
  for (const IpAddress address : sources) {
    if (FindSource(member, address) != nullptr) continue;
    GroupSource* const source = AddSource(member, address, budget);
    if (source == nullptr) continue;
    source->blocked = !was_exclude;
    source->until = was_exclude ? new_until : kNoTimer;
  }
  member.mode = FilterMode::kExclude;
  member.until = timers.MembershipEnd();
  member.ask = {};
}

void AskForThese(const Sources& sources, const FilterTimers& timers, GroupMember& member) {
  for (const IpAddress address : sources) {
    if (GroupSource* const source = FindSource(member, address)) AskForSource(timers, *source);
  }
}

void ToInclude(const Sources& sources, const FilterTimers& timers, GroupMember& member,
               Budget& budget) {
  for (GroupSource& source : member.sources) {
    if (!Contains(sources, source.address)) AskForSource(timers, source);
  }
  AskForGroup(timers, member);
  WantThese(sources, timers, member, budget);
}

void Block(const Sources& sources, const FilterTimers& timers, GroupMember& member,
           Budget& budget) {
  if (member.mode == FilterMode::kExclude) {
    for (const IpAddress address : sources) {
      if (FindSource(member, address) != nullptr) continue;
      if (GroupSource* const source = AddSource(member, address, budget)) {
        source->until = member.until;
      }
    }
  }
  AskForThese(sources, timers, member);
}

// The interval of PendingAsk has passed.
bool TakeAsk(const FilterTimers& timers, PendingAsk& ask) {
  if (ask.left == 0 || timers.now < ask.next) return false;
  --ask.left;
  ask.next = timers.now + timers.last_member_interval;
  return true;
}

bool HasExpired(Tick until, Tick now) { return until != kNoTimer && until <= now; }

}  // namespace

void ApplyRecord(RecordType type, const Sources& sources, const FilterTimers& timers,
                 GroupMember& member, Budget& budget) {
  const bool is_older_host_there = timers.now < member.version_2_until;
  const bool was_exclude = member.mode == FilterMode::kExclude;
  if (!member.has_star && type == RecordType::kBlock) return;
  if (!AddStar(member, budget)) return;
  switch (type) {
    case RecordType::kIsInclude:
    case RecordType::kAllow:
      return WantThese(sources, timers, member, budget);
    case RecordType::kIsExclude:
      return WantAllBut(sources, timers.MembershipEnd(), timers, member, budget);
    case RecordType::kToInclude:
      return ToInclude(sources, timers, member, budget);
    case RecordType::kToExclude: {
      const Tick until = was_exclude ? member.until : kNoTimer;
      // RFC 3376, 7.3.2: an older host beside it wants all sources.
      WantAllBut(is_older_host_there ? Sources() : sources, until, timers, member, budget);
      return AskForThese(sources, timers, member);
    }
    case RecordType::kBlock:
      if (!is_older_host_there) Block(sources, timers, member, budget);
      return;
  }
}

void ApplyLeave(const FilterTimers& timers, GroupMember& member) {
  if (timers.now < member.version_1_until) return;  // of a host that cannot say that it stays
  for (GroupSource& source : member.sources) AskForSource(timers, source);
  AskForGroup(timers, member);
}

void ApplyQuery(Tick end, const Sources& sources, GroupMember& member) {
  if (member.permanent) return;
  const auto shorten = [end](Tick& until) {
    if (until != kNoTimer) until = std::min(until, end);
  };
  if (sources.empty()) {
    shorten(member.until);
    if (member.mode == FilterMode::kExclude) return;
  }
  for (GroupSource& source : member.sources) {
    const bool is_meant = sources.empty() || Contains(sources, source.address);
    if (is_meant && !source.blocked && !source.permanent) shorten(source.until);
  }
}

void Expire(Tick now, GroupMember& member) {
  const bool group_ends = member.mode == FilterMode::kExclude && HasExpired(member.until, now);
  if (group_ends) {
    member.mode = FilterMode::kInclude;
    member.until = kNoTimer;
    member.ask = {};
    std::erase_if(member.sources, [](const GroupSource& source) { return source.blocked; });
  }
  for (GroupSource& source : member.sources) {
    if (!HasExpired(source.until, now)) continue;
    source.until = kNoTimer;
    source.ask = {};
    source.blocked = true;  // or gone, in include mode
  }
  if (member.mode == FilterMode::kExclude) return;
  std::erase_if(member.sources, [](const GroupSource& source) { return source.blocked; });
  const bool has_others = std::any_of(member.sources.begin(), member.sources.end(),
                                      [](const GroupSource& source) { return !source.own_entry; });
  if (!has_others && !member.permanent) member.has_star = false;
}

DueAsks TakeDueAsks(const FilterTimers& timers, GroupMember& member) {
  DueAsks due{.group = TakeAsk(timers, member.ask), .sources = {}};
  for (GroupSource& source : member.sources) {
    if (TakeAsk(timers, source.ask)) due.sources.push_back(source.address);
  }
  return due;
}

}  // namespace tapswitch
