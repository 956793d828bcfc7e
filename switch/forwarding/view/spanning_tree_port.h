// The wanted behaviour of a port in the spanning tree, as plain data.

#pragma once

#include <cstdint>

#include "switch/forwarding/ids.h"

namespace tapswitch {

// The defaults are those of a port whose neighbour is not known.
struct SpanningTreePort {
  enum class PointToPoint : uint8_t {
    kAuto,  // it is: a port has one other end
    kOn,
    kOff,
  };

  uint32_t cost = 0;            // 0: it follows from link_speed
  uint32_t link_speed = 0;      // Mbit/s; 0: not known. No setting: the tree is told of it
  uint16_t priority = 32;       // 0 .. 63
  bool guard = false;           // a BPDU shuts the port down, for `recovery` (BPDU guard)
  bool root_block = false;      // it never becomes the root port (root guard; restrictedRole)
  bool bpdu_filter = false;     // BPDUs neither come nor go by it
  bool loop_guard = false;      // it does not take over from a neighbour that has fallen silent
  bool admin_edge = false;      // it forwards at once, until a BPDU is heard
  bool auto_edge = true;        // it is taken for an edge when no BPDU answers for 3 s
  bool restricted_tcn = false;  // its topology changes stay behind it (restrictedTcn)
  PointToPoint p2p = PointToPoint::kAuto;
  Ticks recovery{30000};  // 0: until somebody recovers it by hand

  [[nodiscard]] bool is_point_to_point() const { return p2p != PointToPoint::kOff; }
  bool operator==(const SpanningTreePort&) const = default;
};

}  // namespace tapswitch
