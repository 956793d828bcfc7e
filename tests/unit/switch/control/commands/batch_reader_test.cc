// Files of commands: where a command begins and ends, and its line.

#include "switch/control/commands/batch_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <sstream>
#include <string>
#include <vector>

namespace tapswitch::batch_reader_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Words = std::vector<std::string>;

struct ReadCommand {
  int line;
  Words words;  // "?": it was an error

  bool operator==(const ReadCommand&) const = default;
};

void PrintTo(const ReadCommand& command, std::ostream* out) {
  *out << command.line << ": " << testing::PrintToString(command.words);
}

std::vector<ReadCommand> ReadBatch(const std::string& text) {
  std::istringstream input(text);
  BatchReader batch(input);
  std::vector<ReadCommand> commands;
  while (const auto words = batch.Next()) {
    commands.push_back({batch.line(), words->ok() ? **words : Words{"?"}});
  }
  return commands;
}

TEST(BatchReaderTest, EachLineIsACommandAndHasItsNumber) {
  EXPECT_THAT(ReadBatch("fdb show\n\n# a comment\n  link\n"),
              ElementsAre(ReadCommand{1, {"fdb", "show"}}, ReadCommand{4, {"link"}}));
  EXPECT_THAT(ReadBatch("the last\nhas no end"),
              ElementsAre(ReadCommand{1, {"the", "last"}}, ReadCommand{2, {"has", "no", "end"}}));
}

TEST(BatchReaderTest, ABackslashAtTheEndGoesOn) {
  EXPECT_THAT(ReadBatch("\nfdb \\\n  show\\\n dev v\nlink\n"),
              ElementsAre(ReadCommand{2, {"fdb", "show", "dev", "v"}}, ReadCommand{5, {"link"}}));
  EXPECT_THAT(ReadBatch("fdb \\"), ElementsAre(ReadCommand{1, {"fdb"}}));
}

TEST(BatchReaderTest, ACommentDoesNotGoOn) {
  EXPECT_THAT(ReadBatch("# a \\\nlink\n  #b\\\nfdb\n"),
              ElementsAre(ReadCommand{2, {"link"}}, ReadCommand{4, {"fdb"}}));
}

TEST(BatchReaderTest, NothingIsNoCommand) {
  for (const std::string text : {"", "\n", "  \n\t", "#", "\\", "\\\n", " \\\n\\\n\n", "# \\"}) {
    EXPECT_THAT(ReadBatch(text), IsEmpty()) << testing::PrintToString(text);
  }
}

TEST(BatchReaderTest, ReadingGoesOnBehindAnError) {
  EXPECT_THAT(
      ReadBatch("link\nport add 'x\nfdb\n"),
      ElementsAre(ReadCommand{1, {"link"}}, ReadCommand{2, {"?"}}, ReadCommand{3, {"fdb"}}));
}

}  // namespace
}  // namespace tapswitch::batch_reader_test
