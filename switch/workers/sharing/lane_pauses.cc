// Ports of a lane that pause as somebody asks for it.

#include <utility>

#include "switch/workers/lane.h"

namespace tapswitch {

bool Lane::PausePort(PortId id, std::function<void()> on_paused) {
  Port* const found = port(id);
  if (found == nullptr || !found->Pause()) return false;
  paced_.erase(id);
  told_to_pause_.insert(id);
  // One that has paused at once may have nothing to wake the lane for.
  pausing_.push_back({.id = id,
                      .generation = found->identity().generation,
                      .on_paused = std::move(on_paused),
                      .is_read_out = found->paused()});
  return true;
}

bool Lane::ResumePort(PortId id, uint16_t generation) {
  Port* const found = port(id);
  if (found == nullptr || found->identity().generation != generation) return false;
  const bool was_paused = found->paused();
  told_to_pause_.erase(id);
  found->Resume();
  return was_paused;
}

// The writes of the turn before are out.
void Lane::FinishPauses() {
  std::erase_if(pausing_, [this](Pausing& pausing) {
    const Port* const found = port(pausing.id);
    const bool is_there = found != nullptr && found->identity().generation == pausing.generation;
    if (is_there && !std::exchange(pausing.is_read_out, found->paused())) return false;
    pausing.on_paused();
    return true;
  });
}

}  // namespace tapswitch
