// The words of links that misbehave, from and to what is wanted.

#include "switch/control/config/impairment_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "switch/control/commands/parse_command.h"

namespace tapswitch::impairment_words_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

// As `tapctl impair set dev vnet1 ...` makes it.
ImpairmentPlan PlanOf(const std::string& words) {
  const auto command = Split("impair set dev vnet1 " + words);
  const auto request = ParseCommand(command);
  EXPECT_TRUE(request.ok()) << request.status();
  ImpairmentPlan plan{.is_set = true};
  if (!request.ok()) return plan;
  for (const auto& [key, value] : request->params.items()) {
    if (key == "dev" || key == "direction") continue;
    EXPECT_TRUE(SetImpairmentWord(key, value, plan).ok()) << key << value;
  }
  EXPECT_TRUE(CheckImpairment(plan).ok()) << CheckImpairment(plan);
  return plan;
}

TEST(ImpairmentWordsTest, WordsComeBackAsTheyWent) {
  const std::string all =
      " delay 20ms jitter 5ms distribution normal loss 1% correlation 25% burst 5% 30% duplicate "
      "0.1% reorder 1% corrupt 0.01% rate 10mbit burst 64kb limit 1000 match vlan 10 seed 7";
  EXPECT_EQ(ImpairmentAsWords(PlanOf(all)), all);
  const std::string few = " loss 100% match mac 02:00:00:00:00:01 gso keep seed 0";
  EXPECT_EQ(ImpairmentAsWords(PlanOf(few)), few);
}

TEST(ImpairmentWordsTest, BurstOfLossesIsToldByItsPercentages) {
  const ImpairmentPlan plan = PlanOf("burst 5% 30% loss 0.1% burst 2kb rate 1mbit");
  EXPECT_EQ(plan.settings.loss.burst_begins.billionths, 50'000'000U);
  EXPECT_EQ(plan.settings.rate.burst, 2048U);
  EXPECT_EQ(PlanOf("loss 1% burst 0% 30%").settings, PlanOf("loss 1%").settings);
}

// As tc-netem(8) has it: it would be lost where settings are saved.
TEST(ImpairmentWordsTest, DistributionIsThatOfJitter) {
  ImpairmentPlan plan{.is_set = true};
  plan.settings.delay = {.delay = 1000, .distribution = DelayDistribution::kPareto};
  EXPECT_THAT(std::string(CheckImpairment(plan).message()), HasSubstr("add jitter TIME"));
  EXPECT_THAT(std::string(ParseSchedule("1s delay 5ms distribution normal").status().message()),
              HasSubstr("add jitter TIME"));
}

TEST(ImpairmentWordsTest, SchedulesComeBackAsTheyWent) {
  ImpairmentPlan plan;
  const std::string text =
      "10s loss 5% for 2s at 1.5s delay 5ms rate 1mbit burst 1kb at 20s loss "
      "0% burst 1% 50% for 1m";
  auto steps = ParseSchedule(text);
  ASSERT_TRUE(steps.ok()) << steps.status();
  plan.schedule = *steps;
  EXPECT_EQ(ScheduleAsWords(plan),
            " at 10s loss 5% for 2s at 1.5s delay 5ms rate 1mbit burst 1kb at 20s loss 0% burst 1% "
            "50% for 60s");
  EXPECT_EQ(*ParseSchedule(ScheduleAsWords(plan).substr(4)), *steps);
}

TEST(ImpairmentWordsTest, SchedulesThatMakeNoSenseAreRefusedByTheWord) {
  const auto refused = [](const std::string& text) {
    return std::string(ParseSchedule(text).status().message());
  };
  EXPECT_THAT(refused(""), HasSubstr("at ''"));
  EXPECT_THAT(refused("10s"), HasSubstr("a step changes something"));
  EXPECT_THAT(refused("10 loss 1%"), HasSubstr("unit"));
  EXPECT_THAT(refused("10s loss"), HasSubstr("percentage"));
  EXPECT_THAT(refused("10s loss 1% for"), HasSubstr("for ''"));
  EXPECT_THAT(refused("10s loss 1% for 0s"), HasSubstr("some time"));
  EXPECT_THAT(refused("10s limit 5"), HasSubstr("a step changes something"));
  EXPECT_THAT(refused("10s loss 1% until 12s"), HasSubstr("unexpected 'until'"));
}

TEST(ImpairmentWordsTest, CommandsTurnOneConfigurationIntoAnother) {
  PortImpairmentPlans none;
  PortImpairmentPlans both;
  both[0] = PlanOf("loss 1%");
  both[1] = PlanOf("delay 1ms");
  both[1].schedule = *ParseSchedule("1s loss 5%");
  std::vector<std::string> lines;
  SaveImpairments("vnet1", none, both, lines);
  EXPECT_THAT(lines, ElementsAre("impair set dev vnet1 ingress loss 1% seed 0",
                                 "impair set dev vnet1 egress delay 1ms seed 0",
                                 "impair schedule dev vnet1 egress at 1s loss 5%"));
  lines.clear();
  SaveImpairments("vnet1", both, none, lines);
  EXPECT_THAT(lines, ElementsAre("impair del dev vnet1 ingress", "impair del dev vnet1 egress"));
  lines.clear();
  PortImpairmentPlans other = both;
  other[1].schedule.clear();
  SaveImpairments("vnet1", both, other, lines);
  EXPECT_THAT(lines, ElementsAre("impair schedule dev vnet1 egress off"));
  lines.clear();
  other = both;
  other[1].is_set = false;
  other[1].settings = {};
  SaveImpairments("vnet1", both, other, lines);
  EXPECT_THAT(lines, ElementsAre("impair del dev vnet1 egress",
                                 "impair schedule dev vnet1 egress at 1s loss 5%"));
}

TEST(ImpairmentWordsTest, SeedFollowsFromPortAndDirection) {
  EXPECT_EQ(DefaultSeed("vnet1", PortDirection::kEgress),
            DefaultSeed("vnet1", PortDirection::kEgress));
  EXPECT_NE(DefaultSeed("vnet1", PortDirection::kEgress),
            DefaultSeed("vnet1", PortDirection::kIngress));
  EXPECT_NE(DefaultSeed("vnet1", PortDirection::kEgress),
            DefaultSeed("vnet2", PortDirection::kEgress));
}

}  // namespace
}  // namespace tapswitch::impairment_words_test
