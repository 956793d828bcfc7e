#include "switch/daemon.h"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ports/link_monitor.h"
#include "ports/ring_factory.h"
#include "switch/clock.h"
#include "switch/forwarding/bridge.h"
#include "switch/port_factory.h"
#include "switch/signals.h"
#include "switch/worker.h"

namespace tapswitch {
namespace {

// Slot of the kReadiness completions of the signals; the link monitor has its own.
constexpr uint32_t kSignalSlot = 0;
static_assert(kSignalSlot != LinkMonitor::kReadinessSlot);

uint64_t RandomSalt() {
  std::random_device random;
  return (uint64_t{random()} << 32U) | random();
}

class RunningDaemon final : public Daemon {
 public:
  RunningDaemon(const Config& config, StopSignals signals, std::unique_ptr<Ring> ring)
      : name_(config.name),
        signals_(std::move(signals)),
        ring_(std::move(ring)),
        bridge_({.capacity = config.fdb_max, .ageing = config.ageing, .salt = RandomSalt()}),
        monitor_(*ring_, [this](const LinkEvent& link) { worker_.OnLinkChange(link); }),
        worker_(*ring_, clock_, bridge_) {
    worker_.set_on_readiness([this](uint32_t slot) { OnReadiness(slot); });
  }

  absl::Status Open(const Config& config) {
    const Tag tag{.operation = Operation::kReadiness, .slot = kSignalSlot};
    if (absl::Status watched = ring_->Watch(signals_.fd(), tag); !watched.ok()) return watched;
    for (const PortSpec& spec : config.ports) {
      if (absl::Status added = AddPort(spec); !added.ok()) return added;
    }
    return absl::OkStatus();
  }

  void Run() override {
    spdlog::info("ready: bridge {} with {} ports", name_, port_count_);
    sd_notify(0, "READY=1");
    while (!stopping_) worker_.Turn();
    spdlog::info("stopping");
    sd_notify(0, "STOPPING=1");
    worker_.CloseAll();
    LogCounters();
  }

 private:
  absl::Status AddPort(const PortSpec& spec) {
    const PortId id{port_count_};
    auto port =
        MakePort(spec, {.id = id, .name = spec.name, .counters = &bridge_.counters(id)}, monitor_);
    if (!port.ok()) return port.status();
    if (absl::Status added = worker_.AddPort(*std::move(port)); !added.ok()) return added;
    ++port_count_;
    return absl::OkStatus();
  }

  void OnReadiness(uint32_t slot) {
    if (slot == kSignalSlot) {
      stopping_ = true;
    } else {
      monitor_.OnReadable(slot);
    }
  }

  // So that nothing is lost silently: what died, and why, port by port.
  void LogCounters() {
    for (uint16_t i = 0; i < port_count_; ++i) {
      const PortCounters& counters = bridge_.counters({i});
      std::string drops;
      for (size_t reason = 0; reason < kDropReasonCount; ++reason) {
        if (counters.drops[reason] == 0) continue;
        absl::StrAppend(&drops, " ", std::string(kDropReasons[reason].name), "=",
                        counters.drops[reason]);
      }
      spdlog::info("{}: received {} frames, forwarded {}, sent {}; dropped:{}",
                   worker_.port({i})->identity().name, counters.received.frames, counters.forwarded,
                   counters.sent.frames, drops.empty() ? " none" : drops);
    }
  }

  // The worker goes first: its ports refer to the ring, the monitor and the counters.
  std::string name_;
  StopSignals signals_;
  std::unique_ptr<Ring> ring_;
  SystemClock clock_;
  Bridge bridge_;
  uint16_t port_count_ = 0;
  bool stopping_ = false;
  LinkMonitor monitor_;
  Worker worker_;
};

}  // namespace

absl::Status Daemon::Check(const Config& config) {
  for (const PortSpec& spec : config.ports) {
    if (absl::Status checked = CheckPort(spec); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config) {
  if (absl::Status checked = Check(config); !checked.ok()) return checked;
  auto signals = StopSignals::Block();
  if (!signals.ok()) return signals.status();
  auto ring = MakeRing(config.io);
  if (!ring.ok()) return ring.status();
  spdlog::info("frames are carried by {}", ring->explanation);
  auto daemon = std::make_unique<RunningDaemon>(config, *std::move(signals), std::move(ring->ring));
  if (absl::Status opened = daemon->Open(config); !opened.ok()) return opened;
  return daemon;
}

}  // namespace tapswitch
