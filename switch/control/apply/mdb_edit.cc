#include "switch/control/apply/mdb_edit.h"

#include <algorithm>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using Author = MulticastTable::Author;
using Budget = MulticastTable::Budget;
using Refusal = MulticastTable::Refusal;

constexpr std::string_view kThere = "there is such an entry: replace or delete it";

absl::Status Refused(std::string_view why) {
  return absl::FailedPreconditionError(fmt::format("mdb: {}", why));
}

absl::Status StatusOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return absl::OkStatus();
    case Refusal::kPortLimit:
      return Refused("the port has as many entries as its mcast_max_groups allows: raise it");
    case Refusal::kVlanLimit:
      return Refused(
          "the port has as many entries in the VLAN as mcast_max_groups of it allows: raise it");
    default:
      return Refused("the table is full: raise mcast_hash_max");
  }
}

Tick UntilOf(const MdbRequest& request, Tick now) {
  return request.permanent ? Tick{} : now + request.membership;
}

GroupSource* FindSource(GroupMember& member, IpAddress address) {
  const auto found =
      std::find_if(member.sources.begin(), member.sources.end(),
                   [&](const GroupSource& source) { return source.address == address; });
  return found == member.sources.end() ? nullptr : &*found;
}

GroupSource* AddSource(GroupMember& member, IpAddress address, Budget& budget) {
  if (!budget.Take()) return nullptr;
  const auto place = std::lower_bound(
      member.sources.begin(), member.sources.end(), address,
      [](const GroupSource& one, IpAddress wanted) { return one.address < wanted; });
  return &*member.sources.insert(place, GroupSource{.address = address});
}

// The entry of the group itself, and of its sources.
void FillStar(const MdbRequest& request, Tick now, GroupMember& member, Budget& budget) {
  if (!member.has_star && !budget.Take()) return;
  std::erase_if(member.sources, [](const GroupSource& source) { return !source.own_entry; });
  const bool includes = request.mode == FilterMode::kInclude;
  member.has_star = true;
  member.mode = request.mode;
  member.permanent = request.permanent;
  member.made_by = request.made_by;
  member.until = includes ? Tick{} : UntilOf(request, now);
  member.ask = {};
  for (const IpAddress address : request.sources) {
    GroupSource* const source = AddSource(member, address, budget);
    if (source == nullptr) return;
    source->blocked = !includes;
    source->until = includes ? UntilOf(request, now) : Tick{};
    source->permanent = request.permanent;
    source->made_by = request.made_by;
  }
}

// An entry of one source alone.
void FillSource(const MdbRequest& request, Tick now, GroupMember& member, Budget& budget) {
  GroupSource* source = FindSource(member, request.source);
  if (source == nullptr) source = AddSource(member, request.source, budget);
  if (source == nullptr) return;
  source->blocked = false;
  source->own_entry = true;
  source->permanent = request.permanent;
  source->made_by = request.made_by;
  source->until = UntilOf(request, now);
}

absl::Status AddHost(MulticastTable& table, MdbVerb verb, const MdbRequest& request, Tick now) {
  const MulticastGroup* const group = table.Find(request.key);
  if (verb == MdbVerb::kAdd && group != nullptr && group->host.joined) return Refused(kThere);
  const bool has_room = table.SetHost(
      request.key,
      {.joined = true, .permanent = request.permanent, .until = UntilOf(request, now)});
  return has_room ? absl::OkStatus() : StatusOf(Refusal::kFull);
}

// Returns an error if an entry of the table is in the way of this one.
absl::Status CheckPlace(const MulticastTable& table, MdbVerb verb, const MdbRequest& request) {
  const GroupMember* const member = table.FindMember(request.key, request.port);
  if (member == nullptr) return absl::OkStatus();
  const auto has = [&](IpAddress address, bool own_only) {
    return std::any_of(member->sources.begin(), member->sources.end(),
                       [&](const GroupSource& source) {
                         return source.address == address && (source.own_entry || !own_only);
                       });
  };
  if (request.source != IpAddress()) {
    const bool is_there = has(request.source, false);
    return is_there && verb == MdbVerb::kAdd ? Refused(kThere) : absl::OkStatus();
  }
  if (member->has_star && verb == MdbVerb::kAdd) return Refused(kThere);
  const bool is_taken = std::any_of(request.sources.begin(), request.sources.end(),
                                    [&](IpAddress source) { return has(source, true); });
  return is_taken ? Refused("one of the sources has an entry of its own: delete that first")
                  : absl::OkStatus();
}

