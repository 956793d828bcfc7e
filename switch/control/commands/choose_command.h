// Finds the object, the verb and the word that somebody means, who may shorten them, or say them as
// other programs do.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/control/commands/grammar.h"

namespace tapswitch {

// All objects, in the order in which help shows them.
[[nodiscard]] std::vector<std::string_view> ObjectNames();

// The verbs of an object; an empty one if it has none.
[[nodiscard]] std::vector<std::string_view> VerbNames(std::string_view object);

// Precondition: there is such a command.
[[nodiscard]] const Command& CommandOf(std::string_view object, std::string_view verb);

// Return the name that `text` equals or, if only one does, begins. InvalidArgument names the one
// that was probably meant, or all that may be.
[[nodiscard]] absl::StatusOr<std::string_view> ChooseObject(std::string_view text);
[[nodiscard]] absl::StatusOr<std::string_view> ChooseVerb(std::string_view object,
                                                          std::string_view text);

// Takes the verb off the front of `words`: one word, or two, as `global show`. Precondition: the
// object has verbs, and there is a word.
[[nodiscard]] absl::StatusOr<std::string_view> TakeVerb(std::string_view object,
                                                        std::span<const std::string>& words);
// Precondition: the command has words.
[[nodiscard]] absl::StatusOr<const Word*> ChooseWord(const Command& command, std::string_view text);

}  // namespace tapswitch
