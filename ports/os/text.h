// Text from outside, such as names and messages: checks whether it is UTF-8, and makes it safe to
// show.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tapswitch {

// The number of bytes of the first UTF-8 character of `text`, or zero if `text` begins with none.
// Precondition: `text` is not empty.
[[nodiscard]] size_t CharacterLength(std::string_view text);

[[nodiscard]] bool IsUtf8(std::string_view text);

// Whether `character`, whose length came from CharacterLength, controls a terminal: a C0 or C1
// character, or DEL.
[[nodiscard]] bool IsControlCharacter(std::string_view character);

// Returns `text` in one line, safe for a terminal and a log: control characters and bytes that are
// not UTF-8 become \xHH.
[[nodiscard]] std::string Escaped(std::string_view text);

// Returns `message`, and appends the cure if a limit on open files is the reason: "...: Too many
// open files; raise ...". All messages to the log and to clients pass through here.
[[nodiscard]] std::string WithCure(std::string_view message);

}  // namespace tapswitch
