#include "switch/forwarding/fdb/multicast_group.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

const GroupMember* MulticastGroup::Find(PortId port) const {
  const auto place =
      std::lower_bound(members_.begin(), members_.end(), port,
                       [](const GroupMember& member, PortId id) { return member.port < id; });
  return place == members_.end() || place->port != port ? nullptr : &*place;
}

GroupMember* MulticastGroup::Find(PortId port) {
  return const_cast<GroupMember*>(std::as_const(*this).Find(port));
}

GroupMember& MulticastGroup::Ensure(PortId port) {
  const auto place =
      std::lower_bound(members_.begin(), members_.end(), port,
                       [](const GroupMember& member, PortId id) { return member.port < id; });
  if (place != members_.end() && place->port == port) return *place;
  return *members_.insert(place, GroupMember{.port = port});
}

bool MulticastGroup::Commit(PortId port) {
  any_source_.erase(port);
  listed_only_.erase(port);
  for (SourcePorts& source : sources_) {
    source.wanted.erase(port);
    source.blocked.erase(port);
  }
  const GroupMember* const member = Find(port);
  const bool is_left = member != nullptr && member->rows() != 0;
  if (is_left) {
    (member->wants_any_source() ? any_source_ : listed_only_).insert(port);
    for (const GroupSource& listed : member->sources) {
      auto place = std::lower_bound(
          sources_.begin(), sources_.end(), listed.address,
          [](const SourcePorts& known, IpAddress address) { return known.source < address; });
      if (place == sources_.end() || place->source != listed.address) {
        place = sources_.insert(place, {.source = listed.address, .wanted = {}, .blocked = {}});
      }
      (listed.blocked ? place->blocked : place->wanted).insert(port);
    }
  } else {
    std::erase_if(members_, [&](const GroupMember& one) { return one.port == port; });
  }
  std::erase_if(sources_, [](const SourcePorts& source) {
    return source.wanted.empty() && source.blocked.empty();
  });
  return is_left;
}

GroupPorts MulticastGroup::PortsFor(IpAddress source) const {
  const auto place = std::lower_bound(
      sources_.begin(), sources_.end(), source,
      [](const SourcePorts& known, IpAddress address) { return known.source < address; });
  if (place == sources_.end() || place->source != source) {
    return {.wanted = any_source_, .refused = listed_only_};
  }
  return {.wanted = (any_source_ - place->blocked) | place->wanted,
          .refused = (listed_only_ | place->blocked) - place->wanted};
}

}  // namespace tapswitch
