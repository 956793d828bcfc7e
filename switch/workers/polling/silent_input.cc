// Ports that announce nothing while frames come, and are looked at instead.

#include <utility>

#include "switch/workers/lane.h"

namespace tapswitch {

// Those that have something are read in this turn.
bool Lane::HasSilentInput() {
  bool has_some = false;
  const PortSet silent = silent_;
  silent.ForEach([&](PortId id) {
    Port* const found = port(id);
    if (found != nullptr && !found->HasInput()) return;
    silent_.erase(id);
    if (found == nullptr) return;  // it has been removed since
    readable_.insert(id);
    has_some = true;
  });
  return has_some;
}

bool Lane::AwaitSilentInput() {
  bool has_some = false;
  std::exchange(silent_, {}).ForEach([&](PortId id) {
    Port* const found = port(id);
    if (found == nullptr || !found->AwaitInput()) return;
    readable_.insert(id);
    has_some = true;
  });
  return has_some;
}

}  // namespace tapswitch
