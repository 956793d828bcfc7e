#include "switch/forwarding/impairment/delay_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tapswitch {
namespace {

// No delay differs from the mean by more of the jitter.
constexpr double kMostDeviation = 10;

// By Box and Muller.
double DrawNormal(RandomStream& random) {
  const double radius = std::sqrt(-2 * std::log(random.Unit()));
  return radius * std::cos(2 * std::numbers::pi * random.Unit());
}

double DrawPareto(RandomStream& random) {
  constexpr double kShape = 3;
  constexpr double kMean = kShape / (kShape - 1);
  const double deviation = std::sqrt(kShape / (kShape - 2)) / (kShape - 1);
  return (std::pow(random.Unit(), -1 / kShape) - kMean) / deviation;
}

// In units of the jitter.
double DrawDeviation(DelayDistribution distribution, RandomStream& random) {
  switch (distribution) {
    case DelayDistribution::kNormal:
      return DrawNormal(random);
    case DelayDistribution::kPareto:
      return DrawPareto(random);
    case DelayDistribution::kUniform:
      break;
  }
  return 2 * random.Unit() - 1;
}

}  // namespace

Nanoseconds DrawDelay(const DelaySettings& settings, RandomStream& random) {
  if (settings.jitter == 0) return settings.delay;
  const double drawn = DrawDeviation(settings.distribution, random);
  const double deviation = std::clamp(drawn, -kMostDeviation, kMostDeviation);
  const double delay =
      static_cast<double>(settings.delay) + deviation * static_cast<double>(settings.jitter);
  return delay <= 0 ? 0 : static_cast<Nanoseconds>(delay);
}

}  // namespace tapswitch
