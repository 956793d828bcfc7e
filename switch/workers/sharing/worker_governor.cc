#include "switch/workers/sharing/worker_governor.h"

#include <algorithm>

namespace tapswitch {
namespace {

bool IsMoreThan(WorkerGovernor::Span busy, double share, WorkerGovernor::Span length) {
  return static_cast<double>(busy.count()) >= share * static_cast<double>(length.count());
}

}  // namespace

WorkerGovernor::Advice WorkerGovernor::OnPeriod(const LoadPeriod& period) {
  return shared_ ? WhileShared(period) : WhileAlone(period);
}

WorkerGovernor::Advice WorkerGovernor::WhileAlone(const LoadPeriod& period) {
  pause_left_ -= std::min(pause_left_, period.length);
  const bool is_hot = period.loaded_ports > 1 && IsMoreThan(period.busy, kHot, period.length);
  if (!is_hot) {
    hot_periods_ = 0;
    alone_ = {};
    return Advice::kStay;
  }
  ++hot_periods_;
  alone_.Add(period);
  return hot_periods_ >= kHotPeriods && pause_left_ == Span(0) ? Advice::kShare : Advice::kStay;
}

void WorkerGovernor::OnShared() {
  shared_ = true;
  on_trial_ = true;
  trial_periods_ = 0;
  cool_periods_ = 0;
  trial_ = {};
}

WorkerGovernor::Advice WorkerGovernor::WhileShared(const LoadPeriod& period) {
  const bool is_cool = !IsMoreThan(period.busy_of_all, kCool, period.length);
  cool_periods_ = is_cool ? cool_periods_ + 1 : 0;
  if (cool_periods_ >= kCoolPeriods) return Gather();
  if (!on_trial_) return Advice::kStay;
  if (++trial_periods_ > kSettlingPeriods) trial_.Add(period);
  return trial_periods_ < kTrialPeriods ? Advice::kStay : EndTrial();
}

WorkerGovernor::Advice WorkerGovernor::EndTrial() {
  on_trial_ = false;
  if (trial_.per_second() >= kGain * alone_.per_second()) {
    next_pause_ = kFirstPause;
    return Advice::kStay;
  }
  pause_left_ = next_pause_;
  next_pause_ = std::min(2 * next_pause_, kLongestPause);
  return Gather();
}

WorkerGovernor::Advice WorkerGovernor::Gather() {
  shared_ = false;
  on_trial_ = false;
  hot_periods_ = 0;
  alone_ = {};
  return Advice::kGather;
}

}  // namespace tapswitch
