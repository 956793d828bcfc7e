// The membership of one port in a group: the filter of RFC 3376, 6.2, and RFC 3810, 7.2.

#pragma once

#include <cstdint>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

enum class FilterMode : uint8_t {
  kInclude,  // frames of the sources that are listed
  kExclude,  // frames of all sources but those that are listed and blocked
};

// The makers of an entry; numbers as in uapi linux/rtnetlink.h (RTPROT_*).
inline constexpr uint8_t kMadeByReport = 2;  // "kernel"
inline constexpr uint8_t kMadeByUser = 4;    // "static"

// Queries whether anybody is left that are still to be sent, and the time of the next.
struct PendingAsk {
  uint8_t left = 0;
  Tick next;

  bool operator==(const PendingAsk&) const = default;
};

struct GroupSource {
  IpAddress address;
  bool blocked = false;    // only in exclude mode: its frames are not wanted
  bool own_entry = false;  // a user has made it, and it stands for itself
  bool permanent = false;
  uint8_t made_by = kMadeByReport;
  Tick until;  // 0: no timer runs
  PendingAsk ask;

  bool operator==(const GroupSource&) const = default;
};

// A host that has reported the group (explicit tracking, RFC 3376, appendix A.2).
struct GroupHost {
  IpAddress address;
  MacAddress mac{};
  Tick until;

  bool operator==(const GroupHost&) const = default;
};

struct GroupMember {
  // More sources of one port are not tracked, as in Linux (PG_SRC_ENT_LIMIT).
  static constexpr size_t kMostSources = 32;
  // More hosts of one port and group are not tracked.
  static constexpr size_t kMostHosts = 32;

  PortId port;
  FilterMode mode = FilterMode::kInclude;
  bool has_star = false;  // there is an entry of the group itself, not only of sources
  bool permanent = false;
  uint8_t made_by = kMadeByReport;
  Tick until;  // in exclude mode; 0: no timer runs
  // Until then a host is there that speaks version 1 only, or 2 at most (MLD: 1).
  Tick version_1_until;
  Tick version_2_until;
  PendingAsk ask;
  std::vector<GroupSource> sources;  // by ascending address
  std::vector<GroupHost> hosts;      // in no order
  bool hosts_are_all = true;         // every host that reported is in `hosts`
  Tick scheduled;                    // of MulticastTable: when it is due; 0: never

  // Entries as they are counted and shown: of the group, and of each source.
  [[nodiscard]] size_t rows() const { return (has_star ? 1U : 0U) + sources.size(); }
  [[nodiscard]] bool wants_any_source() const { return has_star && mode == FilterMode::kExclude; }

  bool operator==(const GroupMember&) const = default;
};

}  // namespace tapswitch
