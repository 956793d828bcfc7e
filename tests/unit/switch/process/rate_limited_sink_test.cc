#include "switch/process/rate_limited_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace tapswitch::rate_limited_sink_test {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Remembers what gets through.
class Recorder final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<std::string> Take() { return std::exchange(lines_, {}); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    lines_.emplace_back(message.payload.data(), message.payload.size());
  }
  void flush_() override {}

 private:
  std::vector<std::string> lines_;
};

class RateLimitedSinkTest : public testing::Test {
 protected:
  std::shared_ptr<RateLimitedSink> MakeSink(RateLimitedSink::Limit limit) {
    return std::make_shared<RateLimitedSink>(recorder_, limit, [this] { return now_; });
  }

  std::chrono::steady_clock::time_point now_;
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
  spdlog::logger log_{"br0", MakeSink({.burst = 4, .per_second = 2})};
};

TEST_F(RateLimitedSinkTest, PassesABurst) {
  for (const char* const text : {"a", "b", "c", "d"}) log_.warn(text);
  EXPECT_THAT(recorder_->Take(), ElementsAre("a", "b", "c", "d"));
}

TEST_F(RateLimitedSinkTest, LeavesOutWhatIsMoreThanTheBurst) {
  for (int i = 0; i < 4; ++i) log_.info("burst");
  recorder_->Take();
  for (int i = 0; i < 1000; ++i) log_.info("more");
  EXPECT_THAT(recorder_->Take(), IsEmpty());
}

TEST_F(RateLimitedSinkTest, TellsOnceWhatItLeftOutWhenThereIsRoomAgain) {
  for (int i = 0; i < 4 + 7; ++i) log_.warn("burst");
  recorder_->Take();
  now_ += milliseconds(999);
  log_.warn("too early");
  EXPECT_THAT(recorder_->Take(), IsEmpty()) << "room for a second's worth is not there yet";
  now_ += milliseconds(1);
  log_.warn("x");
  log_.warn("y");
  log_.warn("z");
  EXPECT_THAT(recorder_->Take(),
              ElementsAre("8 messages were left out: there were too many at once", "x", "y"));
}

TEST_F(RateLimitedSinkTest, PassesTheRateForLong) {
  for (int i = 0; i < 1000; ++i) {
    log_.warn("steady");
    now_ += milliseconds(500);
  }
  EXPECT_THAT(recorder_->Take(), SizeIs(1000));
}

TEST_F(RateLimitedSinkTest, LetsNoMoreThanTheRateThroughForLong) {
  for (int i = 0; i < 100 * 1000; ++i) {
    log_.warn("flood");
    now_ += milliseconds(1);
  }
  // The burst; for each of the seconds after it two messages, and a line that tells of the others.
  const auto lines = recorder_->Take();
  EXPECT_LE(lines.size(), 4U + 100 * 3);
  EXPECT_GE(lines.size(), 4U + 98 * 3);
}

TEST_F(RateLimitedSinkTest, KeepsNoMoreRoomThanTheBurst) {
  now_ += std::chrono::hours(1);
  for (int i = 0; i < 5; ++i) log_.warn("after an hour of silence");
  EXPECT_THAT(recorder_->Take(), SizeIs(4));
}

TEST_F(RateLimitedSinkTest, AlwaysPassesErrorsAndSaysWhatWentBefore) {
  for (int i = 0; i < 4 + 1; ++i) log_.warn("burst");
  recorder_->Take();
  log_.error("e");
  log_.critical("f");
  EXPECT_THAT(recorder_->Take(),
              ElementsAre("1 messages were left out: there were too many at once", "e", "f"));
}

TEST_F(RateLimitedSinkTest, ErrorsTakeNoRoomFromOthers) {
  for (int i = 0; i < 100; ++i) log_.error("e");
  recorder_->Take();
  for (int i = 0; i < 4; ++i) log_.warn("w");
  EXPECT_THAT(recorder_->Take(), SizeIs(4));
}

TEST_F(RateLimitedSinkTest, TellsAtTheEndWhatWasNotTold) {
  {
    spdlog::logger log("br1", MakeSink({.burst = 1, .per_second = 1}));
    log.warn("a");
    log.warn("b");
  }
  EXPECT_THAT(recorder_->Take(),
              ElementsAre("a", "1 messages were left out: there were too many at once"));
}

TEST_F(RateLimitedSinkTest, CountsEveryMessageOfEveryThread) {
  spdlog::logger log("br1", MakeSink({.burst = 10, .per_second = 1}));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&log] {
      for (int j = 0; j < 100; ++j) log.warn("x");
    });
  }
  threads.clear();
  log.error("end");
  const auto lines = recorder_->Take();
  ASSERT_THAT(lines, SizeIs(12));
  EXPECT_EQ(lines[10], "390 messages were left out: there were too many at once");
}

}  // namespace
}  // namespace tapswitch::rate_limited_sink_test
