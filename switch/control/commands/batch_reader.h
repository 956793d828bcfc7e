// Reads a batch: commands, one a line; a line that ends in '\' goes on with the next, as in iproute2
// (lib/utils.c, getcmdline).

#pragma once

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

class BatchReader {
 public:
  // `input` outlives the reader.
  explicit BatchReader(std::istream& input) : input_(input) {}

  // The words of the next command; nothing at the end. Empty lines and comments are passed over.
  [[nodiscard]] std::optional<absl::StatusOr<std::vector<std::string>>> Next();

  // Where the command that Next returned last began, from 1.
  [[nodiscard]] int line() const { return begin_; }

 private:
  std::istream& input_;
  int begin_ = 0;
  int read_ = 0;  // lines
};

}  // namespace tapswitch
