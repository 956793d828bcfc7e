// Whether a decision may be carried out elsewhere, without asking the bridge for each frame. A pure
// function beside Decide (decision.h), for those that carry out known conversations by themselves.
//
// Who does so is to do what the bridge would: count the frame for its ports and for its VLAN, edit
// its tag (TagEdits), and note now and then that the source was seen (MacTable::Learn) where the
// ingress port learns.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "switch/forwarding/decision.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/protocol.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// Why each frame of a conversation has to be seen by the bridge. Where several are true, the first.
enum class CacheObstacle : uint8_t {
  kDropped,
  kBroadcast,
  kMulticast,
  kUnknownDestination,
  kSeveralPorts,
  kObserved,
  kImpaired,
  kScreened,
  kProtocol,
  kUnknownSource,
  kHeldStation,
};

// By CacheObstacle: the name for programs, and what it says to people.
struct CacheObstacleText {
  std::string_view name;
  std::string_view text;
};
inline constexpr std::array<CacheObstacleText, 11> kCacheObstacles{{
    {"dropped", "it is dropped, and counted as such"},
    {"broadcast", "the destination is broadcast"},
    {"multicast", "the destination is a group address"},
    {"unknown_destination", "the destination is unknown, so it is flooded"},
    {"several_ports", "the destination is behind several ports"},
    {"observed", "a mirror or a capture looks at what comes in there"},
    {"impaired", "frames from the ingress port, or to the egress port, are impaired"},
    {"screened", "the ingress port is screened: it is locked, or has an allow list"},
    {"protocol", "a protocol that the bridge takes part in looks at frames of this type"},
    {"unknown_source", "the source is not yet known to be behind the ingress port"},
    {"held_station", "a station is held on its port, as it moved to and fro"},
}};

struct Cacheability {
  std::optional<CacheObstacle> obstacle;  // nothing: the decision is cacheable
  // When to ask again, as then source or destination is forgotten that was not seen meanwhile;
  // kEndOfTime: never. Without meaning when there is an obstacle.
  Tick until = kEndOfTime;

  bool operator==(const Cacheability&) const = default;
};

// Whether what Decide said of a frame may be done with later ones of the same ingress port, VLAN,
// source and destination, until generations change: DecisionGenerations (bridge.h) has the
// contract. Frames of EtherTypes that a protocol wants are none of them (Protocols::may_want).
// Storm control and limits of stations are no obstacles: they are about floods, and about sources
// that are not known. Precondition: `ingress` is a port of `view`, and the header was admitted.
[[nodiscard]] Cacheability Cacheable(const ForwardingView& view, const MacTable& table,
                                     const Protocols& protocols, PortId ingress, Classification as,
                                     const EthernetHeader& header, const Decision& decision,
                                     Tick now);

}  // namespace tapswitch
