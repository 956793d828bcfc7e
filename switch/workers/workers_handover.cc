// The part of Workers by which another process takes the ports over, and by which this one does.

#include <chrono>
#include <memory>
#include <thread>

#include "switch/workers/workers.h"

namespace tapswitch {
namespace {

// Flows that the primary takes back between two batches.
constexpr size_t kFlowsAtOnce = 512;

// The time that the ports have to pause: that of a long batch, many times over.
constexpr std::chrono::milliseconds kPausePatience(500);

}  // namespace

void Workers::BeginHandover() {
  constexpr std::chrono::milliseconds kPause(1);
  if (sharing_) commands_.Call([this] { sharing_->Suspend(); });
  while (sharing_ && !commands_.Call([this] { return sharing_->is_at_rest(); })) {
    std::this_thread::sleep_for(kPause);
  }
  if (flows_ == nullptr) return;
  commands_.Call([this] { flows_->Suspend(); });
  while (!commands_.Call([this] { return flows_->RemoveSome(kFlowsAtOnce); })) {
  }
}

void Workers::CancelHandover() {
  commands_.Call([this] {
    if (sharing_) sharing_->Resume();
    if (flows_ == nullptr) return;
    flows_->Resume();
    primary_.OfferAllPorts();
  });
}

std::vector<Workers::LaneOf> Workers::Lanes() {
  std::vector<LaneOf> lanes{{.commands = &commands_, .lane = &primary_.lane()}};
  for (const auto& secondary : secondaries_) {
    lanes.push_back({.commands = &secondary->commands(), .lane = &secondary->lane()});
  }
  return lanes;
}

// With workers that share ports there is one queue, which the primary has handed over.
bool Workers::HandOverQueues(PortId id, PortHandover& to) {
  for (size_t i = 0; i < secondaries_.size() && !sharing_; ++i) {
    SecondaryWorker& secondary = *secondaries_[i];
    const bool added = secondary.commands().Call([&] {
      const Port* const queue = secondary.lane().port(id);
      return queue == nullptr || queue->HandOver(i + 1, to);
    });
    if (!added) return false;
  }
  return true;
}

// The lanes stop one after the other; what one has sent by the ports of another is sent at the end.
bool Workers::PauseAll() {
  const auto countdown = std::make_shared<Countdown>();
  for (const LaneOf& lane : Lanes()) PauseLane(lane, countdown);
  if (!countdown->WaitFor(kPausePatience)) {
    ResumeAll();
    return false;
  }
  commands_.Call([this] { primary_.SendRelayed(); });
  ReleaseHeld();
  commands_.Call([] {});  // the turn in between has submitted what was queued
  return true;
}

// Frames that are held leave early rather than not at all. Each call ends a turn of the primary.
void Workers::ReleaseHeld() {
  impairments_.ReleaseAll();
  while (impairments_.held() != 0) commands_.Call([] {});
}

void Workers::PauseLane(const LaneOf& lane, const std::shared_ptr<Countdown>& countdown) {
  lane.commands->Call([&] {
    lane.lane->ForEachPort([&](const Port& port) {
      const PortIdentity& identity = port.identity();
      if (port.paused()) return;  // another worker reads it
      countdown->Expect();
      if (!lane.lane->PausePort(identity.id, [countdown] { countdown->Done(); })) {
        return countdown->Done();
      }
      paused_.push_back({.commands = lane.commands,
                         .lane = lane.lane,
                         .id = identity.id,
                         .generation = identity.generation});
    });
  });
}

void Workers::ResumeAll() {
  for (const Reading& reading : paused_) {
    reading.commands->Call([&] { reading.lane->ResumePort(reading.id, reading.generation); });
  }
  paused_.clear();
}

// The view and all gates are right before the first frame comes in.
void Workers::EndStandby() {
  is_standby_ = false;
  commands_.Call([this] {
    primary_.lane().ForEachPort(
        [this](const Port& port) { primary_.OpenPort(port.identity().id); });
  });
  for (const LaneOf& lane : Lanes()) {
    lane.commands->Call([&] {
      lane.lane->ForEachPort([&](const Port& port) {
        lane.lane->ResumePort(port.identity().id, port.identity().generation);
      });
    });
  }
}

}  // namespace tapswitch
