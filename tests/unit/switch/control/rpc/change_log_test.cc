// Who has changed what, as the log has it.

#include "switch/control/rpc/change_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tapswitch::change_log_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::Optional;

constexpr ControlPeer kPeer{.pid = 7, .uid = 1000};
constexpr ChangeLog::Clock::time_point kStart{std::chrono::hours(1)};

TEST(ChangeLogTest, ALineHasTheUserTheProcessAndTheChange) {
  ChangeLog log;
  EXPECT_THAT(
      log.Line(kPeer, "link.set", {{"dev", "vnet1"}, {"isolated", true}}, kStart),
      Optional(std::string(R"(user 1000, process 7: link.set {"dev":"vnet1","isolated":true})")));
}

TEST(ChangeLogTest, AFileIsNamedAndNotQuoted) {
  ChangeLog log;
  EXPECT_THAT(log.Line(kPeer, "config.apply", {{"name", "f"}, {"text", "port add x"}}, kStart),
              Optional(Not(HasSubstr("port add"))));
}

TEST(ChangeLogTest, AnEventHasTheSame) {
  const nlohmann::json params{{"name", "f"}, {"text", "port add x"}};
  EXPECT_EQ(ShowChange(kPeer, "config.apply", params),
            nlohmann::ordered_json::parse(
                R"({"method":"config.apply","params":{"name":"f"},"user":1000,"process":7})"));
}

TEST(ChangeLogTest, ALineIsNotEndless) {
  ChangeLog log;
  EXPECT_LT(log.Line(kPeer, "x", {{"a", std::string(100'000, 'b')}}, kStart)->size(), 1000U);
}

TEST(ChangeLogTest, TooManyInASecondAreCounted) {
  ChangeLog log;
  for (uint32_t i = 0; i < ChangeLog::kMostAtOnce; ++i) {
    EXPECT_TRUE(log.Line(kPeer, "x", nullptr, kStart));
  }
  EXPECT_FALSE(log.Line(kPeer, "x", nullptr, kStart));
  EXPECT_FALSE(log.Line(kPeer, "x", nullptr, kStart + std::chrono::milliseconds(999)));
  EXPECT_THAT(log.Line(kPeer, "x", nullptr, kStart + std::chrono::seconds(1)),
              Optional(HasSubstr("(2 changes are not listed) ")));
}

}  // namespace
}  // namespace tapswitch::change_log_test
