// Leaving the programs of the kernel to another process.

#include "switch/workers/offload/flow_offload.h"

namespace tapswitch {

void FlowOffload::Suspend() {
  is_suspended_ = true;
  kernel_.EndAll();
  may_carry_ = {};
  ports_.assign(ports_.size(), {});
  drains_.EndAll();
  pending_.clear();
  has_pending_.store(false, std::memory_order_relaxed);
}

bool FlowOffload::RemoveSome(size_t most) {
  for (FlowTable::Id id = 0; id < table_.end() && most > 0; ++id) {
    if (!table_.has(id)) continue;
    Remove(id);
    --most;
  }
  return table_.size() == 0;
}

void FlowOffload::Resume() {
  is_suspended_ = false;
  kernel_.SetTypeFilter(bridge_.protocols().type_filter());
}

}  // namespace tapswitch
