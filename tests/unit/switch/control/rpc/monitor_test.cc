// Who hears of what, and how a slow reader learns what it missed.

#include "switch/control/rpc/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace tapswitch::monitor_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ClientId kFirst{1};
constexpr ClientId kSecond{2};

class MonitorTest : public testing::Test {
 protected:
  // "object event", or "missed N".
  std::vector<std::string> Heard(ClientId client) {
    std::vector<std::string> heard;
    for (const std::string& line : lines_[client]) {
      const json event = json::parse(line)["params"];
      EXPECT_TRUE(event["timestamp"].is_number());
      heard.push_back(event["event"] == "missed" ? "missed " + event["count"].dump()
                                                 : event["object"].get<std::string>() + " " +
                                                       event["event"].get<std::string>());
    }
    lines_[client].clear();
    return heard;
  }

  std::map<ClientId, std::vector<std::string>> lines_;
  size_t room_ = 100;  // lines that a client takes before it has read them
  Monitor monitor_{[this](ClientId client, std::string line) {
    if (lines_[client].size() >= room_) return false;
    lines_[client].push_back(std::move(line));
    return true;
  }};
};

TEST_F(MonitorTest, EachHearsOfWhatItAskedFor) {
  monitor_.Subscribe(kFirst, Monitor::ParseObjects({"fdb", "port"}).value());
  monitor_.Subscribe(kSecond, Monitor::ParseObjects({"all"}).value());
  monitor_.Publish("fdb", "learned", {{"mac", "02:00:00:00:00:01"}});
  monitor_.Publish("link", "changed", {});
  EXPECT_THAT(Heard(kFirst), ElementsAre("fdb learned"));
  EXPECT_THAT(Heard(kSecond), ElementsAre("fdb learned", "link changed"));
}

TEST_F(MonitorTest, KnowsWhetherAnybodyWatches) {
  EXPECT_FALSE(monitor_.IsWatched("fdb"));
  monitor_.Subscribe(kFirst, Monitor::ParseObjects({"link"}).value());
  EXPECT_FALSE(monitor_.IsWatched("fdb"));
  EXPECT_TRUE(monitor_.IsWatched("link"));
  monitor_.Unsubscribe(kFirst);
  EXPECT_FALSE(monitor_.IsWatched("link"));
}

TEST_F(MonitorTest, ObjectsThatAreNotThereAreNamed) {
  EXPECT_THAT(std::string(Monitor::ParseObjects({"fdb", "stars"}).status().message()),
              HasSubstr("'stars'"));
}

TEST_F(MonitorTest, ASlowReaderIsToldHowManyItMissedBeforeItHearsMore) {
  monitor_.Subscribe(kFirst, Monitor::AllObjects());
  room_ = 2;
  for (int i = 0; i < 5; ++i) monitor_.Publish("fdb", "learned", {});
  EXPECT_THAT(Heard(kFirst), ElementsAre("fdb learned", "fdb learned"));
  monitor_.Publish("port", "up", {});
  EXPECT_THAT(Heard(kFirst), ElementsAre("missed 3", "port up"));
}

TEST_F(MonitorTest, ItIsAlsoToldWhenNothingElseHappens) {
  monitor_.Subscribe(kFirst, Monitor::AllObjects());
  room_ = 1;
  monitor_.Publish("fdb", "learned", {});
  monitor_.Publish("fdb", "aged", {});
  EXPECT_THAT(Heard(kFirst), ElementsAre("fdb learned"));
  monitor_.OnWritable(kFirst);
  EXPECT_THAT(Heard(kFirst), ElementsAre("missed 1"));
  monitor_.OnWritable(kFirst);
  EXPECT_THAT(Heard(kFirst), IsEmpty());
}

TEST_F(MonitorTest, WhoMissedSomethingIsToldWhatToReadAnew) {
  monitor_.Subscribe(kFirst, Monitor::AllObjects());
  room_ = 1;
  for (const char* object : {"fdb", "vlan", "fdb"}) monitor_.Publish(object, "changed", {});
  lines_[kFirst].clear();
  monitor_.Miss("port", 2);
  const json event = json::parse(lines_[kFirst].at(0))["params"];
  EXPECT_EQ(event["count"], 4);
  EXPECT_EQ(event["resync"], json({"fdb", "port", "vlan"}));
  lines_[kFirst].clear();
  monitor_.Miss("fdb", 1);
  EXPECT_EQ(json::parse(lines_[kFirst].at(0))["params"]["resync"], json({"fdb"}));
}

TEST_F(MonitorTest, WhatTheSwitchItselfLeftOutIsMissedByThoseWhoWatchIt) {
  monitor_.Subscribe(kFirst, Monitor::ParseObjects({"fdb"}).value());
  monitor_.Subscribe(kSecond, Monitor::ParseObjects({"link"}).value());
  monitor_.Miss("fdb", 7);
  EXPECT_THAT(Heard(kFirst), ElementsAre("missed 7"));
  EXPECT_THAT(Heard(kSecond), IsEmpty());
}

}  // namespace
}  // namespace tapswitch::monitor_test
