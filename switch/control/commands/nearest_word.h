// Finds the word that somebody meant who mistyped it, and says what was expected.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tapswitch {

// Returns the one of `words` that is the fewest edits away from `text`: letters that are missing,
// too many, wrong or swapped. Nothing if even that is too far to be meant.
[[nodiscard]] std::optional<std::string_view> NearestWord(std::string_view text,
                                                          std::span<const std::string_view> words);

// Joins alternatives: "a", "a or b", "a, b or c".
[[nodiscard]] std::string Alternatives(std::span<const std::string_view> words);

// Returns the end of a sentence about an unknown `text`: "did you mean 'port'?", or else
// "expected ..." with all of `words`.
[[nodiscard]] std::string MeantOrExpected(std::string_view text,
                                          std::span<const std::string_view> words);

}  // namespace tapswitch
