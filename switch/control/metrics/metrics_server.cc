#include "switch/control/metrics/metrics_server.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <exception>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "ports/os/mutex.h"
#include "switch/control/metrics/listen_address.h"

namespace tapswitch {
namespace {

// Limits the snapshots, however many clients scrape: each snapshot delays the frames of each
// worker, and anyone who can connect can scrape.
constexpr std::chrono::milliseconds kMaxAge(100);

// An exception must not get into the web server, which is C.
class SnapshotCollectable final : public prometheus::Collectable {
 public:
  SnapshotCollectable(MetricsIdentity identity, MetricsServer::TakeSnapshot take_snapshot)
      : identity_(std::move(identity)), take_snapshot_(std::move(take_snapshot)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
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

// Two threads, so that one slow client does not keep Prometheus out; and two seconds for a client
// to send and to read, so that it does not keep the switch from ending.
std::vector<std::string> CivetOptions(const ListenAddress& address) {
  return {"listening_ports",    fmt::format("{}:{}", address.host, address.port),
          "num_threads",        "2",
          "request_timeout_ms", "2000"};
}

class RunningMetricsServer final : public MetricsServer {
 public:
  RunningMetricsServer(const ListenAddress& address,
                       std::shared_ptr<prometheus::Collectable> collectable)
      : address_(address),
        collectable_(std::move(collectable)),
        exposer_(std::make_unique<prometheus::Exposer>(CivetOptions(address))) {
    exposer_->RegisterCollectable(collectable_);
    address_.port = static_cast<uint16_t>(exposer_->GetListeningPorts().at(0));
  }

  // The web server looks for its end when somebody connects, else only every two seconds
  // (civetweb.c, SOCKET_TIMEOUT_QUANTUM).
  ~RunningMetricsServer() override {
    const std::jthread knocking([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        ConnectBriefly(address_);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    exposer_.reset();
  }
  RunningMetricsServer(const RunningMetricsServer&) = delete;
  RunningMetricsServer& operator=(const RunningMetricsServer&) = delete;

  [[nodiscard]] uint16_t port() const override { return address_.port; }

 private:
  ListenAddress address_;
  std::shared_ptr<prometheus::Collectable> collectable_;
  std::unique_ptr<prometheus::Exposer> exposer_;
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
                                                                     TakeSnapshot take_snapshot) {
  const auto parsed = ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  // The web server does not say why it could not listen; the kernel does.
  if (const absl::Status probed = ProbeListenAddress(*parsed); !probed.ok()) {
    return CannotListen(address, std::string(probed.message()));
  }
  try {
    auto collectable =
        std::make_shared<SnapshotCollectable>(std::move(identity), std::move(take_snapshot));
    return std::make_unique<RunningMetricsServer>(*parsed, std::move(collectable));
  } catch (const std::exception& error) {
    return CannotListen(address, error.what());
  }
}

}  // namespace tapswitch
