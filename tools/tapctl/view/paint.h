// Colours of a terminal, as ip(8) has them with -color.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace tapswitch {

enum class Colour : uint8_t { kNone = 0, kRed = 31, kGreen = 32, kYellow = 33, kCyan = 36 };

// Whether the user wants no colour from any program (https://no-color.org).
inline bool ColourIsForbidden() {
  const char* const forbidden = std::getenv("NO_COLOR");
  return forbidden != nullptr && *forbidden != '\0';
}

// Returns the text as it is to be written; in colour if `on`.
inline std::string Painted(std::string_view text, Colour colour, bool on) {
  if (!on || colour == Colour::kNone || text.empty()) return std::string(text);
  return "\033[" + std::to_string(static_cast<int>(colour)) + "m" + std::string(text) + "\033[0m";
}

}  // namespace tapswitch
