// One VNI: its devices, and the tables that are kept in step.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ports/netlink/neighbour_socket.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/evpn/fdb_synchroniser.h"
#include "switch/control/evpn/neighbour_synchroniser.h"
#include "switch/control/evpn/station_table.h"
#include "switch/control/evpn/vni_devices.h"

namespace tapswitch {

class Vni {
 public:
  using Clock = std::chrono::steady_clock;

  struct Counters {
    uint64_t resyncs = 0;   // both tables were read as a whole
    uint64_t overruns = 0;  // changes of one of them were lost
    uint64_t refusals = 0;  // changes that the kernel, or the switch for want of room, refused
  };

  Vni(EvpnConfig config, const std::string& owner)
      : config_(config), devices_(std::move(config), owner) {}

  [[nodiscard]] const EvpnConfig& config() const { return config_; }
  [[nodiscard]] VniDevices& devices() { return devices_; }
  [[nodiscard]] const VniDevices& devices() const { return devices_; }
  [[nodiscard]] const FdbSynchroniser& stations() const { return synchroniser_; }
  [[nodiscard]] const NeighbourSynchroniser& neighbours() const { return neighbours_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const std::set<IpAddress>& vteps() const { return vteps_; }
  // Why it does not work; empty: it does.
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }

  // It takes part from now on.
  void Join() { joined_ = true; }
  [[nodiscard]] bool joined() const { return joined_; }
  // Called with each entry of the switch's table that was added or deleted.
  using OnChange = std::function<void(std::string_view event, const MacEntry& entry)>;

  // The VLAN and the port of the switch; to be set whenever they may be others. What it has put
  // into the table at another place goes.
  void SetPlace(VlanId vlan, PortId tunnel, const StationTable& table, const OnChange& on_change);
  [[nodiscard]] VlanId vlan() const { return vlan_; }
  [[nodiscard]] PortId tunnel() const { return tunnel_; }

  // ---- What has happened

  void OnTable(const StationTable::News::Address& address);
  // Some of what the table had may be gone: by that port, or at all.
  void OnFlush(const StationTable& table, std::optional<PortId> port);
  // The entry may be of another VNI.
  void OnKernel(const KernelNeighbour& entry);
  void OnInterface(std::string_view name);
  void OnOverrun();
  // The switch has forgotten neighbours, or has room for them only now.
  void OnNeighboursForgotten() { neighbours_.ForgetInstalled(); }

  // ---- What follows

  [[nodiscard]] bool wants_resync() const { return joined_ && resync_wanted_; }
  // Also from time to time while it does not work.
  [[nodiscard]] bool wants_repair() const {
    return joined_ && (repair_wanted_ || (!obstacle_.empty() && Clock::now() >= retry_at_));
  }
  static constexpr std::chrono::milliseconds kRetry{1000};
  [[nodiscard]] bool has_work() const {
    return joined_ && !is_half_read_ && (synchroniser_.has_work() || neighbours_.has_work());
  }

  // Sees to the devices. Log lines go to spdlog.
  void Repair();
  // All that the switch's table has of this VLAN is handed to OnTable after this, then EndResync.
  void BeginResync();
  void EndResync();

  // Carries out the next operations, some hundred.
  void Work(const StationTable& table, NeighbourWriter& writer, const OnChange& on_change);

  // Announces the neighbours of the switch, those of this VNI that are behind its ports.
  void AnnounceNeighbours(const std::vector<BridgeControl::NeighbourEntry>& all,
                          NeighbourWriter& writer, Tick now);

  // Removes what other machines announced from the switch's table.
  void RemoveRemote(const StationTable& table, const OnChange& on_change) {
    joined_ = false;
    ForgetRemote(table, on_change);
  }

 private:
  void ForgetRemote(const StationTable& table, const OnChange& on_change);
  void WriteKernel(std::span<const FdbOperation> operations, NeighbourWriter& writer);
  void WriteTable(std::span<const FdbOperation> operations, const StationTable& table,
                  const OnChange& on_change);

  EvpnConfig config_;
  VniDevices devices_;
  FdbSynchroniser synchroniser_;
  NeighbourSynchroniser neighbours_;
  Counters counters_;
  std::set<IpAddress> vteps_;  // to which unknown frames are flooded
  std::string obstacle_;
  VlanId vlan_;
  PortId tunnel_{};
  Clock::time_point retry_at_;
  bool joined_ = false;
  bool resync_wanted_ = true;
  bool repair_wanted_ = true;
  bool is_half_read_ = false;  // the kernel's table could not be read: nothing is to follow from it
  size_t announced_ = 0;       // where a turn begins that has more neighbours than it can announce
};

}  // namespace tapswitch
