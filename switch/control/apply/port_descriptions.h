// The descriptions of ports, for threads that do not own the configuration: those that serve
// metrics.

#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "ports/os/mutex.h"
#include "switch/control/config/bridge_config.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

class PortDescriptions {
 public:
  // Takes over the descriptions of all ports of a configuration.
  void Set(const BridgeConfig& config);

  // Fills in the descriptions of the ports of a snapshot.
  void FillIn(SwitchSnapshot& snapshot) const;

 private:
  mutable Mutex mutex_;
  std::unordered_map<std::string, std::string> by_name_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tapswitch
