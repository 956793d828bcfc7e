// A bridge that carries no frames, on which commands are tried: what they would make of a
// configuration, and whether they make sense at all. It opens no device and knows no traffic.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/forwarding/fdb/mac_table.h"

namespace tapswitch {

class PlannedBridge final : public BridgeControl {
 public:
  // Begins with a configuration, and without entries.
  PlannedBridge(Identity identity, BridgeConfig config);

  // Takes over the entries that a user has made, as far as their ports are in the configuration: a
  // plan may begin with those of the bridge that runs. Learned ones are left out. `name_of` names
  // the ports of these entries.
  void AdoptEntries(std::span<const MacEntry> entries,
                    const std::function<std::string(PortId)>& name_of);

  // Takes over the multicast groups that a user has made to last, likewise.
  void AdoptGroups(std::span<const GroupEntry> groups,
                   const std::function<std::string(PortId)>& name_of);

  // Takes over the neighbours that a user has set.
  void AdoptNeighbours(std::span<const NeighbourEntry> neighbours);

  [[nodiscard]] SwitchSnapshot Snapshot() const override { return {}; }
  [[nodiscard]] SwitchSnapshot SnapshotOfChange() const override { return {}; }
  [[nodiscard]] absl::Status AddEntry(FdbVerb verb, const FdbRequest& request) override;
  [[nodiscard]] absl::Status DeleteEntry(VlanId vlan, MacAddress address, PortId port) override;
  [[nodiscard]] std::vector<MacEntry> FindEntry(std::optional<VlanId> vlan,
                                                MacAddress address) const override;
  [[nodiscard]] std::vector<VlanCounters> CountersIn(const VlanSet& vlans,
                                                     PortId port) const override;
  void VisitEntries(const std::function<void(std::span<const MacEntry>)>& visit) const override;
  uint64_t Flush(const EntryFilter& unwanted) override;
  [[nodiscard]] bool Recover(PortId /*port*/) override { return true; }
  [[nodiscard]] std::vector<NeighbourEntry> Neighbours() const override;
  [[nodiscard]] absl::Status FixNeighbour(const Neighbour& neighbour) override;
  uint64_t FlushNeighbours(const NeighbourFilter& unwanted) override;
  [[nodiscard]] std::vector<GroupEntry> Groups() const override;
  [[nodiscard]] absl::Status AddGroup(MdbVerb verb, const MdbRequest& request) override;
  [[nodiscard]] absl::Status DeleteGroup(const GroupKey& key, PortId port,
                                         IpAddress source) override;
  [[nodiscard]] MulticastStatus Multicast() const override { return {}; }
  [[nodiscard]] uint32_t GroupsOf(PortId /*port*/, VlanId /*vlan*/) const override { return 0; }
  [[nodiscard]] Tick now() const override { return kNow; }
  [[nodiscard]] absl::StatusOr<Trace> TraceFrame(PortId ingress, const EthernetHeader& header,
                                                 std::span<const std::byte> bytes) const override;

 private:
  // Nothing ages in a plan.
  static constexpr Tick kNow{1};

  [[nodiscard]] absl::Status Apply(const Action& action) override;
  [[nodiscard]] std::optional<PortId> Find(std::string_view name) const override;
  [[nodiscard]] std::string_view Name(PortId id) const override;

  std::vector<std::string> names_;  // by id; empty: the id is free
  MacTable table_;
  MulticastTable groups_{0};
  std::map<std::pair<VlanId, IpAddress>, Neighbour> neighbours_;
};

}  // namespace tapswitch
