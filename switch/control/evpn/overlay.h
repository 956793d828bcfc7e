// All VNIs of the bridge: what the change journal and the kernel tell is handed to the VNI that it
// is about, and a bounded part of what follows is done in each turn of the control thread.
//
// While there is no VNI, nothing is read, and nobody is told of changes of the table.

#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "ports/netlink/link_monitor.h"
#include "ports/netlink/neighbour_socket.h"
#include "ports/os/mutex.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/apply/vni_host.h"
#include "switch/control/evpn/station_table.h"
#include "switch/control/evpn/vni.h"
#include "switch/workers/running_switch.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

class Overlay final : public VniHost {
 public:
  // `control` outlives this. `on_change` is told of entries that were added to the address table,
  // or deleted from it, for other machines.
  Overlay(const BridgeControl& control, const RunningSwitch& running, Vni::OnChange on_change);
  ~Overlay() override;
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // Readable when the kernel has told something. It stays the same.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  [[nodiscard]] absl::Status Make(const EvpnConfig& vni) override;
  [[nodiscard]] absl::Status Join(const EvpnConfig& vni, FileDescriptor shadow) override;
  void Leave(const EvpnConfig& vni) override;
  void Free(const EvpnConfig& vni) override;
  [[nodiscard]] bool HandOver(std::string_view dev, PortHandover& handover) const override;

  // Removes what an earlier process of this switch has left behind.
  void RemoveLeftOvers() const;

  // ---- What happens

  void OnTableNews() { table_has_news_ = true; }
  void OnLink(const LinkEvent& link);

  // ---- Each turn of the thread

  void Step();
  // The time until Step has something to do; nothing: until something happens.
  [[nodiscard]] std::optional<std::chrono::milliseconds> Wait() const;

  // ---- For showing

  // Null when there is none.
  [[nodiscard]] const Vni* FindVni(uint32_t number) const;
  // Returns the mistakes about a VNI, one line each.
  [[nodiscard]] std::vector<std::string> WarningsOf(uint32_t number) const;
  // Adds the VNIs to a snapshot. From any thread.
  void FillIn(SwitchSnapshot& snapshot) const;
  // The VTEP of a station; nothing where it is no remote one.
  [[nodiscard]] std::optional<IpAddress> VtepOf(const MacEntry& entry) const;

 private:
  [[nodiscard]] absl::Status Open();
  void Close();
  [[nodiscard]] Vni* Find(const EvpnConfig& vni);
  void ReadTable();
  void ReadKernel();
  void PlaceAll();
  void ReadNeighbours();
  void Resync();
  void Publish();

  const BridgeControl& control_;
  StationTable table_;
  Vni::OnChange on_change_;
  FileDescriptor epoll_;
  std::optional<NeighbourEvents> events_;  // while there are VNIs
  std::optional<NeighbourWriter> writer_;  // likewise
  std::map<uint32_t, Vni> vnis_;
  bool suppresses_ = false;  // a port of a VNI has neigh_suppress
  std::chrono::steady_clock::time_point next_neighbours_;
  size_t fixed_ = 0;  // neighbours that did not age, when they were read last
  bool table_has_news_ = false;
  bool kernel_has_more_ = false;
  mutable Mutex mutex_;
  std::vector<VniSnapshot> shown_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tapswitch
