// The wanted state of the bridge, as plain data, and the actions that lead to it.
//
// Every change takes this way, whether it comes from the command line, a startup file, a batch or
// tapctl: a wanted configuration is made and compared with the running one, and the difference is
// applied action by action. The address table is not part of the configuration: it may hold a
// million entries that change by themselves. fdb_edit.h changes it in place.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ports/port_spec.h"
#include "switch/control/config/evpn_config.h"
#include "switch/control/config/mirror_config.h"
#include "switch/control/config/port_settings.h"
#include "switch/control/config/vlan_edit.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/protocol/loop/loop_detector.h"
#include "switch/protocol/multicast/multicast_settings.h"
#include "switch/protocol/stp/settings.h"

namespace tapswitch {

struct BridgeSettings {
  Ticks ageing{30000};
  uint32_t fdb_max_learned = 0;  // 0: no limit
  BridgeForwarding forwarding;
  VlanId default_pvid = kDefaultPvid;  // the PVID of new ports; kNoVlan: none
  // The VLANs in which frames to the bridge's own address are consumed.
  PortVlans vlans = OnlyPvid(kDefaultPvid);
  LoopDetection loop;
  SpanningTreeSettings tree;
  MulticastSettings multicast;

  bool operator==(const BridgeSettings&) const = default;
};

struct PortConfig {
  PortSpec spec;
  PortSettings settings;
  uint32_t opened = 0;        // how often a reopening of its device was asked for
  bool ephemeral = false;     // it is removed with its interface, and is not saved
  std::string attached_by{};  // the pattern of --attach that added it; empty: none

  bool operator==(const PortConfig&) const = default;
};

struct BridgeConfig {
  BridgeSettings bridge;
  std::vector<PortConfig> ports;  // in the order in which they were added; names are unique
  // Mirrors, in the order in which they were added; names are unique. In a wanted configuration
  // their ports may be missing: see ForgetPort.
  std::vector<MirrorConfig> mirrors;
  // VNIs, in the order in which they were added; numbers and devices are unique. In a wanted
  // configuration their ports may be missing: such a VNI goes with its port.
  std::vector<EvpnConfig> evpn{};

  [[nodiscard]] PortConfig* port(std::string_view name);
  [[nodiscard]] const PortConfig* port(std::string_view name) const;

  bool operator==(const BridgeConfig&) const = default;
};

struct SetBridge {
  BridgeSettings settings;
  bool operator==(const SetBridge&) const = default;
};
struct RemovePort {
  std::string name;
  bool operator==(const RemovePort&) const = default;
};
struct AddPort {
  PortConfig port;
  bool operator==(const AddPort&) const = default;
};
// Opens the device anew. The learned stations and the counters stay.
struct ReopenPort {
  PortConfig port;
  bool operator==(const ReopenPort&) const = default;
};
struct SetPort {
  std::string name;
  PortSettings settings;
  VlanSet left;  // VLANs that the port leaves
  bool operator==(const SetPort&) const = default;
};
struct RemoveMirror {
  std::string name;
  bool operator==(const RemoveMirror&) const = default;
};
struct AddMirror {
  MirrorConfig mirror;
  bool operator==(const AddMirror&) const = default;
};
// Makes, or takes, the vxlan device of a VNI, before its port is added.
struct MakeVni {
  EvpnConfig vni;
  bool operator==(const MakeVni&) const = default;
};
// Announces the stations of the bridge in the VNI, whose port is there.
struct JoinVni {
  EvpnConfig vni;
  bool operator==(const JoinVni&) const = default;
};
// Ends that, before the port is removed.
struct LeaveVni {
  EvpnConfig vni;
  bool operator==(const LeaveVni&) const = default;
};
// Removes the device, if it was made.
struct FreeVni {
  EvpnConfig vni;
  bool operator==(const FreeVni&) const = default;
};
using Action = std::variant<SetBridge, RemovePort, AddPort, ReopenPort, SetPort, RemoveMirror,
                            AddMirror, MakeVni, JoinVni, LeaveVni, FreeVni>;

// Returns the configuration of a port that has just been added.
[[nodiscard]] PortConfig NewPort(PortSpec spec, const BridgeSettings& bridge);

// Returns the actions that turn `running` into `wanted`, in an order in which they can be applied:
// removals first, then the rest in the order of `wanted`.
[[nodiscard]] std::vector<Action> Diff(const BridgeConfig& running, const BridgeConfig& wanted);

// Returns FailedPrecondition if there is to be a spanning tree and BPDUs are to be forwarded.
[[nodiscard]] absl::Status CheckSpanningTree(const BridgeConfig& wanted);

// Returns the VLAN that the address table has the stations of a VNI in.
[[nodiscard]] VlanId VlanOfVni(const EvpnConfig& vni, const BridgeConfig& config);
// Returns FailedPrecondition if there are to be several VNIs in one VLAN, or without VLANs, or if
// the port of one is not as the VNI needs it.
[[nodiscard]] absl::Status CheckVnis(const BridgeConfig& wanted);

// Changes `running` as the applied `action` changed the switch.
void ApplyTo(const Action& action, BridgeConfig& running);

}  // namespace tapswitch
