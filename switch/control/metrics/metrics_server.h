// Serves the metrics of a switch over HTTP, at /metrics, to Prometheus and whoever asks like it.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "switch/control/metrics/metrics.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

class MetricsServer {
 public:
  // Called for scrapes, by threads of the server, one at a time and ten times a second at most: what
  // is served is up to 100 ms old. It answers nothing when the switch does not in time.
  using TakeSnapshot = std::function<std::optional<SwitchSnapshot>()>;

  // `address` as ParseListenAddress takes it. Starts threads, which inherit the caller's signal
  // mask: block what they must not take before. An error names the address and the cure.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsServer>> Listen(
      std::string_view address, MetricsIdentity identity, TakeSnapshot take_snapshot);

  // Waits for scrapes under way: as long as `take_snapshot` does, and up to two seconds for a client
  // that does not read or write. Nothing is called any more when it returns; a connection that no
  // thread had taken up may stay open until the process ends.
  virtual ~MetricsServer() = default;

  // The port that it listens on, also when the kernel has chosen it.
  [[nodiscard]] virtual uint16_t port() const = 0;
};

}  // namespace tapswitch
