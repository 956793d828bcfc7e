// The fates of frames: their shares, and that they are the same in every run.

#include "switch/forwarding/impairment/impairment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tapswitch::impairment_test {
namespace {

constexpr size_t kFrames = 1'000'000;
constexpr size_t kSize = 1000;

constexpr FrameShare Percent(double percent) {
  return {static_cast<uint32_t>(percent * FrameShare::kWhole / 100)};
}

// Whether a count of `frames` is what chance makes of `share`, within three standard deviations.
void ExpectShare(size_t count, size_t frames, double share) {
  const double mean = static_cast<double>(frames) * share;
  EXPECT_NEAR(static_cast<double>(count), mean, 3 * std::sqrt(mean * (1 - share)));
}

ImpairmentPlan PlanOf(const ImpairmentSettings& settings, uint32_t seed = 1) {
  return {.is_set = true, .settings = settings, .seed = seed};
}

std::vector<bool> Losses(const ImpairmentPlan& plan, size_t frames = kFrames) {
  Impairment impairment(plan, 0);
  std::vector<bool> lost;
  lost.reserve(frames);
  for (size_t i = 0; i < frames; ++i) {
    lost.push_back(impairment.Admit(kSize, true, i).death == FrameDeath::kLost);
  }
  return lost;
}

size_t Count(const std::vector<bool>& flags) {
  return static_cast<size_t>(std::count(flags.begin(), flags.end(), true));
}

TEST(ImpairmentTest, LosesTheShareThatIsAsked) {
  for (const double percent : {0.1, 1.0, 30.0}) {
    const auto lost = Losses(PlanOf({.loss = {.random = Percent(percent)}}));
    ExpectShare(Count(lost), kFrames, percent / 100);
  }
}

TEST(ImpairmentTest, LosesAllOfAHundredPercentAndNoneOfZero) {
  EXPECT_EQ(Count(Losses(PlanOf({.loss = {.random = Percent(100)}}))), kFrames);
  EXPECT_EQ(Count(Losses(PlanOf({}))), 0U);
}

TEST(ImpairmentTest, HasTheSameFatesInEveryRunOfASeed) {
  const ImpairmentSettings settings{.loss = {.random = Percent(5)}};
  EXPECT_EQ(Losses(PlanOf(settings, 7)), Losses(PlanOf(settings, 7)));
  EXPECT_NE(Losses(PlanOf(settings, 7)), Losses(PlanOf(settings, 8)));
}

TEST(ImpairmentTest, LosesTheSameFramesWhateverElseIsImpaired) {
  ImpairmentSettings settings{.loss = {.random = Percent(5)}};
  const auto alone = Losses(PlanOf(settings), 10'000);
  settings.duplicate = Percent(10);
  settings.corrupt = Percent(10);
  settings.delay = {.delay = 1000, .jitter = 500, .distribution = DelayDistribution::kNormal};
  EXPECT_EQ(Losses(PlanOf(settings), 10'000), alone);
}

// With a share C that has the fate of the frame before, the losses after a loss are C + (1 - C) p.
TEST(ImpairmentTest, CorrelationKeepsTheShareAndJoinsLosses) {
  const auto lost = Losses(PlanOf({.loss = {.random = Percent(10), .correlation = Percent(50)}}));
  const double share = static_cast<double>(Count(lost)) / kFrames;
  EXPECT_NEAR(share, 0.1, 0.003);
  size_t after_loss = 0;
  for (size_t i = 1; i < lost.size(); ++i) after_loss += lost[i - 1] && lost[i] ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(after_loss) / static_cast<double>(Count(lost)), 0.55, 0.01);
}

// P / (P + R) of all frames, in bursts of 1 / R.
TEST(ImpairmentTest, BurstsHaveTheLengthAndTheShareOfGilbertAndElliott) {
  const auto lost =
      Losses(PlanOf({.loss = {.burst_begins = Percent(1), .burst_ends = Percent(25)}}));
  size_t bursts = 0;
  for (size_t i = 0; i < lost.size(); ++i) bursts += lost[i] && (i == 0 || !lost[i - 1]) ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(Count(lost)) / kFrames, 1.0 / 26, 0.002);
  EXPECT_NEAR(static_cast<double>(Count(lost)) / static_cast<double>(bursts), 4, 0.1);
}

TEST(ImpairmentTest, DoublesCorruptsAndReordersTheirShares) {
  Impairment impairment(PlanOf({.delay = {.delay = 100},
                                .duplicate = Percent(2),
                                .reorder = Percent(3),
                                .corrupt = Percent(4)}),
                        0);
  size_t doubled = 0;
  size_t reordered = 0;
  size_t corrupt = 0;
  for (size_t i = 0; i < kFrames; ++i) {
    doubled += impairment.IsNextDoubled(i) ? 1 : 0;
    const FrameFate fate = impairment.Admit(kSize, true, i);
    EXPECT_EQ(fate.release, fate.overtakes ? i : i + 100);
    reordered += fate.overtakes ? 1 : 0;
    corrupt += fate.corrupt ? 1 : 0;
  }
  ExpectShare(doubled, kFrames, 0.02);
  ExpectShare(reordered, kFrames, 0.03);
  ExpectShare(corrupt, kFrames, 0.04);
}

struct Moments {
  double mean = 0;
  double deviation = 0;
  double least = 1e18;
  double most = 0;
};

Moments DelaysOf(const DelaySettings& settings) {
  constexpr size_t kDraws = 200'000;
  Impairment impairment(PlanOf({.delay = settings}), 0);
  Moments moments;
  double squares = 0;
  for (size_t i = 0; i < kDraws; ++i) {
    const auto delay = static_cast<double>(impairment.Admit(kSize, true, 0).release);
    moments.mean += delay / kDraws;
    squares += delay * delay / kDraws;
    moments.least = std::min(moments.least, delay);
    moments.most = std::max(moments.most, delay);
  }
  moments.deviation = std::sqrt(squares - moments.mean * moments.mean);
  return moments;
}

TEST(ImpairmentTest, DelaysHaveTheMeanAndTheJitterOfTheirDistribution) {
  constexpr double kDelay = 20e6;
  constexpr double kJitter = 2e6;
  const DelaySettings settings{.delay = 20'000'000, .jitter = 2'000'000};
  const Moments uniform = DelaysOf(settings);
  EXPECT_NEAR(uniform.mean, kDelay, 0.01 * kJitter);
  EXPECT_GE(uniform.least, kDelay - kJitter);
  EXPECT_LE(uniform.most, kDelay + kJitter);
  for (const auto distribution : {DelayDistribution::kNormal, DelayDistribution::kPareto}) {
    DelaySettings other = settings;
    other.distribution = distribution;
    const Moments moments = DelaysOf(other);
    EXPECT_NEAR(moments.mean, kDelay, 0.05 * kJitter);
    EXPECT_NEAR(moments.deviation, kJitter, 0.15 * kJitter);
  }
}

TEST(ImpairmentTest, DelayIsNeverLessThanNone) {
  const Moments moments =
      DelaysOf({.delay = 1000, .jitter = 5000, .distribution = DelayDistribution::kNormal});
  EXPECT_EQ(moments.least, 0);
}

TEST(ImpairmentTest, RateIsExactOverManyFrames) {
  constexpr uint64_t kRate = 9'999'991;  // no whole number of nanoseconds a bit
  Impairment impairment(PlanOf({.rate = {.bits_per_second = kRate}}), 0);
  Nanoseconds last = 0;
  for (size_t i = 0; i < 100'000; ++i) last = impairment.Admit(kSize, true, 0).release;
  const double expected = 100'000.0 * kSize * 8 / kRate * 1e9;
  EXPECT_NEAR(static_cast<double>(last), expected, 2);
}

TEST(ImpairmentTest, BurstOfARateLeavesAtOnceAfterSilence) {
  Impairment impairment(PlanOf({.rate = {.bits_per_second = 8'000'000, .burst = 10 * kSize}}), 0);
  const Nanoseconds now = kNanosecondsPerSecond;
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(impairment.Admit(kSize, true, now).release, now);
  EXPECT_EQ(impairment.Admit(kSize, true, now).release, now + 1'000'000);
}

TEST(ImpairmentTest, DelayComesAfterTheRateAndDoesNotLowerIt) {
  Impairment impairment(
      PlanOf({.delay = {.delay = 50'000'000}, .rate = {.bits_per_second = 8'000'000}}), 0);
  EXPECT_EQ(impairment.Admit(kSize, true, 0).release, 51'000'000U);
  EXPECT_EQ(impairment.Admit(kSize, true, 0).release, 52'000'000U);
}

TEST(ImpairmentTest, FrameWithoutRoomDiesAndUsesNoneOfTheRate) {
  Impairment impairment(PlanOf({.rate = {.bits_per_second = 8'000'000}}), 0);
  EXPECT_EQ(impairment.Admit(kSize, false, 0).death, FrameDeath::kOverLimit);
  EXPECT_EQ(impairment.Admit(kSize, true, 0).release, 1'000'000U);
}

TEST(ImpairmentTest, ScheduleChangesWhatItNamesForItsTime) {
  ImpairmentPlan plan = PlanOf({.delay = {.delay = 5}});
  plan.schedule = {{.at = 100,
                    .span = 50,
                    .parts = static_cast<uint8_t>(ImpairmentPart::kLoss),
                    .settings = {.loss = {.random = Percent(100)}}},
                   {.at = 200,
                    .parts = static_cast<uint8_t>(ImpairmentPart::kDelay),
                    .settings = {.delay = {.delay = 7}}}};
  Impairment impairment(plan, 1000);
  const auto at = [&](Nanoseconds since) { return impairment.Admit(kSize, true, 1000 + since); };
  EXPECT_EQ(at(99).release, 1104U);
  EXPECT_EQ(at(100).death, FrameDeath::kLost);
  EXPECT_EQ(at(149).death, FrameDeath::kLost);
  EXPECT_EQ(at(150).release, 1155U);
  EXPECT_EQ(at(200).release, 1207U) << "without an end it lasts";
  EXPECT_EQ(at(100'000).release, 101'007U);
}

TEST(ImpairmentTest, LimitOfARateHoldsWhatIsOnItsWay) {
  ImpairmentPlan plan = PlanOf({.rate = {.bits_per_second = 1'000'000'000}});
  EXPECT_EQ(HeldLimit(plan), 1000U);
  plan.settings.delay.delay = 100'000'000;
  EXPECT_GT(HeldLimit(plan), 12'500'000U / 1514);
  plan.limit = 50;
  EXPECT_EQ(HeldLimit(plan), 50U);
}

}  // namespace
}  // namespace tapswitch::impairment_test
