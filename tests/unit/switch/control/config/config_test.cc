#include "switch/control/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tapswitch::config_test {
namespace {

using ::testing::HasSubstr;

ConfigText Good() {
  return {.name = "br0",
          .ageing_time = "300s",
          .fdb_max = 65536,
          .io = "auto",
          .gro = "auto",
          .busy_poll = "auto",
          .ports = {"vnet0", "tap:vnet1,mtu=9000"}};
}

std::string ErrorOf(const ConfigText& text) {
  return std::string(ParseConfig(text).status().message());
}

TEST(ParseConfigTest, TakesWhatTheDefaultsSay) {
  const auto config = ParseConfig(Good());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ageing, Ticks{30000});
  ASSERT_EQ(config->ports.size(), 2U);
  EXPECT_EQ(config->ports[1].name, "vnet1");
}

TEST(ParseConfigTest, NamesTheBadValue) {
  auto text = Good();
  text.name = "a/b";
  EXPECT_THAT(ErrorOf(text), HasSubstr("--name=a/b"));
  text = Good();
  text.ageing_time = "300x";
  EXPECT_THAT(ErrorOf(text), HasSubstr("--ageing_time '300x': expected a number and a unit"));
  text = Good();
  text.fdb_max = 0;
  EXPECT_THAT(ErrorOf(text), HasSubstr("--fdb_max=0"));
  text = Good();
  text.io = "fast";
  EXPECT_THAT(ErrorOf(text), HasSubstr("--io=fast"));
  text = Good();
  text.gro = "on";
  EXPECT_THAT(ErrorOf(text), HasSubstr("--gro=on: expected auto or off"));
}

TEST(ParseConfigTest, BusyPollIsAutoOffOrASpanUpToASecond) {
  auto text = Good();
  EXPECT_EQ(ParseConfig(text)->busy_poll, BusyPoll{.mode = BusyPoll::Mode::kAuto});
  for (const char* off : {"off", "0us", "0s"}) {
    text.busy_poll = off;
    EXPECT_EQ(ParseConfig(text)->busy_poll, BusyPoll{.mode = BusyPoll::Mode::kOff}) << off;
  }
  for (const auto& [good, span] : {std::pair<const char*, int64_t>{"50us", 50'000},
                                   {"1.5ms", 1'500'000},
                                   {"1s", 1'000'000'000}}) {
    text.busy_poll = good;
    const BusyPoll fixed{.mode = BusyPoll::Mode::kFixed, .span = std::chrono::nanoseconds(span)};
    EXPECT_EQ(ParseConfig(text)->busy_poll, fixed) << good;
  }
  for (const char* bad : {"", "50", "us", "-1us", "nanus", "2s", "1e3us", "on", "Auto"}) {
    text.busy_poll = bad;
    EXPECT_THAT(ErrorOf(text), HasSubstr("--busy_poll=" + std::string(bad) +
                                         ": expected auto, off, or a duration with a unit, such "
                                         "as 50us, up to 1s"))
        << bad;
  }
}

TEST(ParseConfigTest, RefusesAPortGivenTwice) {
  auto text = Good();
  text.ports = {"vnet0", "tap:vnet0"};
  EXPECT_THAT(ErrorOf(text), HasSubstr("vnet0 is given twice"));
}

TEST(ParseConfigTest, HasOneToSixtyFourWorkers) {
  auto text = Good();
  EXPECT_EQ(ParseConfig(text)->workers, 1U);
  text.workers = "64";
  EXPECT_EQ(ParseConfig(text)->workers, 64U);
  text.workers = "auto";
  EXPECT_EQ(ParseConfig(text)->workers, std::nullopt);
  for (const char* wrong : {"0", "65", "abc", "-1", "2.5", ""}) {
    text.workers = wrong;
    EXPECT_EQ(ErrorOf(text),
              "--workers=" + text.workers + ": expected auto, or a number from 1 to 64");
  }
}

TEST(ParseConfigTest, RefusesMorePortsThanABridgeHas) {
  auto text = Good();
  text.ports.assign(kMaxPorts + 1, "vnet0");
  EXPECT_THAT(ErrorOf(text), HasSubstr("at most 1024"));
}

TEST(ParseConfigTest, CountsThePortsThatOneStandsFor) {
  auto text = Good();
  text.ports = {"unix:vm,path=/a,clients=3"};
  const auto config = ParseConfig(text);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->ports.size(), 3U);
  EXPECT_EQ(config->ports[2].name, "vm.3");

  text.ports.emplace_back("vm.2");
  EXPECT_THAT(ErrorOf(text), HasSubstr("vm.2 is given twice"));
  text.ports.clear();
  for (const char name : {'a', 'b', 'c', 'd', 'e'}) {
    text.ports.push_back(std::string("unix:") + name + ",clients=256,path=/" + name);
  }
  EXPECT_THAT(ErrorOf(text), HasSubstr("1280 ports"));
}

TEST(ParseConfigTest, ReadsWhatIsToBeAttached) {
  auto text = Good();
  text.attach = "vnet*,isolated,max_macs=4;tap[0-9]*";
  const auto config = ParseConfig(text);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->attach.size(), 2U);
  EXPECT_EQ(config->attach[0],
            (AttachText{"vnet*", {{"isolated", std::nullopt}, {"max_macs", "4"}}}));
  EXPECT_EQ(config->attach[1], (AttachText{"tap[0-9]*", {}}));
}

TEST(ParseConfigTest, RefusesPatternsThatMeanNothing) {
  for (const char* attach : {";", "vnet*;;tap*", ",isolated", "a/b", "isolated=on", "vnet*,",
                             "vnet*,isolated,isolated=off", "vnet*,=4", "vnet *"}) {
    auto text = Good();
    text.attach = attach;
    EXPECT_THAT(ErrorOf(text), HasSubstr("--attach")) << attach;
  }
}

}  // namespace
}  // namespace tapswitch::config_test
