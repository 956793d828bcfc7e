// The members of one group in one VLAN, and the ports that its frames leave by.

#pragma once

#include <optional>
#include <vector>

#include "switch/forwarding/fdb/group_address.h"
#include "switch/forwarding/fdb/group_member.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// The bridge's own membership (host entries of bridge(8)). It is shown, and changes no frame's way.
struct HostMembership {
  bool joined = false;
  bool permanent = false;
  Tick until;  // 0: no timer runs

  bool operator==(const HostMembership&) const = default;
};

// The state of a group that another process goes on with.
struct GroupMemory {
  GroupKey key;
  HostMembership host;
  Tick known_until;
  std::vector<GroupMember> members;  // by ascending port

  // Whether there is nothing of it: it has gone.
  [[nodiscard]] bool is_empty() const {
    return members.empty() && !host.joined && known_until == Tick{};
  }
  bool operator==(const GroupMemory&) const = default;
};

// The ports of a group for frames of one source.
struct GroupPorts {
  PortSet wanted;
  PortSet refused;  // members that do not want frames of the source
};

class MulticastGroup {
 public:
  [[nodiscard]] const std::vector<GroupMember>& members() const { return members_; }
  [[nodiscard]] const GroupMember* Find(PortId port) const;
  [[nodiscard]] GroupMember* Find(PortId port);
  // The member of the port, made if there is none.
  GroupMember& Ensure(PortId port);
  // Has the sets of ports follow the member, which is removed if it has no rows left; false then.
  bool Commit(PortId port);

  [[nodiscard]] GroupPorts PortsFor(IpAddress source) const;
  // Sources that some member lists.
  [[nodiscard]] size_t source_count() const { return sources_.size(); }

  HostMembership host;
  // Without members: until then the group counts as known, so that its frames are not flooded.
  Tick known_until;
  bool is_known_only = false;  // of MulticastTable: it has neither members nor the host
  Tick scheduled;              // of MulticastTable: when it is due; 0: never

 private:
  struct SourcePorts {
    IpAddress source;
    PortSet wanted;
    PortSet blocked;
  };

  std::vector<GroupMember> members_;  // by ascending port
  PortSet any_source_;                // members that want sources that they do not list
  PortSet listed_only_;               // members that want only sources that they list
  std::vector<SourcePorts> sources_;  // by ascending address
};

}  // namespace tapswitch
