// The address table of the switch, as the synchroniser of a VNI sees and changes it.

#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "switch/control/evpn/fdb_synchroniser.h"
#include "switch/control/evpn/neighbour_synchroniser.h"
#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/vlan_set.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

// Returns the place of a station by `entries`, all those of its address in the VLAN, for a VNI
// whose port is `tunnel`. Addresses of the bridge itself are no stations, and neither is one that
// waits for permission on a locked port.
[[nodiscard]] StationSighting SightingOf(std::span<const MacEntry> entries, PortId tunnel);

class StationTable {
 public:
  explicit StationTable(RunningSwitch running) : running_(std::move(running)) {}

  // From now on changes are noted, or no longer.
  void Follow(bool followed);

  struct News {
    struct Address {
      VlanId vlan;
      MacAddress address;
      std::vector<MacEntry> entries;  // that it has now
    };
    std::vector<Address> addresses;
    std::vector<PortId> flushed_ports;
    std::vector<VlanId> flushed_vlans;
    bool is_complete = true;  // otherwise all is to be read anew
    bool has_more = false;
  };
  // Returns the next changes in these VLANs, some thousand at most.
  [[nodiscard]] News TakeNews(const VlanSet& vlans);

  // Looks up addresses in a VLAN.
  [[nodiscard]] std::vector<News::Address> Find(VlanId vlan,
                                                std::span<const MacAddress> addresses) const;
  // Hands over all entries, some thousand at a time; frames are forwarded in between.
  void VisitAll(const std::function<void(const MacEntry&)>& visit) const;

  struct Outcome {
    bool is_full = false;                      // there was no room
    std::optional<StationSighting> instead{};  // it was not done, as this is there
    std::optional<MacEntry> changed{};         // the entry that was set or removed
  };
  // Carries out operations of the kinds kInstall and kRemove for the VNI whose port is `tunnel`.
  [[nodiscard]] std::vector<Outcome> CarryOut(VlanId vlan, PortId tunnel,
                                              std::span<const FdbOperation> operations) const;

  // Has the switch have these neighbours, which ports with neigh_suppress then do not ask for.
  // Returns how many there was no room for.
  [[nodiscard]] size_t Install(VlanId vlan, PortId tunnel,
                               std::span<const NeighbourSynchroniser::Installation> changes) const;
  // Removes those that a process before this one has set so, and that nobody knows any more.
  void ForgetNeighbours(VlanId vlan, const std::function<bool(IpAddress)>& is_known) const;

 private:
  RunningSwitch running_;
};

}  // namespace tapswitch
