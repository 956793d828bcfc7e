// The state of one port's membership of a group, and how reports change it: RFC 3376, 6.4, and RFC
// 3810, 7.4, for each port instead of each interface. Messages of older versions are records
// without sources (RFC 3376, 7.3.2).

#pragma once

#include <cstdint>
#include <vector>

#include "switch/forwarding/fdb/group_member.h"
#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ip_address.h"
#include "switch/protocol/multicast/group_message.h"

namespace tapswitch {

struct FilterTimers {
  Tick now;
  Ticks membership{26000};
  Ticks last_member_interval{100};
  uint32_t last_member_count = 2;
  // Whether the bridge asks whether somebody is left, as the querier of the VLAN. Otherwise the
  // querier does, and timers are shortened when it has asked.
  bool asks = false;

  [[nodiscard]] Tick MembershipEnd() const { return now + membership; }
  [[nodiscard]] Tick LastMemberEnd() const {
    return now + Ticks{last_member_interval.centiseconds * last_member_count};
  }
};

// Applies a record. Sources that there is no room for are not tracked: of those that a port wants,
// the port gets all sources instead, when there are too many for one membership. `sources` has no
// duplicates.
void ApplyRecord(RecordType type, const std::vector<IpAddress>& sources, const FilterTimers& timers,
                 GroupMember& member, MulticastTable::Budget& budget);

// The last host may have left: asks, or waits for the querier to ask.
void ApplyLeave(const FilterTimers& timers, GroupMember& member);

// The querier asks for members of the group, or of some sources: who does not answer is gone by
// `end`.
void ApplyQuery(Tick end, const std::vector<IpAddress>& sources, GroupMember& member);

// Ends what has expired. What is left may have no rows.
void Expire(Tick now, GroupMember& member);

// The asks that are due: for the group, and for these sources. The next ones are scheduled.
struct DueAsks {
  bool group = false;
  std::vector<IpAddress> sources;

  [[nodiscard]] bool empty() const { return !group && sources.empty(); }
};
[[nodiscard]] DueAsks TakeDueAsks(const FilterTimers& timers, GroupMember& member);

}  // namespace tapswitch
