// Applies what hosts and queriers say about groups to the table, and asks who is left.
//
// Ports are never evicted; one whose report finds no room is flooded to for as long as a membership
// lasts. Work is bounded: of a port so many records are looked at in a tenth of a second.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"
#include "switch/protocol/multicast/filter_state.h"
#include "switch/protocol/multicast/group_message.h"

namespace tapswitch {

// The place that a message came from, and what is wanted there.
struct ReportOrigin {
  VlanId vlan;
  PortId port;
  MacAddress station{};
  IpAddress host;
  FilterTimers timers;
  bool tracks_sources = false;  // the newest version is spoken: lists of sources can be refreshed
  bool fast_leave = false;
};

class Memberships {
 public:
  // Records of one port that are looked at in a tenth of a second.
  static constexpr uint32_t kMostRecords = 1024;

  struct Counters {
    uint64_t refused = 0;   // memberships, by a limit or for want of room
    uint64_t too_many = 0;  // records that were not looked at
    std::array<uint32_t, kMaxPorts> refused_by_port{};
  };

  // The state of a port whose memberships were refused.
  struct Refused {
    uint32_t count = 0;
    bool is_crowded = false;  // it is flooded to
    Tick flooded_until;
    Tick told_until;  // nothing more is told until then

    bool operator==(const Refused&) const = default;
  };

  // `table` outlives this.
  explicit Memberships(MulticastTable& table) : table_(table) {}

  // Takes a report, a leave or records. True when something was refused for the first time in a
  // while, so that somebody should hear of it.
  [[nodiscard]] bool Take(const GroupMessage& message, const ReportOrigin& origin);

  // Another querier asks for members of a group: who does not answer is gone by `end`.
  void OnQuery(const GroupMessage& message, VlanId vlan, Tick end);

  // Forgets what was learned behind the port.
  void Forget(PortId port);

  // Ends the flooding to ports whose time is over.
  void EndFlooding(Tick now);

  [[nodiscard]] const Counters& counters() const { return counters_; }

  [[nodiscard]] Refused RememberRefused(PortId port) const;
  void RestoreRefused(PortId port, const Refused& refused);
  void RestoreCounts(uint64_t refused, uint64_t too_many) {
    counters_.refused = refused;
    counters_.too_many = too_many;
  }

 private:
  void Apply(RecordType type, const std::vector<IpAddress>& sources, IpAddress group,
             uint8_t version, const ReportOrigin& origin);
  void Leave(IpAddress group, const ReportOrigin& origin);
  void TakeRecords(const GroupMessage& message, const ReportOrigin& origin);
  void TakeRecord(const GroupRecord& record, const ReportOrigin& origin);
  void Overload(const ReportOrigin& origin, uint64_t records);
  void OnRefused(MulticastTable::Refusal refusal, const ReportOrigin& origin);
  [[nodiscard]] bool MayLookAt(size_t records, const ReportOrigin& origin);

  struct PortState {
    uint64_t window = 0;  // tenth of a second
    uint32_t records = 0;
    Tick flooded_until;
    Tick told_until;  // of refusals nothing more is told until then
  };

  MulticastTable& table_;
  Counters counters_;
  bool tells_ = false;
  std::vector<PortState> ports_ = std::vector<PortState>(kMaxPorts);
};

}  // namespace tapswitch
