// Whether the kernel may carry a conversation by itself, and how: the policy, as a pure function of
// what the bridge knows. A conversation is one direction: frames from one station to another, by
// one port and with one tag.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "switch/forwarding/advice/cacheable.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/protocol.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/tag_edit.h"

namespace tapswitch {

// The ports that the kernel can carry frames from, and to.
struct FlowPorts {
  PortSet from;
  PortSet to;
  PortSet taken_over;  // not `from`, but would be if they were opened anew (KernelPath)
};

// Why a conversation stays in the switch. Where several are true, the first. kJoined and kFull are
// no advice: they are found out.
enum class FlowObstacle : uint8_t {
  kOff,
  kIngress,
  kTakenOver,
  kTurnedOff,
  kDecision,  // it is not Cacheable
  kEgress,
  kTag,
  kAgeing,
  kJoined,
  kFull,
};

struct FlowObstacleText {
  std::string_view name;  // for programs
  std::string_view text;  // for people
};
// By FlowObstacle. That of kDecision is said by the CacheObstacle.
inline constexpr std::array<FlowObstacleText, 10> kFlowObstacles{{
    {"off", "the kernel carries nothing for this bridge"},
    {"ingress",
     "the kernel cannot take frames from the ingress port: it is neither a netdev port that "
     "the host is kept out of nor the host's own TAP, in the network namespace of the switch"},
    {"taken_over",
     "the ingress port was taken over from a bridge of the kernel, or from another process, as it "
     "was: it takes part once it is deleted and added again"},
    {"turned_off", "a port has kernel_forwarding off"},
    {"decision", "each frame has to be seen by the bridge"},
    {"egress",
     "the egress port is neither a netdev port nor a TAP, in the network namespace of the switch"},
    {"tag", "a priority tag, or a tag of another type than the bridge's, stays in user space"},
    {"ageing", "addresses age too fast"},
    {"joined",
     "its small frames leave the switch as parts of larger ones, of which the receiver takes "
     "more"},
    {"full", "it carries as many conversations as it has room for"},
}};

struct FlowAdvice {
  std::optional<FlowObstacle> obstacle = FlowObstacle::kOff;  // nothing: it may be carried
  std::optional<CacheObstacle> cache_obstacle;                // of kDecision
  // The rest has meaning where there is no obstacle.
  PortId egress;
  VlanId vlan;
  TagEdit edit = TagEdit::kKeep;
  VlanTag tag{};            // that an edit gives it
  Tick until = kEndOfTime;  // when to ask again: see Cacheability
};

// The ageing time below which the kernel carries nothing: what it has seen is read now and then.
inline constexpr Ticks kLeastFlowAgeing{100};

// Contract: as that of Cacheable, for frames that have a tag of the same type and VID or none, as
// `header` has, and are of types that no protocol may want. Precondition: `ingress` is a port of
// `view`.
[[nodiscard]] FlowAdvice AdviseFlow(const ForwardingView& view, const MacTable& table,
                                    const Protocols& protocols, const FlowPorts& ports,
                                    PortId ingress, const EthernetHeader& header, Tick now);

}  // namespace tapswitch
