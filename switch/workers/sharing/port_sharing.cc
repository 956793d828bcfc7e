#include "switch/workers/sharing/port_sharing.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "ports/os/clock.h"

namespace tapswitch {
namespace {

// A port that brings less than this part of all work leaves nothing to share.
constexpr uint64_t kLoadedPart = 8;

// While ports are shared the primary looks so often, though it may have nothing to do.
constexpr Ticks kLookInterval{5};

// A worker that could not be started, for want of threads or memory, is asked for again after this
// time.
constexpr Ticks kStartInterval{500};

}  // namespace

PortSharing::PortSharing(Options options, CommandQueue& commands, PrimaryWorker& primary,
                         const Secondaries& secondaries)
    : options_(std::move(options)),
      commands_(commands),
      primary_(primary),
      secondaries_(secondaries),
      port_before_(kMaxPorts) {
  primary_.lane().MeasureLoad();
}

// Ticks are some milliseconds long.
void PortSharing::OnTurn() {
  const Tick now = primary_.lane().now();
  if (now == looked_at_) return;
  looked_at_ = now;
  const LoadPeriod period = Measure();
  if (!shares_.empty()) primary_.WakeBy(now + kLookInterval);
  if (moving_ > 0 || starting_ || is_suspended_) return;
  Act(options_.governor ? options_.governor(period) : governor_.OnPeriod(period));
}

LoadPeriod PortSharing::Measure() {
  const Span time = MonotonicTime();
  LoadPeriod period{.length = time - std::exchange(time_, time)};
  before_.resize(secondaries_.size() + 1);
  for (size_t i = 0; i < before_.size(); ++i) {
    const Lane& lane = i == 0 ? primary_.lane() : secondaries_[i - 1]->lane();
    const Measured now{.work = lane.load().work.load(std::memory_order_relaxed),
                       .idle = lane.IdleUntil(time)};
    const Measured was = std::exchange(before_[i], now);
    const bool has_reader =
        i == 0 || std::any_of(shares_.begin(), shares_.end(), [&](const auto& one) {
          return one.reader == secondaries_[i - 1].get();
        });
    if (!has_reader) continue;
    const Span busy = std::clamp(period.length - (now.idle - was.idle), Span(0), period.length);
    period.work += now.work - was.work;
    period.busy = std::max(period.busy, busy);
    period.busy_of_all += busy;
  }
  MeasurePorts(period.work);
  period.loaded_ports = LoadedParts();
  return period;
}

void PortSharing::MeasurePorts(uint64_t total) {
  loaded_.clear();
  primary_.lane().ForEachPort([&](const Port& port) {
    const PortId id = port.identity().id;
    const uint64_t now = LaneLoad::WorkOf(primary_.lane().counters(id));
    const uint64_t was = std::exchange(port_before_[id.value], now);
    const uint64_t work = now >= was ? now - was : 0;  // an earlier port of this id
    if (work == 0 || work * kLoadedPart < total) return;
    loaded_.push_back({.id = id, .work = work, .can_be_shared = port.can_be_shared()});
  });
}

void PortSharing::OnWorkerStarted(bool is_there) {
  starting_ = false;
  if (!is_there) ask_from_ = primary_.lane().now() + kStartInterval;
}

// Those that the primary alone can read count as one.
size_t PortSharing::LoadedParts() const {
  const auto shareable = static_cast<size_t>(std::count_if(
      loaded_.begin(), loaded_.end(), [](const PortWork& port) { return port.can_be_shared; }));
  return shareable + (shareable < loaded_.size() ? 1 : 0);
}

void PortSharing::Act(WorkerGovernor::Advice advice) {
  if (advice == WorkerGovernor::Advice::kGather) return GatherAll();
  if (advice != WorkerGovernor::Advice::kShare || !shares_.empty()) return;
  const size_t wanted = std::min(options_.most_workers, LoadedParts());
  if (secondaries_.size() + 1 < wanted && looked_at_ >= ask_from_) {
    starting_ = true;
    return options_.start_worker();
  }
  if (!secondaries_.empty()) ShareOut();
}

// Ports that cannot be shared stay where they are; without such the heaviest port does. Each next
// one goes to the worker that has least.
void PortSharing::ShareOut() {
  std::sort(loaded_.begin(), loaded_.end(), [](const PortWork& a, const PortWork& b) {
    return a.can_be_shared == b.can_be_shared ? a.work > b.work : b.can_be_shared;
  });
  std::vector<uint64_t> load(secondaries_.size() + 1);
  for (const PortWork& port : loaded_) {
    const auto least =
        port.can_be_shared ? std::min_element(load.begin(), load.end()) : load.begin();
    *least += port.work;
    const auto worker = static_cast<size_t>(least - load.begin());
    if (worker > 0) GiveAway(port.id, *secondaries_[worker - 1]);
  }
  governor_.OnShared();
  primary_.WakeBy(looked_at_ + kLookInterval);
  spdlog::debug("{} of {} loaded ports are read by other workers", shares_.size(), loaded_.size());
}

// A port that comes or goes at this time is not there for all workers.
void PortSharing::GiveAway(PortId id, SecondaryWorker& reader) {
  if (!primary_.IsOpen(id)) return;
  const uint16_t generation = primary_.port(id)->identity().generation;
  const auto resume = [this, id, generation, &reader] {
    reader.commands().Post([this, id, generation, &lane = reader.lane()] {
      const bool is_read = lane.ResumePort(id, generation);
      commands_.Post([this, id, generation, is_read] {
        --moving_;
        if (!is_read) KeepHere(id, generation);
      });
    });
  };
  if (!primary_.lane().PausePort(id, resume)) return;
  ++moving_;
  shares_.push_back({.id = id, .generation = generation, .reader = &reader});
}

// A reader for which there was no descriptor has nothing to read from.
void PortSharing::KeepHere(PortId id, uint16_t generation) {
  std::erase_if(shares_, [&](const Share& share) {
    return share.id == id && share.generation == generation;
  });
  primary_.lane().ResumePort(id, generation);
}

// The frames that the secondary handed over are sent before those that this port brings from then
// on.
void PortSharing::TakeBack(const Share& share) {
  ++moving_;
  const auto resume = [this, share] {
    commands_.Post([this, share] {
      primary_.SendRelayed();
      primary_.lane().ResumePort(share.id, share.generation);
      --moving_;
    });
  };
  share.reader->commands().Post([share, resume, &lane = share.reader->lane()] {
    const Port* const port = lane.port(share.id);
    const bool is_there = port != nullptr && port->identity().generation == share.generation;
    if (!is_there || !lane.PausePort(share.id, resume)) resume();
  });
}

void PortSharing::GatherAll() {
  for (const Share& share : std::exchange(shares_, {})) TakeBack(share);
  primary_.WakeBy(std::nullopt);
  spdlog::debug("one worker reads all ports");
}

}  // namespace tapswitch
