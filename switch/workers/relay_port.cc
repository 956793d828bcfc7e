#include "switch/workers/relay_port.h"

namespace tapswitch {

RelayPort::RelayPort(PortIdentity identity, FrameRelay& relay)
    : identity_(std::move(identity)), relay_(relay) {}

void RelayPort::Send(std::span<const WireFrame> frames) {
  PortCounters& counters = *identity_.counters;
  if (closing_) return counters.Drop(DropReason::kLinkDown, frames.size());
  const size_t taken = relay_.Append(identity_.id, frames);
  counters.Drop(DropReason::kQueueFull, frames.size() - taken);
}

}  // namespace tapswitch
