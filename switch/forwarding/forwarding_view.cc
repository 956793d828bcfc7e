#include "switch/forwarding/forwarding_view.h"

#include <algorithm>

namespace tapswitch {
namespace {

bool Learns(const PortForwarding& port) {
  return port.learning &&
         (port.state == PortState::kLearning || port.state == PortState::kForwarding);
}

}  // namespace

ForwardingView::ForwardingView(std::span<const PortForwarding> ports) {
  PortSet all;
  PortSet isolated;
  size_t ids = 0;
  for (const PortForwarding& port : ports) {
    ids = std::max<size_t>(ids, port.id.value + 1U);
    all.insert(port.id);
    if (port.isolated) isolated.insert(port.id);
    if (Learns(port)) masks_.learning.insert(port.id);
    if (port.state != PortState::kForwarding) continue;
    masks_.ingress.insert(port.id);
    masks_.egress.insert(port.id);
    if (port.flood) masks_.flood.insert(port.id);
    if (port.mcast_flood) masks_.mcast_flood.insert(port.id);
    if (port.bcast_flood) masks_.bcast_flood.insert(port.id);
  }
  reach_.resize(ids);
  for (const PortForwarding& port : ports) {
    PortSet& reach = reach_[port.id.value];
    reach = port.isolated ? all - isolated : all;
    if (!port.hairpin) reach.erase(port.id);
  }
}

}  // namespace tapswitch
