#include "ports/os/text.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

uint8_t Byte(char character) { return static_cast<uint8_t>(character); }

bool IsContinuation(char character) { return (Byte(character) & 0xC0U) == 0x80U; }

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string OwnLimit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return "?";
  return std::to_string(files.rlim_cur);
}

}  // namespace

// Unicode, table 3-7, "Well-Formed UTF-8 Byte Sequences".
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

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool IsControlCharacter(std::string_view character) {
  const uint8_t first = Byte(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && Byte(character[1]) < 0xA0;
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const std::string_view piece = text.substr(0, std::max<size_t>(length, 1));
    if (length != 0 && !IsControlCharacter(piece)) {
      escaped += piece;
    } else {
      for (const char byte : piece) escaped += fmt::format("\\x{:02x}", Byte(byte));
    }
    text.remove_prefix(piece.size());
  }
  return escaped;
}

std::string WithCure(std::string_view message) {
  std::string text(message);
  if (Has(text, "ulimit -n") || Has(text, "fs.file-max")) return text;
  // That of the system first: the other's text is its beginning.
  if (Has(text, std::strerror(ENFILE))) {
    text += "; raise the system's limit, sysctl fs.file-max";
  } else if (Has(text, std::strerror(EMFILE))) {
    text += fmt::format("; raise ulimit -n (now {}), or LimitNOFILE= of the service", OwnLimit());
  }
  return text;
}

}  // namespace tapswitch
