// The traffic that the kernel carries, by port and VLAN.
//
// A cell of the kernel counts for one port in one VLAN. Cells are given out as they are needed, and
// stay for good: a port that gets the id of an earlier one goes on with its cells, from what they
// stand at.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/os/mutex.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/view/vlan_counters.h"

namespace tapswitch {

// The frames that the kernel carried from and to a port, on the way past the switch.
struct PortTraffic {
  FrameCounter received;  // all of them were forwarded
  FrameCounter sent;      // without what the interface dropped then
  uint64_t drained = 0;   // besides, dropped on the way in
  uint64_t no_memory = 0;
  uint64_t egress_drops = 0;  // by the interface

  // Adds it to what the switch itself has counted.
  void AddTo(PortCounters& counters) const;
};

// The functions by which counters of the kernel are read.
struct KernelCounts {
  std::function<FlowCell(uint32_t)> cell;
  // By ifindex: see ReadTxDropped.
  std::function<std::optional<uint64_t>(int)> tx_dropped;
};

class KernelTraffic {
 public:
  // `kernel` outlives it.
  explicit KernelTraffic(const KernelForwarding& kernel);
  explicit KernelTraffic(KernelCounts counts);

  // ---- By those who have the bridge locked.

  // The cell of a port in a VLAN; nothing when there is no more room.
  [[nodiscard]] std::optional<uint32_t> CellOf(VlanId vlan, PortId port);
  // Another view is in place: what ports have carried in VLANs that they left is not shown again,
  // should they come back (see VlanCounterTable).
  void FollowMembers(const ForwardingView& view);
  // The interface of a port, and what it had dropped before the switch had it, where that is known:
  // if not, what it has dropped when it is first looked at. An ifindex of 0: there is none now.
  void SetInterface(PortId port, int ifindex, std::optional<uint64_t> dropped_before);

  // ---- By threads that do not forward.

  // By port, of those that had traffic since they were cleared.
  [[nodiscard]] std::map<PortId, PortTraffic> Read();
  [[nodiscard]] VlanCounters ReadVlan(VlanId vlan, PortId port);
  void Clear(PortId port);

 private:
  struct Cell {
    VlanId vlan;
    PortId port;
    FlowCell base{};                     // when it was given out, or cleared
    FlowCell vlan_base{};                // when the port came back to the VLAN
    std::atomic<bool> has_left = false;  // the port has left the VLAN since it was used
  };
  struct Interface {
    int ifindex = 0;
    std::optional<uint64_t> dropped;  // as last read; nothing: it has not been
    FrameCounter sent;                // by the kernel, until then
    FrameCounter lost;                // of these, what it has dropped
  };

  // By port, of an ifindex.
  using Drops = std::map<PortId, std::pair<int, uint64_t>>;

  [[nodiscard]] Drops ReadDrops() const;
  [[nodiscard]] std::map<PortId, PortTraffic> ReadCells() const;
  void Account(const Drops& drops, std::map<PortId, PortTraffic>& traffic);

  KernelCounts counts_;
  absl::flat_hash_map<uint32_t, uint32_t> numbers_;  // of cells, by VLAN and port; forwarders' only
  std::vector<Cell> cells_;                          // never grows beyond what was reserved
  std::atomic<uint32_t> cell_count_ = 0;

  Mutex reading_;        // one reads at a time, so that what is accounted is of one moment
  mutable Mutex mutex_;  // of vlan_base, and of interfaces; nobody waits with it
  std::map<PortId, Interface> interfaces_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tapswitch
