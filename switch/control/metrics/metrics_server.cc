#include "switch/control/metrics/metrics_server.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "switch/control/metrics/http_listener.h"
#include "switch/control/metrics/listen_address.h"

namespace tapswitch {
namespace {

// Limits the snapshots, however many clients scrape: each snapshot delays the frames of each
// worker, and anyone who can connect can scrape.
constexpr std::chrono::milliseconds kMaxAge(100);

// Whatever goes wrong with one scrape, the next one may go well. Used by one thread.
class SnapshotText {
 public:
  using Text = std::shared_ptr<const std::string>;

  SnapshotText(MetricsIdentity identity, MetricsServer::TakeSnapshot take_snapshot)
      : identity_(std::move(identity)), take_snapshot_(std::move(take_snapshot)) {}

  // Scrapes at the same time share a text, so that many take no more memory.
  [[nodiscard]] Text Latest() {
    if (taken_at_ && std::chrono::steady_clock::now() - *taken_at_ < kMaxAge) return text_;
    taken_at_.reset();
    try {
      text_ = std::make_shared<const std::string>(
          prometheus::TextSerializer().Serialize(TakeFamilies()));
      taken_at_ = std::chrono::steady_clock::now();
      return text_;
    } catch (const std::exception& error) {
      spdlog::warn("metrics: no answer to a scrape: {}", error.what());
      return std::make_shared<const std::string>();
    }
  }

 private:
  [[nodiscard]] std::vector<prometheus::MetricFamily> TakeFamilies() const {
    const auto snapshot = take_snapshot_();
    return snapshot ? MetricFamilies(*snapshot, identity_)
                    : MetricFamiliesOfUnresponsive(identity_);
  }

  MetricsIdentity identity_;
  MetricsServer::TakeSnapshot take_snapshot_;
  Text text_;
  std::optional<std::chrono::steady_clock::time_point> taken_at_;
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
  const auto text = std::make_shared<SnapshotText>(std::move(identity), std::move(take_snapshot));
  auto listener =
      HttpListener::Start(*std::move(socket), "/metrics", [text] { return text->Latest(); });
  if (absl::IsResourceExhausted(listener.status())) return listener.status();
  if (!listener.ok()) return CannotListen(address, std::string(listener.status().message()));
  return std::make_unique<RunningMetricsServer>(*std::move(listener));
}

}  // namespace tapswitch
