#include "switch/workers/view_builder.h"

#include <algorithm>

namespace tapswitch {

void ViewBuilder::Set(const PortForwarding& port) {
  const auto place = std::lower_bound(ports_.begin(), ports_.end(), port.id,
                                      [](const auto& a, PortId id) { return a.id < id; });
  if (place != ports_.end() && place->id == port.id) {
    *place = port;
  } else {
    ports_.insert(place, port);
  }
}

bool ViewBuilder::has(PortId id) const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [id](const PortForwarding& port) { return port.id == id; });
}

void ViewBuilder::Remove(PortId id) {
  std::erase_if(ports_, [id](const PortForwarding& port) { return port.id == id; });
}

}  // namespace tapswitch
