// Entries of the table of multicast groups as bridge(8) shows them.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/forwarding/fdb/multicast_table.h"

namespace tapswitch {

// An entry: of a group on a port, or of a source of it.
struct MdbRow {
  GroupKey key;
  PortId port;
  IpAddress source;  // default: the entry of the group itself
  bool permanent = false;
  FilterMode mode = FilterMode::kExclude;
  std::vector<GroupSource> sources;  // of the group itself
  uint8_t made_by = kMadeByReport;
  bool blocked = false;
  bool added_by_star_ex = false;  // a member that wants any source wants that of others, too
  Tick until;                     // 0: no timer runs
};

// All rows of a group. Precondition of all: the names of ports stay the same.
[[nodiscard]] std::vector<MdbRow> RowsOf(const GroupKey& key, const MulticastGroup& group);

[[nodiscard]] nlohmann::ordered_json ShowMdbRow(const BridgeControl& control, const MdbRow& row,
                                                Tick now);

[[nodiscard]] std::string GroupText(const GroupAddress& group);

// Parses an address of a group, of IP or a MAC address, that may have entries; InvalidArgument
// names the mistake.
[[nodiscard]] absl::StatusOr<GroupAddress> ParseGroup(const std::string& text);

// The name of who has made an entry, or its number; and the number of a name or a number.
[[nodiscard]] std::string ProtocolText(uint8_t made_by);
[[nodiscard]] absl::StatusOr<uint8_t> ParseProtocol(const std::string& text);

}  // namespace tapswitch
