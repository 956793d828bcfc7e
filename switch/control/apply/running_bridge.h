// The bridge that carries frames.
//
// One thread calls it. During a call the worker's thread must be running commands.

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
#include "ports/port_handover.h"
#include "switch/control/apply/actuator.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/apply/pacer.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class RunningBridge final : public BridgeControl {
 public:
  // `running` is a bridge without ports and with the defaults of BridgeSettings.
  RunningBridge(Identity identity, const RunningSwitch& running);

  [[nodiscard]] std::vector<std::string> TakeWarnings() override {
    return actuator_.TakeWarnings();
  }
  [[nodiscard]] SwitchSnapshot Snapshot() const override;
  [[nodiscard]] SwitchSnapshot SnapshotOfChange() const override;
  [[nodiscard]] absl::Status AddEntry(FdbVerb verb, const FdbRequest& request) override;
  [[nodiscard]] absl::Status DeleteEntry(VlanId vlan, MacAddress address, PortId port) override;
  [[nodiscard]] std::vector<MacEntry> FindEntry(std::optional<VlanId> vlan,
                                                MacAddress address) const override;
  [[nodiscard]] std::vector<VlanCounters> CountersIn(const VlanSet& vlans,
                                                     PortId port) const override;
  void VisitEntries(const std::function<void(std::span<const MacEntry>)>& visit) const override;
  uint64_t Flush(const EntryFilter& unwanted) override;
  void AwaitSent() override { running_.workers.AwaitSent(); }
  [[nodiscard]] bool Recover(PortId port) override;
  void CheckMigration(PortId port) override;
  [[nodiscard]] absl::Status SetCarrier(PortId port, bool is_on) override {
    return actuator_.SetCarrier(port, is_on);
  }
  [[nodiscard]] GuestLinks::Status StatusOf(const GuestPlace& guest) const override {
    return guests_ == nullptr ? GuestLinks::Status{} : guests_->StatusOf(guest);
  }
  [[nodiscard]] std::vector<NeighbourEntry> Neighbours() const override;
  [[nodiscard]] absl::Status FixNeighbour(const Neighbour& neighbour) override;
  uint64_t FlushNeighbours(const NeighbourFilter& unwanted) override;
  [[nodiscard]] KernelFlows FlowsOfKernel() const override;
  [[nodiscard]] std::vector<GroupEntry> Groups() const override;
  [[nodiscard]] absl::Status AddGroup(MdbVerb verb, const MdbRequest& request) override;
  [[nodiscard]] absl::Status DeleteGroup(const GroupKey& key, PortId port,
                                         IpAddress source) override;
  [[nodiscard]] MulticastStatus Multicast() const override;
  [[nodiscard]] uint32_t GroupsOf(PortId port, VlanId vlan) const override;
  [[nodiscard]] Tick now() const override { return running_.clock.Now(); }
  [[nodiscard]] absl::StatusOr<Trace> TraceFrame(PortId ingress, const EthernetHeader& header,
                                                 std::span<const std::byte> bytes) const override;
  void WatchTable(bool watch) override;
  void WatchGroups(bool watch) override;

  // Sets a function that is called before a port's name is dropped: see Actuator.
  void set_before_forgetting(std::function<void(PortId)> handler) {
    actuator_.set_before_forgetting(std::move(handler));
  }

  // See Actuator.
  void set_vni_host(VniHost* host) {
    vnis_ = host;
    actuator_.set_vni_host(host);
  }
  [[nodiscard]] bool HandOverVni(std::string_view dev, PortHandover& handover) const override {
    return vnis_ == nullptr || vnis_->HandOver(dev, handover);
  }

  // See Actuator.
  void set_guest_links(GuestLinks* guests) {
    guests_ = guests;
    actuator_.set_guest_links(guests);
  }

  void set_missing_interfaces(MissingInterface missing) override {
    actuator_.set_missing_interfaces(missing);
  }

  // Has ports that are added made of what another process hands over, by their names, instead of
  // opening their devices, with the ids that they had there. Null: no more. `ports` outlives that.
  void set_inherited(std::map<std::string, PortHandover, std::less<>>* ports,
                     std::map<std::string, PortId, std::less<>> ids) {
    actuator_.set_inherited(ports, std::move(ids));
  }

  void set_switchover(std::shared_ptr<Switchover> switchover) override {
    actuator_.set_switchover(switchover);
    BridgeControl::set_switchover(std::move(switchover));
  }

 private:
  [[nodiscard]] absl::Status Apply(const Action& action) override {
    return actuator_.Apply(action);
  }
  [[nodiscard]] std::optional<PortId> Find(std::string_view name) const override {
    return actuator_.Find(name);
  }
  [[nodiscard]] std::string_view Name(PortId id) const override { return actuator_.NameOf(id); }
  [[nodiscard]] TraceStep ExplainKernel(PortId ingress, const EthernetHeader& header) const;
  [[nodiscard]] NeighbourEntry WithPort(const Neighbour& neighbour, Tick now) const;

  RunningSwitch running_;
  Actuator actuator_;
  VniHost* vnis_ = nullptr;
  GuestLinks* guests_ = nullptr;
  mutable Pacer snapshots_;
};

}  // namespace tapswitch
