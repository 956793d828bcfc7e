#include "switch/control/attach/attach_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tapswitch::attach_rule_test {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<AttachRule> Read(const std::vector<PortOption>& words) {
  const std::vector<AttachText> texts{{.glob = "vnet*", .words = words}};
  const auto rules = ReadAttachRules(texts);
  if (!rules.ok()) return rules.status();
  return rules->front();
}

TEST(AttachRuleTest, MatchesAsAShellWould) {
  const AttachRule rule{.glob = "vnet[0-9]*", .settings = {}, .options = {}};
  EXPECT_TRUE(rule.Matches("vnet0"));
  EXPECT_TRUE(rule.Matches("vnet12"));
  EXPECT_FALSE(rule.Matches("vnet"));
  EXPECT_FALSE(rule.Matches("xvnet0"));
}

TEST(AttachRuleTest, TheFirstThatMatchesCounts) {
  const std::vector<AttachRule> rules{{.glob = "vnet1", .settings = {}, .options = {}},
                                      {.glob = "vnet*", .settings = {}, .options = {}}};
  EXPECT_EQ(FindAttachRule(rules, "vnet1"), &rules[0]);
  EXPECT_EQ(FindAttachRule(rules, "vnet2"), &rules[1]);
  EXPECT_EQ(FindAttachRule(rules, "eth0"), nullptr);
}

TEST(AttachRuleTest, WordsAreThoseOfLinkSet) {
  const auto rule = Read({{"isolated", {}}, {"learning", "off"}, {"max_macs", "4"}});
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->settings,
            (PortSettings{.learning = false, .isolated = true, .fdb_max_learned = 4}));
  EXPECT_TRUE(rule->options.empty());
}

TEST(AttachRuleTest, OthersAreOptionsOfTheInterface) {
  const auto rule = Read({{"host", "shared"}, {"state", "blocking"}});
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->options, (std::vector<PortOption>{{"host", "shared"}}));
  EXPECT_EQ(rule->settings.state, PortState::kBlocking);
}

TEST(AttachRuleTest, NamesTheWordThatIsWrong) {
  for (const auto& [word, named] :
       std::vector<std::pair<PortOption, std::string>>{{{"isolate", {}}, "isolate"},
                                                       {{"isolated", "maybe"}, "maybe"},
                                                       {{"fdb_max_learned", "-1"}, "-1"},
                                                       {{"dev", "x"}, "dev"},
                                                       {{"vlan_tunnel", "on"}, "vlan_tunnel"}}) {
    const auto rule = Read({word});
    EXPECT_FALSE(rule.ok()) << word.key;
    EXPECT_THAT(std::string(rule.status().message()), HasSubstr("--attach: 'vnet*'"));
    EXPECT_THAT(std::string(rule.status().message()), HasSubstr(named));
  }
}

}  // namespace
}  // namespace tapswitch::attach_rule_test
