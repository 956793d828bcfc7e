#include "switch/forwarding/forwarding_view.h"

#include <algorithm>

namespace tapswitch {
namespace {

bool LetsFramesIn(const PortForwarding& port) {
  return port.state == PortState::kLearning || port.state == PortState::kForwarding;
}

}  // namespace

ForwardingView::ForwardingView(std::span<const PortForwarding> ports) {
  PortSet isolated;
  size_t ids = 0;
  for (const PortForwarding& port : ports) {
    ids = std::max<size_t>(ids, port.id.value + 1U);
    ports_.insert(port.id);
    if (port.isolated) isolated.insert(port.id);
    if (port.locked) locked_.insert(port.id);
    if (port.locked && LetsFramesIn(port)) screened_.insert(port.id);
    if (port.learning && LetsFramesIn(port)) masks_.learning.insert(port.id);
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
    reach = port.isolated ? ports_ - isolated : ports_;
    if (!port.hairpin) reach.erase(port.id);
  }
}

}  // namespace tapswitch
