#include "switch/control/metrics/label_text.h"

#include <spdlog/fmt/fmt.h>

#include <cstddef>
#include <cstdint>

#include "ports/os/text.h"

namespace tapswitch {
namespace {

uint8_t Byte(char character) { return static_cast<uint8_t>(character); }

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
