// Wires a configuration into a running switch: ring, ports, bridge, worker. Everything that main
// needs and nothing of the command line.

#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/config.h"

namespace tapswitch {

class Daemon {
 public:
  // Checks what can be checked without touching the system.
  [[nodiscard]] static absl::Status Check(const Config& config);

  // Opens the ports and starts to forward with the first Run. The thread that calls Start must also
  // call Run (io_uring ties a ring to its thread). On an error nothing is left behind.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Config& config);

  virtual ~Daemon() = default;

  // Forwards until SIGTERM or SIGINT, then closes the ports.
  virtual void Run() = 0;
};

}  // namespace tapswitch
