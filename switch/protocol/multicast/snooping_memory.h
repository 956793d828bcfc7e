// The state of multicast snooping that another process goes on with, besides the groups themselves,
// as plain data. Times are deadlines.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/protocol/multicast/memberships.h"
#include "switch/protocol/multicast/mld_witnesses.h"
#include "switch/protocol/multicast/querier.h"
#include "switch/protocol/multicast/router_ports.h"

namespace tapswitch {

// Messages by kind, received or sent.
struct SnoopingCounters {
  std::array<uint64_t, 4> igmp_queries{};  // by version, 1 to 3
  std::array<uint64_t, 4> igmp_reports{};
  uint64_t igmp_leaves = 0;
  std::array<uint64_t, 3> mld_queries{};  // by version, 1 and 2
  std::array<uint64_t, 3> mld_reports{};
  uint64_t mld_leaves = 0;
  uint64_t routers = 0;  // PIM hellos, advertisements of routers
  uint64_t malformed = 0;
  uint64_t sent_igmp_queries = 0;
  uint64_t sent_mld_queries = 0;

  bool operator==(const SnoopingCounters&) const = default;
};

struct SnoopingMemory {
  struct Context {
    VlanId vlan;
    bool is_v4 = true;
    QuerierMemory querier;
    std::vector<RouterPorts::Heard> routers;
    std::optional<Tick> check_answers_at;

    bool operator==(const Context&) const = default;
  };
  // One that forwards, and has nothing left to be asked because it has come up.
  struct Port {
    PortId id;
    std::optional<Tick> unasked_until;  // it was asked, and is flooded to until then
    bool is_deaf = false;
    uint8_t unanswered = 0;  // queries
    Tick counted;            // when the last of them was
    Memberships::Refused refused;
    std::vector<MldWitnesses::Witness> witnesses;

    bool operator==(const Port&) const = default;
  };

  std::vector<Context> contexts;
  std::vector<Port> ports;
  SnoopingCounters counters;
  uint64_t refused = 0;
  uint64_t too_many = 0;

  bool operator==(const SnoopingMemory&) const = default;
};

}  // namespace tapswitch
