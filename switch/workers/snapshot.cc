#include "switch/workers/snapshot.h"

#include <algorithm>

namespace tapswitch {

LoopSnapshot& LoopSnapshot::operator+=(const LoopSnapshot& other) {
  for (size_t i = 0; i < kSizeBuckets; ++i) batch_sizes[i] += other.batch_sizes[i];
  frames += other.frames;
  busy_seconds += other.busy_seconds;
  ring_overflows += other.ring_overflows;
  polls += other.polls;
  return *this;
}

void SwitchSnapshot::Add(const LaneSnapshot& lane) {
  loop += lane.loop;
  loops.push_back(lane.loop);
  for (const LaneSnapshot::QueueCounters& queue : lane.counters) {
    const auto place =
        std::lower_bound(ports.begin(), ports.end(), queue.id,
                         [](const PortSnapshot& port, PortId id) { return port.id < id; });
    if (place != ports.end() && place->id == queue.id) place->counters += queue.counters;
  }
}

void SwitchSnapshot::Add(const std::map<PortId, PortTraffic>& traffic) {
  for (PortSnapshot& port : ports) {
    const auto found = traffic.find(port.id);
    if (found == traffic.end()) continue;
    port.kernel = found->second;
    found->second.AddTo(port.counters);
  }
}

}  // namespace tapswitch
