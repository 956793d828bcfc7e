// A log that nobody reads must not make a thread wait that logs. It did: whoever logged wrote to
// standard error by itself, and forwarding stopped once the pipe was full.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "switch/process/line_sink.h"
#include "switch/process/log_queue.h"
#include "switch/process/queued_sink.h"

namespace tapswitch::log_reader_stuck_test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class LogReaderStuckTest : public testing::Test {
 protected:
  LogReaderStuckTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    reading_ = FileDescriptor(ends[0]);
    writing_ = FileDescriptor(ends[1]);
    constexpr int kSmall = 4096;
    fcntl(writing_.get(), F_SETPIPE_SZ, kSmall);
    auto lines = std::make_shared<LineSink>(writing_.get());
    lines->set_pattern("%l %v");
    sink_ = QueuedSink::Start(std::move(lines), "br0").value();
  }

  // Up to `last`, or to the end, however it comes.
  std::string ReadUntil(const std::string& last) {
    std::string text;
    std::array<char, 4096> part{};
    while (text.find(last) == std::string::npos) {
      const ssize_t size = read(reading_.get(), part.data(), part.size());
      if (size <= 0) break;
      text.append(part.data(), static_cast<size_t>(size));
    }
    return text;
  }

  FileDescriptor reading_;
  FileDescriptor writing_;
  std::shared_ptr<QueuedSink> sink_;
};

TEST_F(LogReaderStuckTest, NobodyWaitsAndWhatIsLostIsCountedInItsPlace) {
  spdlog::logger log("br0", sink_);
  // Ends at all: with a sink that waits, it would not.
  const size_t said = 3 * LogQueue::kCapacity;
  for (size_t i = 0; i < said; ++i) log.info("line {} of those that come while nobody reads", i);

  std::string text;
  std::thread reader([&] { text = ReadUntil("nothing that is said"); });
  sink_->flush();
  log.info("the end");
  EXPECT_TRUE(sink_->Close(std::chrono::seconds(60)));
  writing_ = FileDescriptor();
  reader.join();
  EXPECT_THAT(text, StartsWith("info line 0 of those"));
  EXPECT_THAT(text, HasSubstr("info the end\n"));
  // Each line was either written or counted.
  size_t accounted = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("info line")) ++accounted;
    const bool tells =
        line.ends_with(" lines lost: they came faster than the log could be written");
    if (tells) accounted += std::stoul(line.substr(std::string("error ").size()));
  }
  EXPECT_EQ(accounted, said);
}

TEST_F(LogReaderStuckTest, ClosingIsBounded) {
  spdlog::logger log("br0", sink_);
  for (size_t i = 0; i < LogQueue::kCapacity; ++i) log.info("a line that is not read by anybody");
  EXPECT_FALSE(sink_->Close(milliseconds(200)));
  // Lets the thread end, which uses this descriptor.
  reading_ = FileDescriptor();
  signal(SIGPIPE, SIG_IGN);
  EXPECT_TRUE(sink_->Close(std::chrono::seconds(60)));
}

TEST_F(LogReaderStuckTest, LinesOfAllThreadsArrive) {
  {
    spdlog::logger log("br0", sink_);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&log] {
        for (int j = 0; j < 20; ++j) log.warn("x");
      });
    }
  }
  std::string text;
  std::thread reader([&] {
    while (text.size() < 80 * std::string("warning x\n").size()) text += ReadUntil("\n");
  });
  reader.join();
  EXPECT_EQ(text.size(), 80 * std::string("warning x\n").size());
}

}  // namespace
}  // namespace tapswitch::log_reader_stuck_test
