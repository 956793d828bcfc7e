#include "switch/process/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace tapswitch::log_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;

std::string Format(LogReader reader, spdlog::level::level_enum level) {
  spdlog::memory_buf_t line;
  MakeLogFormatter(reader)->format(spdlog::details::log_msg("br0", level, "text"), line);
  return {line.data(), line.size()};
}

TEST(LogFormatterTest, APersonReadsTimeAndLevel) {
  EXPECT_THAT(
      Format(LogReader::kPerson, spdlog::level::warn),
      MatchesRegex("[0-9]+-[0-9]+-[0-9]+ [0-9]+:[0-9]+:[0-9]+[.][0-9]+ warning \\[br0\\] text\n"));
}

// The numbers are those of syslog(3).
TEST(LogFormatterTest, TheJournalReadsAPriority) {
  EXPECT_EQ(Format(LogReader::kJournal, spdlog::level::critical), "<2>[br0] text\n");
  EXPECT_EQ(Format(LogReader::kJournal, spdlog::level::err), "<3>[br0] text\n");
  EXPECT_EQ(Format(LogReader::kJournal, spdlog::level::warn), "<4>[br0] text\n");
  EXPECT_EQ(Format(LogReader::kJournal, spdlog::level::info), "<6>[br0] text\n");
  EXPECT_EQ(Format(LogReader::kJournal, spdlog::level::debug), "<7>[br0] text\n");
}

TEST(LogReaderTest, IsTheJournalOnlyWhenTheStreamIsTheOneItNames) {
  struct stat status {};
  ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
  const std::string device = std::to_string(status.st_dev);
  setenv("JOURNAL_STREAM", (device + ":" + std::to_string(status.st_ino)).c_str(), 1);
  EXPECT_EQ(DetectLogReader(STDERR_FILENO), LogReader::kJournal);
  setenv("JOURNAL_STREAM", (device + ":" + std::to_string(status.st_ino + 1)).c_str(), 1);
  EXPECT_EQ(DetectLogReader(STDERR_FILENO), LogReader::kPerson) << "redirected to a file, say";
  setenv("JOURNAL_STREAM", "rubbish", 1);
  EXPECT_EQ(DetectLogReader(STDERR_FILENO), LogReader::kPerson);
  unsetenv("JOURNAL_STREAM");
  EXPECT_EQ(DetectLogReader(STDERR_FILENO), LogReader::kPerson);
}

TEST(SetUpLogTest, RefusesALevelThatThereIsNot) {
  for (const char* const level : {"loud", "", "INFO "}) {
    const absl::Status refused = SetUpLog("br0", level);
    EXPECT_THAT(std::string(refused.message()),
                AllOf(HasSubstr("--log_level=" + std::string(level)), HasSubstr("debug, info")));
  }
}

TEST(SetUpLogTest, TakesTheLevelsThatTheHelpLists) {
  for (const char* const level : {"debug", "info", "warn", "error", "off"}) {
    EXPECT_TRUE(SetUpLog("br0", level).ok()) << level;
  }
}

}  // namespace
}  // namespace tapswitch::log_test
