#include "switch/forwarding/impairment/impairment_settings.h"

#include <algorithm>
namespace tapswitch {
namespace {

Nanoseconds EndOf(const ImpairmentStep& step) {
  return step.span == 0 ? kNoMoment : step.at + step.span;
}

void Replace(const ImpairmentStep& step, ImpairmentSettings& settings) {
  const ImpairmentSettings& other = step.settings;
  if (step.has(ImpairmentPart::kDelay)) settings.delay = other.delay;
  if (step.has(ImpairmentPart::kLoss)) settings.loss = other.loss;
  if (step.has(ImpairmentPart::kDuplicate)) settings.duplicate = other.duplicate;
  if (step.has(ImpairmentPart::kReorder)) settings.reorder = other.reorder;
  if (step.has(ImpairmentPart::kCorrupt)) settings.corrupt = other.corrupt;
  if (step.has(ImpairmentPart::kRate)) settings.rate = other.rate;
}

}  // namespace

uint32_t HeldLimit(const ImpairmentPlan& plan) {
  constexpr uint32_t kQueue = 1000;
  constexpr uint32_t kOnTheWay = 10'000;
  constexpr uint64_t kSmallFrame = 256;  // bytes, on average
  if (plan.limit != 0) return plan.limit;
  const RateSettings& rate = plan.settings.rate;
  if (rate.bits_per_second == 0) return kOnTheWay;
  const DelaySettings& delay = plan.settings.delay;
  const double bytes = static_cast<double>(rate.bits_per_second) / 8 *
                       static_cast<double>(delay.delay + 4 * delay.jitter) /
                       static_cast<double>(kNanosecondsPerSecond);
  const double frames = kQueue + bytes / kSmallFrame;
  return static_cast<uint32_t>(std::min<double>(frames, ImpairmentPlan::kMostHeld));
}

ImpairmentSettings SettingsAt(const ImpairmentPlan& plan, Nanoseconds since) {
  ImpairmentSettings settings = plan.settings;
  for (const ImpairmentStep& step : plan.schedule) {
    if (step.at <= since && since < EndOf(step)) Replace(step, settings);
  }
  return settings;
}

Nanoseconds NextChange(const ImpairmentPlan& plan, Nanoseconds since) {
  Nanoseconds next = kNoMoment;
  for (const ImpairmentStep& step : plan.schedule) {
    if (since < step.at) next = std::min(next, step.at);
    if (since < EndOf(step)) next = std::min(next, EndOf(step));
  }
  return next;
}

}  // namespace tapswitch
