// Following one frame through the bridge in thought: the stages that decide, what each said and
// why. They are the ones that forward, and nothing changes.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "switch/forwarding/advice/cacheable.h"
#include "switch/forwarding/decision.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/protocol.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

struct TraceStep {
  std::string
      stage;  // "admit", "mirror", "vlan", "screen", "learn", "state", "lookup", "group", "egress"
  std::string verdict;  // "pass", "drop"; "learn"; "forward", "flood"
  std::string text;     // for people

  bool operator==(const TraceStep&) const = default;
};

struct Trace {
  std::vector<TraceStep> steps;  // in order; the first that says "drop" is the last
  Decision decision;             // what the bridge would do with the frame
  // Whether that may be done with later frames like it without the bridge.
  Cacheability cacheable{.obstacle = CacheObstacle::kDropped};
  // `cacheable` in words: stage "cacheable", verdict "yes" or "no". It stands apart from the steps,
  // as nothing depends on it for this frame. It is nothing for a frame that is dropped.
  std::optional<TraceStep> cacheable_step;
  // Whether the kernel carries such frames, in words; filled in by those who know: stage "kernel",
  // verdict "yes", "no" or "not yet".
  std::optional<TraceStep> kernel_step = std::nullopt;
};

// `name` gives the name of a port, of kBridgePort too. Of `frame` the IP addresses are read, as
// Decide reads them, if there are any.
// Precondition: `ingress` is a port of `view`.
[[nodiscard]] Trace TraceFrame(const ForwardingView& view, const MacTable& table,
                               const Protocols& protocols, PortId ingress,
                               const EthernetHeader& header, Tick now,
                               const std::function<std::string(PortId)>& name,
                               const GroupFrame& frame = {});

}  // namespace tapswitch