// The entries that the request adds have to find room, all of them or none.
absl::Status CheckRoom(MulticastTable& table, const MdbRequest& request, Tick now) {
  const GroupMember* const before = table.FindMember(request.key, request.port);
  const std::optional<GroupMember> saved =
      before != nullptr ? std::optional(*before) : std::nullopt;
  const Refusal refusal = table.Edit(request.key, request.port, Author::kUser,
                                     [&](GroupMember& member, Budget& budget) {
                                       if (request.source == IpAddress()) {
                                         FillStar(request, now, member, budget);
                                       } else {
                                         FillSource(request, now, member, budget);
                                       }
                                     });
  if (refusal == Refusal::kNone) return absl::OkStatus();
  if (saved) {
    static_cast<void>(
        table.Edit(request.key, request.port, Author::kUser, [&](GroupMember& member, Budget&) {
          const Tick scheduled = member.scheduled;
          member = *saved;
          member.scheduled = scheduled;
        }));
  } else {
    table.Erase(request.key, request.port);
  }
  return StatusOf(refusal);
}

}  // namespace

absl::Status AddMdbEntry(MulticastTable& table, MdbVerb verb, const MdbRequest& request, Tick now) {
  if (request.port == kBridgePort) return AddHost(table, verb, request, now);
  if (!request.permanent && !request.is_port_up) {
    return Refused("the port is down, and then has permanent entries only: add permanent");
  }
  if (request.sources.size() >= GroupMember::kMostSources) {
    return Refused(fmt::format("{} sources: an entry has at most {}", request.sources.size(),
                               GroupMember::kMostSources - 1));
  }
  if (absl::Status place = CheckPlace(table, verb, request); !place.ok()) return place;
  return CheckRoom(table, request, now);
}

std::vector<MdbRequest> PermanentRequests(const GroupKey& key, const MulticastGroup& group) {
  std::vector<MdbRequest> requests;
  if (group.host.joined && group.host.permanent) {
    requests.push_back(
        {.key = key, .port = kBridgePort, .source = {}, .permanent = true, .sources = {}});
  }
  for (const GroupMember& member : group.members()) {
    MdbRequest star{.key = key,
                    .port = member.port,
                    .source = {},
                    .permanent = true,
                    .mode = member.mode,
                    .sources = {},
                    .made_by = member.made_by};
    for (const GroupSource& source : member.sources) {
      if (!source.own_entry) star.sources.push_back(source.address);
    }
    if (member.has_star && member.permanent) requests.push_back(star);
    for (const GroupSource& source : member.sources) {
      if (!source.own_entry || !source.permanent) continue;
      requests.push_back({.key = key,
                          .port = member.port,
                          .source = source.address,
                          .permanent = true,
                          .sources = {},
                          .made_by = source.made_by});
    }
  }
  return requests;
}

absl::Status DeleteMdbEntry(MulticastTable& table, const GroupKey& key, PortId port,
                            IpAddress source) {
  const auto none = [] { return absl::NotFoundError("mdb: there is no such entry: see mdb show"); };
  if (port == kBridgePort) {
    const MulticastGroup* const group = table.Find(key);
    if (group == nullptr || !group->host.joined) return none();
    static_cast<void>(table.SetHost(key, {}));
    return absl::OkStatus();
  }
  const GroupMember* const member = table.FindMember(key, port);
  if (member == nullptr) return none();
  const bool of_source = source != IpAddress();
  const bool is_there =
      of_source ? std::any_of(member->sources.begin(), member->sources.end(),
                              [&](const GroupSource& one) { return one.address == source; })
                : member->has_star;
  if (!is_there) return none();
  static_cast<void>(table.Edit(key, port, Author::kUser, [&](GroupMember& changed, Budget&) {
    std::erase_if(changed.sources, [&](const GroupSource& one) {
      return of_source ? one.address == source : !one.own_entry;
    });
    const bool includes_nothing = changed.mode == FilterMode::kInclude &&
                                  std::all_of(changed.sources.begin(), changed.sources.end(),
                                              [](const auto& one) { return one.own_entry; });
    if (of_source && !includes_nothing) return;
    changed.has_star = false;
    changed.permanent = false;
    changed.mode = FilterMode::kInclude;
    changed.until = {};
  }));
  return absl::OkStatus();
}

}  // namespace tapswitch
