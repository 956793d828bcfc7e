// Names and messages from outside: what of them is text, and how the rest of it is shown.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tapswitch {

// Bytes that the character at the front has in UTF-8, or zero where there is none. `text` is not
// empty.
[[nodiscard]] size_t CharacterLength(std::string_view text);

[[nodiscard]] bool IsUtf8(std::string_view text);

// Whether the character at the front, of which CharacterLength told the length, is one that makes a
// terminal act: of C0, C1, or DEL.
[[nodiscard]] bool IsControlCharacter(std::string_view character);

// In one line, for a terminal and for a log: control characters and bytes that are not UTF-8 become
// \xHH.
[[nodiscard]] std::string Escaped(std::string_view text);

// The same with the cure where a limit on open files is the reason: "...: Too many open files; raise
// ...". The one place that knows it: what goes to a log or to a client goes through here.
[[nodiscard]] std::string WithCure(std::string_view message);

}  // namespace tapswitch
