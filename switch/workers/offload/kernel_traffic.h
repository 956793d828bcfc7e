// The traffic that the kernel carries, by port and VLAN.
//
// A cell of the kernel counts for one port in one VLAN. Cells are given out as they are needed, and
// stay for good: a port that gets the id of an earlier one goes on with its cells, from what they
// stand at.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/os/mutex.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"
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

class KernelTraffic {
 public:
  // `kernel` outlives it.
  explicit KernelTraffic(const KernelForwarding& kernel);

  // ---- By those who have the bridge locked.

  // The cell of a port in a VLAN; nothing when there is no more room.
  [[nodiscard]] std::optional<uint32_t> CellOf(VlanId vlan, PortId port);
  // The interface of a port, and what it had dropped before the switch had it. An ifindex of 0:
  // there is none now.
  void SetInterface(PortId port, int ifindex, uint64_t dropped_before);

  // ---- By threads that do not forward.

  // By port, of those that had traffic since they were cleared.
  [[nodiscard]] std::map<PortId, PortTraffic> Read();
  [[nodiscard]] VlanCounters ReadVlan(VlanId vlan, PortId port);
  void Clear(PortId port);

 private:
  struct Cell {
    VlanId vlan;
    PortId port;
    FlowCell base{};  // when it was given out, or cleared
  };
  struct Interface {
    int ifindex = 0;
    uint64_t base = 0;     // of what it has dropped
    uint64_t dropped = 0;  // before it had this ifindex
    uint64_t lately = 0;   // since then, as last read
  };

  [[nodiscard]] FlowCell ReadSinceCleared(uint32_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(readers_);
  void ReadDrops(std::map<PortId, PortTraffic>& traffic);

  const KernelForwarding& kernel_;
  absl::flat_hash_map<uint32_t, uint32_t> numbers_;  // of cells, by VLAN and port; forwarders' only
  std::vector<Cell> cells_;                          // never grows beyond what was reserved
  std::atomic<uint32_t> cell_count_ = 0;

  Mutex readers_;  // of the bases
  Mutex interfaces_mutex_;
  std::map<PortId, Interface> interfaces_ ABSL_GUARDED_BY(interfaces_mutex_);
};

}  // namespace tapswitch
