// How a line becomes words.

#include "switch/control/commands/quoting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/split_line.h"

namespace tapswitch::quoting_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SplitLineTest, WhiteSpaceSeparates) {
  EXPECT_THAT(Split("  fdb\tshow \r\n"), ElementsAre("fdb", "show"));
  EXPECT_THAT(Split(""), IsEmpty());
  EXPECT_THAT(Split(" \t "), IsEmpty());
}

TEST(SplitLineTest, QuotesHoldAWordTogether) {
  EXPECT_THAT(Split("port add 'a b'"), ElementsAre("port", "add", "a b"));
  EXPECT_THAT(Split(R"("it's" '"' '')"), ElementsAre("it's", "\"", ""));
  EXPECT_THAT(Split("'# no comment'"), ElementsAre("# no comment"));
}

TEST(SplitLineTest, ANumberSignAtTheBeginOfAWordBeginsAComment) {
  EXPECT_THAT(Split("# nothing"), IsEmpty());
  EXPECT_THAT(Split("fdb show # 'all"), ElementsAre("fdb", "show"));
}

TEST(SplitLineTest, AQuoteThatIsNotClosedIsAnError) {
  for (const std::string line : {"port add 'a", "\"", "a \"b'"}) {
    const auto words = SplitLine(line);
    ASSERT_FALSE(words.ok()) << line;
    EXPECT_EQ(words.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(words.status().message()), HasSubstr("not closed"));
  }
}

}  // namespace
}  // namespace tapswitch::quoting_test
