#include "switch/forwarding/impairment/impairment.h"

#include "switch/forwarding/impairment/delay_model.h"

namespace tapswitch {
Impairment::Impairment(const ImpairmentPlan& plan, Nanoseconds now)
    : plan_(plan),
      began_(now),
      changes_at_(now),
      settings_(plan.settings),
      loss_(plan.seed),
      doubling_(plan.seed, 3),
      reordering_(plan.seed, 4),
      corruption_(plan.seed, 5),
      delays_(plan.seed, 6) {
  FollowSchedule(now);
}

void Impairment::FollowSchedule(Nanoseconds now) {
  if (now < changes_at_) return;
  settings_ = SettingsAt(plan_, now - began_);
  const Nanoseconds next = NextChange(plan_, now - began_);
  changes_at_ = next == kNoMoment ? kNoMoment : began_ + next;
}

bool Impairment::IsNextDoubled(Nanoseconds now) {
  FollowSchedule(now);
  return !settings_.duplicate.empty() && doubling_.Chance(settings_.duplicate);
}

FrameFate Impairment::Admit(size_t size, bool has_room, Nanoseconds now) {
  FollowSchedule(now);
  FrameFate fate{.death = {}, .release = now, .overtakes = false, .corrupt = {}};
  if (loss_.IsNextLost(settings_.loss)) {
    fate.death = FrameDeath::kLost;
    return fate;
  }
  const bool is_corrupt = !settings_.corrupt.empty() && corruption_.Chance(settings_.corrupt);
  if (is_corrupt) fate.corrupt = corruption_.Next();
  fate.overtakes = !settings_.reorder.empty() && reordering_.Chance(settings_.reorder);
  const Nanoseconds delay = DrawDelay(settings_.delay, delays_);
  if (!has_room) {
    fate.death = FrameDeath::kOverLimit;
    return fate;
  }
  if (settings_.rate.bits_per_second != 0) {
    fate.release = pacer_.Pass(settings_.rate, size, now);
  }
  if (!fate.overtakes) fate.release += delay;
  return fate;
}

}  // namespace tapswitch
