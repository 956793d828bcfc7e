#include "switch/control/metrics/label_text.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tapswitch {
namespace {

uint8_t Byte(char character) { return static_cast<uint8_t>(character); }

bool IsContinuation(char character) { return (Byte(character) & 0xC0U) == 0x80U; }

// Bytes that the character at the front has, or zero where there is none: Unicode, table 3-7,
// "Well-Formed UTF-8 Byte Sequences".
size_t CharacterLength(std::string_view text) {
  struct Form {
    uint8_t first_low, first_high;
    uint8_t second_low, second_high;
    size_t length;
  };
  constexpr std::array<Form, 8> kForms{{{0xC2, 0xDF, 0x80, 0xBF, 2},
                                        {0xE0, 0xE0, 0xA0, 0xBF, 3},
                                        {0xE1, 0xEC, 0x80, 0xBF, 3},
                                        {0xED, 0xED, 0x80, 0x9F, 3},
                                        {0xEE, 0xEF, 0x80, 0xBF, 3},
                                        {0xF0, 0xF0, 0x90, 0xBF, 4},
                                        {0xF1, 0xF3, 0x80, 0xBF, 4},
                                        {0xF4, 0xF4, 0x80, 0x8F, 4}}};
  const uint8_t first = Byte(text.front());
  if (first < 0x80) return 1;
  for (const Form& form : kForms) {
    if (first < form.first_low || first > form.first_high) continue;
    if (text.size() < form.length) return 0;
    const uint8_t second = Byte(text[1]);
    if (second < form.second_low || second > form.second_high) return 0;
    const auto rest = text.substr(1, form.length - 1);
    return std::all_of(rest.begin(), rest.end(), IsContinuation) ? form.length : 0;
  }
  return 0;
}

bool NeedsEscape(char character) {
  return Byte(character) < 0x20 || Byte(character) == 0x7F || character == '\\';
}

}  // namespace

std::string LabelText(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    const size_t length = NeedsEscape(name.front()) ? 0 : CharacterLength(name);
    if (length == 0) {
      text += fmt::format("\\x{:02x}", Byte(name.front()));
    } else {
      text += name.substr(0, length);
    }
    name.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace tapswitch
