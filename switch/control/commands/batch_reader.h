// Reads a batch: commands, one a line; a line that ends in '\' goes on with the next, as in
// iproute2 (lib/utils.c, getcmdline).

#pragma once

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

// Reads a whole text; nothing if that fails: a folder can be opened, but not read.
[[nodiscard]] std::optional<std::string> ReadText(std::istream& input);

class BatchReader {
 public:
  // `input` outlives the reader.
  explicit BatchReader(std::istream& input) : input_(input) {}

  // Returns the words of the next command; nothing at the end. Skips empty lines and comments.
  [[nodiscard]] std::optional<absl::StatusOr<std::vector<std::string>>> Next();

  // The line, counted from 1, on which the command began that Next returned last.
  [[nodiscard]] int line() const { return begin_; }

 private:
  std::istream& input_;
  int begin_ = 0;
  int read_ = 0;  // lines read
};

}  // namespace tapswitch
