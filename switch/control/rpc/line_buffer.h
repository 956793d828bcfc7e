// Splits received bytes into lines.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tapswitch {

// The longest line a client may send, without its '\n': some thousand commands in a batch.
inline constexpr size_t kMaxLine = 1U << 20U;

class LineBuffer {
 public:
  void Append(std::string_view bytes);

  [[nodiscard]] bool has_line() const { return newline_ != std::string::npos; }
  // Removes and returns the first line, without its '\n'. Precondition: has_line().
  [[nodiscard]] std::string TakeLine();

  // Whether the first line, complete or not, is longer than kMaxLine.
  [[nodiscard]] bool too_long() const;

  // The number of bytes that were not taken yet.
  [[nodiscard]] size_t size() const { return text_.size() - begin_; }

  void Clear();

 private:
  void FindNewline();

  std::string text_;
  size_t begin_ = 0;                    // where the first line starts
  size_t searched_ = 0;                 // from begin_ to here there is no '\n'
  size_t newline_ = std::string::npos;  // where the first line ends
};

}  // namespace tapswitch
