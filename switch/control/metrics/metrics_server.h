// Serves the metrics of a switch over HTTP, at /metrics, to Prometheus and similar clients.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "switch/control/metrics/metrics.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

class MetricsServer {
 public:
  // Called for scrapes, on the thread of the server, ten times a second at most. So
  // the served data are up to 100 ms old. Returns nothing if the switch does not answer in time.
  using TakeSnapshot = std::function<std::optional<SwitchSnapshot>()>;

  // Starts the server on `address`, in the form of ParseListenAddress; or on the socket of
  // another process that listens there, if one is `inherited`. Its thread inherits the
  // caller's signal mask, so block signals before that they must not receive. An error names the
  // address and the cure.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsServer>> Listen(
      std::string_view address, MetricsIdentity identity, TakeSnapshot take_snapshot,
      FileDescriptor inherited = FileDescriptor());

  // Waits for scrapes in progress: as long as `take_snapshot` takes, and a moment for clients that
  // do not read or write. `take_snapshot` is not called afterwards.
  virtual ~MetricsServer() = default;

  // The port that it listens on, also if the kernel has chosen it.
  [[nodiscard]] virtual uint16_t port() const = 0;
  // The socket that listens, for a successor.
  [[nodiscard]] virtual int fd() const = 0;
};

}  // namespace tapswitch
