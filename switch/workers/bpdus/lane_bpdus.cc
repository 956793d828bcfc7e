// A lane hears BPDUs, and none too many: ports that bring a flood of them are read once a tick, and
// those that found the queue of their port full are read from elsewhere.

#include <utility>

#include "switch/workers/lane.h"

namespace tapswitch {

// One that was told to pause by somebody else is theirs to resume.
void Lane::PaceBpdus() {
  bpdu_pace_.Update(active_, batch_.frames(), counters_, now_).ForEach([this](PortId id) {
    Port* const flooding = port(id);
    const bool can_be_paced = flooding != nullptr && flooding->pauses_lightly();
    if (!can_be_paced || told_to_pause_.contains(id) || !flooding->Pause()) return;
    paced_.insert(id);
    paced_until_ = now_ + Ticks{1};
  });
}

void Lane::ResumePaced() {
  std::exchange(paced_, {}).ForEach([this](PortId id) {
    if (Port* const found = port(id)) found->Resume();
  });
}

// A spanning tree forgets a neighbour after three times hello_time, which is a second at least.
void Lane::ReceiveLostBpdus() {
  constexpr Ticks kSecond{100};
  lost_bpdus_at_ = now_ + kSecond;
  for (const auto& port : ports_) {
    if (!port || port->closed() || told_to_pause_.contains(port->identity().id)) continue;
    if (port->ReceiveLostBpdus(batch_)) active_.insert(port->identity().id);
  }
}

}  // namespace tapswitch
