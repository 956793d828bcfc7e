// Changes the table of multicast groups as bridge(8) does, with its rules (net/bridge/br_mdb.c).

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

enum class MdbVerb : uint8_t { kAdd, kReplace };

struct MdbRequest {
  GroupKey key;
  PortId port;       // kBridgePort: the bridge itself
  IpAddress source;  // default: the entry is that of the group itself
  bool permanent = false;
  FilterMode mode = FilterMode::kExclude;
  std::vector<IpAddress> sources;  // without duplicates
  uint8_t made_by = kMadeByUser;
  bool is_port_up = true;
  Ticks membership{26000};  // of entries that are not permanent
};

// FailedPrecondition tells what is in the way.
[[nodiscard]] absl::Status AddMdbEntry(MulticastTable& table, MdbVerb verb,
                                       const MdbRequest& request, Tick now);

// The requests that make the permanent entries of a group.
[[nodiscard]] std::vector<MdbRequest> PermanentRequests(const GroupKey& key,
                                                        const MulticastGroup& group);

// Deletes an entry: of the group itself with those of its sources, or of one source. NotFound if
// there is none.
[[nodiscard]] absl::Status DeleteMdbEntry(MulticastTable& table, const GroupKey& key, PortId port,
                                          IpAddress source);

}  // namespace tapswitch
