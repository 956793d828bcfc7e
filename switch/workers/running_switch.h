// The objects that the primary worker's thread owns, as others see them: only to be touched by
// commands. The other workers are reached through `workers`.

#pragma once

#include <string>

#include "ports/link/link_place.h"
#include "ports/os/clock.h"
#include "switch/forwarding/bridge.h"
#include "switch/protocol/bridge_protocols.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/channels/event_channel.h"
#include "switch/workers/channels/fdb_publisher.h"
#include "switch/workers/link_thread.h"
#include "switch/workers/offload/flow_offload.h"
#include "switch/workers/primary_worker.h"
#include "switch/workers/workers.h"

namespace tapswitch {

// All of it outlives whoever holds this.
struct RunningSwitch {
  CommandQueue& commands;  // of the thread of what follows
  EventChannel& events;    // which it publishes to
  FdbPublisher& fdb;       // which tells of the table while somebody watches
  const Clock& clock;
  Bridge& bridge;
  BridgeProtocols& protocols;
  PrimaryWorker& worker;
  Workers& workers;
  LinkThread& links;
  // Forwarding by the kernel; null without it.
  KernelForwarding* kernel = nullptr;
  FlowOffload* flows = nullptr;
  std::string why_no_kernel{};
  LinkPlace link_place{};  // where others link with it
};

}  // namespace tapswitch
