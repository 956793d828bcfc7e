// The parts of a switch that are made before anything runs.

#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ports/link/link_place.h"
#include "ports/os/clock.h"
#include "ports/os/netns.h"
#include "ports/os/wake_event.h"
#include "ports/ring/ring_factory.h"
#include "switch/control/config/config.h"
#include "switch/control/rpc/control_socket.h"
#include "switch/forwarding/stats.h"
#include "switch/handover/handover_state.h"
#include "switch/process/kernel_part.h"
#include "switch/process/signals.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/channels/event_channel.h"
#include "switch/workers/link_thread.h"

namespace tapswitch {

struct Parts {
  StopSignals signals;
  std::unique_ptr<CommandQueue> commands;
  WakeEvent call;
  std::unique_ptr<EventChannel> events;
  std::unique_ptr<SystemClock> clock;
  std::unique_ptr<ControlSocket> socket;
  ChosenRing ring;
  std::unique_ptr<LinkThread> links;
  NetnsId netns;
  KernelPart kernel;
};

// Returns the counters of a port for people, with the reasons of drops, so that no loss stays
// unnoticed.
[[nodiscard]] std::string CountersText(const PortCounters& counters);

// Returns where other switches find the links of this one.
[[nodiscard]] LinkPlace LinkPlaceOf(const Config& config);

// Checks the configuration as far as possible without touching the system.
[[nodiscard]] absl::Status CheckConfig(const Config& config);

// Checks the configuration, and makes the parts of a switch that nobody hands over; before that,
// whatever a killed switch has left on interfaces is put right.
[[nodiscard]] absl::StatusOr<Parts> MakeFirstParts(const Config& config);

// Makes them, or says what cannot be had. Nothing is left after an error. Those that another
// process hands over are taken from `inherited`; null: none does.
[[nodiscard]] absl::StatusOr<Parts> MakeParts(const Config& config,
                                              PreparedState* inherited = nullptr);

}  // namespace tapswitch
