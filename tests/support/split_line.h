// Lines of commands as words.

#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "switch/control/commands/quoting.h"

namespace tapswitch {

using Words = std::vector<std::string>;

// Returns the words of a line that has no mistake.
inline Words Split(const std::string& line) {
  const auto words = SplitLine(line);
  EXPECT_TRUE(words.ok()) << line;
  return words.ok() ? *words : Words{};
}

}  // namespace tapswitch
