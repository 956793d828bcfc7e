#include "switch/workers/housekeeping.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tapswitch {
namespace {

// Slots of the address table that a turn looks at while a sweep is going on: some tens of
// microseconds of work, so that frames never wait for a whole round.
constexpr size_t kSweepSlots = 8192;

// A tenth of the ageing time keeps dead entries few; never more often than once a second.
Ticks SweepInterval(Ticks ageing) { return {std::max<uint64_t>(100, ageing.centiseconds / 10)}; }

}  // namespace

void Housekeeping::SetAgeing(Ticks ageing, Tick now) {
  table_.set_ageing(ageing);
  next_sweep_ = now;
}

bool Housekeeping::Sweep(Tick now) {
  if (!is_sweeping_ && (next_sweep_ > now || !table_.has_mortal())) return false;
  is_sweeping_ = !table_.Sweep(kSweepSlots, now);
  if (is_sweeping_) return false;
  next_sweep_ = now + SweepInterval(table_.ageing());
  return true;
}

std::optional<Tick> Housekeeping::next_deadline(Tick now) const {
  if (is_sweeping_) return now;
  return table_.has_mortal() ? std::optional(next_sweep_) : std::nullopt;
}

}  // namespace tapswitch
