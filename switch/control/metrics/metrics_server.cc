#include "switch/control/metrics/metrics_server.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "ports/os/mutex.h"
#include "switch/control/metrics/http_listener.h"
#include "switch/control/metrics/listen_address.h"

namespace tapswitch {
namespace {

// Limits the snapshots, however many clients scrape: each snapshot delays the frames of each
// worker, and anyone who can connect can scrape.
constexpr std::chrono::milliseconds kMaxAge(100);

// Whatever goes wrong with one scrape, the next one may go well.
class SnapshotCollectable {
 public:
  SnapshotCollectable(MetricsIdentity identity, MetricsServer::TakeSnapshot take_snapshot)
      : identity_(std::move(identity)), take_snapshot_(std::move(take_snapshot)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const {
    try {
      return Latest();
    } catch (const std::exception& error) {
      spdlog::warn("metrics: no answer to a scrape: {}", error.what());
      return {};
    }
  }

 private:
  // Other scrapes wait for the same snapshot.
  [[nodiscard]] std::vector<prometheus::MetricFamily> Latest() const {
    const MutexLock lock(mutex_);
    if (taken_at_ && std::chrono::steady_clock::now() - *taken_at_ < kMaxAge) return families_;
    taken_at_.reset();
    const auto snapshot = take_snapshot_();
    families_ =
        snapshot ? MetricFamilies(*snapshot, identity_) : MetricFamiliesOfUnresponsive(identity_);
    taken_at_ = std::chrono::steady_clock::now();
    return families_;
  }

  MetricsIdentity identity_;
  MetricsServer::TakeSnapshot take_snapshot_;
  mutable Mutex mutex_;  // among threads of the server, and nobody else
  mutable std::vector<prometheus::MetricFamily> families_ ABSL_GUARDED_BY(mutex_);
  mutable std::optional<std::chrono::steady_clock::time_point> taken_at_ ABSL_GUARDED_BY(mutex_);
};

class RunningMetricsServer final : public MetricsServer {
 public:
  explicit RunningMetricsServer(std::unique_ptr<HttpListener> listener)
      : listener_(std::move(listener)) {}

  [[nodiscard]] uint16_t port() const override { return PortOf(listener_->fd()); }
  [[nodiscard]] int fd() const override { return listener_->fd(); }

 private:
  std::unique_ptr<HttpListener> listener_;
};

absl::Status CannotListen(std::string_view text, std::string_view why) {
  return absl::UnavailableError(
      fmt::format("--metrics_listen={}: cannot listen there: {}; choose an address of this machine "
                  "and a port that is free",
                  text, why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Listen(std::string_view address,
                                                                     MetricsIdentity identity,
                                                                     TakeSnapshot take_snapshot,
                                                                     FileDescriptor inherited) {
  const auto parsed = ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  auto socket =
      inherited.valid() ? absl::StatusOr<FileDescriptor>(std::move(inherited)) : ListenOn(*parsed);
  if (!socket.ok()) return CannotListen(address, std::string(socket.status().message()));
  const auto collectable =
      std::make_shared<SnapshotCollectable>(std::move(identity), std::move(take_snapshot));
  auto listener = HttpListener::Start(*std::move(socket), "/metrics", [collectable] {
    return prometheus::TextSerializer().Serialize(collectable->Collect());
  });
  if (!listener.ok()) return CannotListen(address, std::string(listener.status().message()));
  return std::make_unique<RunningMetricsServer>(*std::move(listener));
}

}  // namespace tapswitch
