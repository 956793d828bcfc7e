#include "switch/control/commands/nearest_word.h"

#include <algorithm>
#include <vector>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Longer texts are no mistyped words, and would make the distances expensive.
constexpr size_t kLongestWord = 32;

// The number of edits of which a text of this length may have so many and still be recognized.
size_t MostEdits(size_t length) { return length <= 4 ? 1 : length <= 8 ? 2 : 3; }

// The distance of Damerau and Levenshtein in which no letter is edited twice. Three rows of the
// table suffice, as a swap looks two rows back.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool is_swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> NearestWord(std::string_view text,
                                            std::span<const std::string_view> words) {
  if (text.size() > kLongestWord) return std::nullopt;
  std::optional<std::string_view> nearest;
  size_t least = MostEdits(text.size()) + 1;
  for (const std::string_view word : words) {
    const size_t distance = Distance(text, word);
    // A word of which nothing is left was not meant.
    if (distance >= least || distance >= word.size()) continue;
    least = distance;
    nearest = word;
  }
  return nearest;
}

std::string Alternatives(std::span<const std::string_view> words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::string MeantOrExpected(std::string_view text, std::span<const std::string_view> words) {
  if (const auto nearest = NearestWord(text, words)) {
    return fmt::format("did you mean '{}'?", *nearest);
  }
  return "expected " + Alternatives(words);
}

}  // namespace tapswitch
