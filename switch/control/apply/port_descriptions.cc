#include "switch/control/apply/port_descriptions.h"

#include <utility>

namespace tapswitch {

void PortDescriptions::Set(const BridgeConfig& config) {
  std::unordered_map<std::string, std::string> by_name;
  for (const PortConfig& port : config.ports) {
    if (!port.settings.description.empty()) by_name[port.spec.name] = port.settings.description;
  }
  const MutexLock lock(mutex_);
  by_name_ = std::move(by_name);
}

void PortDescriptions::FillIn(SwitchSnapshot& snapshot) const {
  const MutexLock lock(mutex_);
  for (PortSnapshot& port : snapshot.ports) {
    const auto found = by_name_.find(port.name);
    if (found != by_name_.end()) port.description = found->second;
  }
}

}  // namespace tapswitch
