// Keeps two address tables in step: that of the switch, in the VLAN of one VNI, and that of the
// kernel's shadow bridge, which a routing daemon reads and writes (README.md).
//
//   switch's table               kernel's table                 in step
//   behind another port (local)  on the shadow port (local)     the station is here
//   on the vxlan port (remote)   on the vxlan device (remote)   it is on another machine
//   nowhere                      nowhere                        it is unknown
//
// It works by state and not by event: what either side is told to be is noted, and the address is
// looked at again. Whatever order events arrive in, and whichever of them are lost before a
// resynchronisation, both sides come to agree. Where they disagree about where a station is, the
// side that changed last wins; after a resynchronisation, when nobody knows, the kernel's does: the
// station's next frame corrects that, while the other way a route would be stolen.
//
// It does no I/O: state in, operations out. One thread calls it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

enum class StationPlace : uint8_t { kNowhere, kLocal, kRemote };

// The place that one of the two tables has for a station.
struct StationSighting {
  StationPlace place = StationPlace::kNowhere;
  bool sticky = false;  // it does not move
  PortId port{};        // of a local one in the switch's table; otherwise it has no meaning

  bool operator==(const StationSighting&) const = default;
};

struct FdbOperation {
  enum class Kind : uint8_t {
    kAnnounce,  // kernel: put it on the shadow port, from wherever it is
    kWithdraw,  // kernel: remove it from the shadow port, if it is there
    kInstall,   // switch: put it on the vxlan port, if it still is where `expected` says
    kRemove,    // switch: remove it, if it is a remote one on the vxlan port
  };

  Kind kind = Kind::kAnnounce;
  MacAddress address{};
  bool sticky = false;
  // kWithdraw: the vxlan driver still has a destination for it, to be removed directly before.
  bool has_tunnel = false;
  // kAnnounce: the shadow port has it as sticky, and it is not any more. The kernel forgets that
  // only with the entry.
  bool replaces_sticky = false;
  StationSighting expected{};

  bool operator==(const FdbOperation&) const = default;
};

class FdbSynchroniser {
 public:
  // Addresses that are known at a time. Further ones are left out, and counted.
  static constexpr size_t kMostAddresses = size_t{1} << 20U;

  // The switch's table has the station there now.
  void OnTable(MacAddress address, const StationSighting& now);
  // The kernel's bridge has it there now.
  void OnKernel(MacAddress address, const StationSighting& now);
  // The vxlan driver sends frames to it to this VTEP; nothing: it has no entry for it.
  void OnTunnel(MacAddress address, std::optional<IpAddress> vtep);

  // All that was noted is in doubt. What both tables have is told anew by the functions above,
  // followed by EndResync.
  void BeginResync();
  void EndResync();

  // Returns what is to be done about the next addresses, at most `max` operations, which count as
  // done. One that was not is told by Refuse, or by OnTable with what is there instead.
  [[nodiscard]] std::vector<FdbOperation> Take(size_t max);
  // It could not be done. It is tried again once its address changes on either side, or after a
  // resynchronisation.
  void Refuse(const FdbOperation& operation);

  [[nodiscard]] bool has_work() const { return !waiting_.empty(); }

  // The VTEP of a remote station; nothing if it is none, or if the driver has no entry for it.
  [[nodiscard]] std::optional<IpAddress> VtepOf(MacAddress address) const;
  // The addresses that the switch's table has on a port, which may all have gone at once; without a
  // port, on any.
  [[nodiscard]] std::vector<MacAddress> AddressesOn(std::optional<PortId> port) const;

  [[nodiscard]] size_t local() const { return local_; }
  [[nodiscard]] size_t remote() const { return remote_; }
  [[nodiscard]] uint64_t left_out() const { return left_out_; }

 private:
  struct Station {
    StationSighting table;
    StationSighting kernel;
    std::optional<IpAddress> tunnel;
    bool kernel_is_newer = false;  // it changed last
    bool waits = false;            // it is in waiting_
  };
  using Stations = std::unordered_map<uint64_t, Station>;  // by the number of the address

  [[nodiscard]] Station* Find(MacAddress address, bool is_news);
  void Enqueue(uint64_t key, Station& station);
  [[nodiscard]] static std::optional<FdbOperation> Decide(const Station& station);
  static void Note(const FdbOperation& operation, Station& station);
  void SetTable(Station& station, const StationSighting& now);

  Stations stations_;
  std::deque<uint64_t> waiting_;
  size_t local_ = 0;   // in the switch's table
  size_t remote_ = 0;  // likewise
  uint64_t left_out_ = 0;
};

}  // namespace tapswitch
