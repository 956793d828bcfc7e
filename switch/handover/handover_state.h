// The state that a process hands to its successor, as plain data. Ports are named by the
// ids that they have in the first process; times are ticks of the machine.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"
#include "switch/forwarding/fdb/change_journal.h"
#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/fdb/multicast_group.h"
#include "switch/forwarding/guards/guard_memory.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/vlan_counters.h"
#include "switch/protocol/loop/loop_detector.h"
#include "switch/protocol/multicast/snooping_memory.h"
#include "switch/protocol/neighbours/neighbour_proxy.h"
#include "switch/protocol/stp/tree.h"
#include "switch/workers/port_gates.h"

namespace tapswitch {

// A state that no reader of another number understands. It is counted up when a reader that ignores
// what it does not know, and takes a default for what is missing, would go wrong.
inline constexpr uint64_t kHandoverFormat = 1;

// The part that changes with each frame, of one port.
struct PortLiveState {
  PortId id;
  PortCounters counters;
  PortGuardMemory guards;
  std::optional<ShutDown> shut_down;

  bool operator==(const PortLiveState&) const = default;
};

struct VlanLiveState {
  VlanId vlan;
  PortId port;
  VlanCounters counters;

  bool operator==(const VlanLiveState&) const = default;
};

// The part that changes with each frame.
struct LiveState {
  std::vector<PortLiveState> ports;
  std::vector<VlanLiveState> vlans;  // by VLAN and port, ascending
  std::vector<MoveMemory> moves;
  uint64_t evictions = 0;
  LoopDetector::Counters loops;
  NeighbourProxy::Counters neighbours;
  std::optional<stp::Tree::Memory> tree;   // nothing: there is no spanning tree
  std::optional<SnoopingMemory> snooping;  // nothing: a version that does not hand it over

  bool operator==(const LiveState&) const = default;
};

struct HandedPort {
  std::string name;
  PortId id;
  bool ephemeral = false;
  std::string attached_by;
  PortHandover handover;
};

// All that can be handed over while the first process still forwards.
struct PreparedState {
  std::string version;     // of the program, for people
  uint64_t handovers = 0;  // of this bridge, before this one
  Tick started;            // when the bridge began
  MacAddress address{};    // of the bridge
  SipKey probe_key;
  FileDescriptor locks;
  FileDescriptor control;
  FileDescriptor metrics;             // that listens for scrapes; invalid: there are none
  FileDescriptor keeper;              // the channel to it; invalid: there is none
  std::vector<std::string> stored;    // by name, what the service manager keeps
  PortHandover kernel;                // its programs; empty: there are none
  std::vector<std::string> commands;  // that make the configuration
  std::vector<HandedPort> ports;
  std::vector<uint64_t> settled;  // interfaces that are not to be attached again, by ifindex
  std::vector<MacEntry> entries;
  std::vector<Neighbour> neighbours;
  std::vector<GroupMemory> groups;  // of the multicast table, by ascending key
  LiveState live;
};

// The changes since then, once nobody forwards.
struct FinalState {
  std::chrono::nanoseconds paused_at{};  // of the monotonic clock
  std::vector<Change> changes;           // of the table, since its entries were read
  bool has_entries = false;              // there were too many changes: `entries` are all there are
  std::vector<MacEntry> entries;
  std::vector<GroupMemory> groups;  // those that have changed; one that has gone is empty
  LiveState live;                   // `vlans`: those that have changed
  std::vector<HandedPort> ports;    // what was only known once they had paused; without names
};

}  // namespace tapswitch
