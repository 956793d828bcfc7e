// What is saved is read back as it was, whatever bytes a word has. Control characters came back as
// '?', and a word with both quotes could not be read.

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <string>

#include "ports/os/text.h"
#include "switch/control/commands/batch_reader.h"
#include "switch/control/commands/quoting.h"

namespace tapswitch::odd_names_saved_test {
namespace {

std::string ReadBack(const std::string& line) {
  std::istringstream input(line + "\n");
  const auto words = BatchReader(input).Next();
  if (!words || !words->ok() || (*words)->size() != 3) return "not read: " + line;
  return (**words)[1];
}

std::string AsLine(const std::string& word) { return "add " + Quoted(word) + " end"; }

TEST(OddNamesSavedTest, KnownOnes) {
  for (const char* const word :
       {"",   "v1",  "a b",     "'",        "\"",   "'\"",      "#",  "$'",      "$'x'", "a\177b",
        "\\", "a\\", "\x1b[2J", "\xc2\x9b", "\xff", "\xc3\xa9", "\n", "a'\\x41", "$",    "\t"}) {
    EXPECT_EQ(ReadBack(AsLine(word)), word) << AsLine(word);
  }
}

TEST(OddNamesSavedTest, RandomOnes) {
  std::mt19937 random(7);
  for (int round = 0; round < 100'000; ++round) {
    std::string word(random() % 16, ' ');
    // Often one of those that mean something.
    constexpr std::string_view kSpecial = "'\"\\#$x \t0";
    for (char& byte : word) {
      byte = random() % 2 == 0 ? kSpecial[random() % kSpecial.size()]
                               : static_cast<char>(random() % 256);
    }
    const std::string line = AsLine(word);
    ASSERT_EQ(ReadBack(line), word) << line;
    ASSERT_EQ(Escaped(line), line) << "a terminal takes it, and JSON";
  }
}

}  // namespace
}  // namespace tapswitch::odd_names_saved_test
