// Entries of the address tables of bridges and of vxlan devices, and neighbours of IP: rtnetlink
// has the same messages for all of them (RTM_NEWNEIGH, RTM_DELNEIGH).

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

struct nlmsghdr;

namespace tapswitch {

struct KernelNeighbour {
  enum class Kind : uint8_t {
    kBridge,  // where a bridge has an address: `ifindex` is the port
    kTunnel,  // where a vxlan device sends frames for an address: to `ip`
    kIp,      // the address of `ip` on interface `ifindex`
  };

  Kind kind = Kind::kBridge;
  bool removed = false;
  int ifindex = 0;
  int master = 0;               // kBridge: the bridge
  MacAddress mac{};             // zero: of a tunnel, where it sends what it has no entry for
  std::optional<IpAddress> ip;  // nothing: it has none that can be used here
  uint16_t vlan = 0;            // 0: none
  bool permanent = false;       // an address of the bridge itself
  bool reachable = false;       // kIp: in a state in which it may be used
  bool sticky = false;
  bool extern_learn = false;
  bool router = false;

  bool operator==(const KernelNeighbour&) const = default;
};

// Parses a message. Returns nothing for one that is none of these, or is malformed.
[[nodiscard]] std::optional<KernelNeighbour> ParseNeighbour(nlmsghdr& message);

// A change to make. The flags and states are those that `bridge fdb` and `ip neigh` would set.
struct NeighbourChange {
  enum class Kind : uint8_t {
    kSetPort,       // puts `mac` on port `ifindex` of its bridge, as extern_learn
    kRemovePort,    // removes it there; an entry on another port stays
    kRemoveTunnel,  // removes what vxlan device `ifindex` has for `mac`
    kSetIp,         // says that `ip` has address `mac` on interface `ifindex`, for good
    kRemoveIp,      // removes that
  };

  Kind kind = Kind::kSetPort;
  int ifindex = 0;
  MacAddress mac{};
  IpAddress ip{};
  bool sticky = false;  // kSetPort
  bool router = false;  // kSetIp

  bool operator==(const NeighbourChange&) const = default;
};

// Appends a request that makes the change, with an acknowledgement, to `bytes`.
void AppendRequest(const NeighbourChange& change, uint32_t sequence, std::string& bytes);

}  // namespace tapswitch
