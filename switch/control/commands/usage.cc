#include "switch/control/commands/usage.h"

#include <algorithm>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/choose_command.h"
#include "switch/control/commands/grammar.h"

namespace tapswitch {
namespace {

std::string CommandName(const Command& command) {
  return fmt::format("{}{}{}", command.object, command.verb.empty() ? "" : " ", command.verb);
}

std::string UsageOf(const Command& command, size_t columns) {
  const std::string line = fmt::format("tapctl {}{}{}", CommandName(command),
                                       command.usage.empty() ? "" : " ", command.usage);
  return Wrapped(line, 2, 8, columns) + Wrapped(command.summary, 6, 6, columns);
}

// Finds the end of the first part of a usage that belongs together: a word, or all that is within a
// pair of brackets if that fits in `room`.
size_t EndOfPart(std::string_view text, size_t room) {
  const size_t word = std::min(text.find(' '), text.size());
  if (!text.starts_with('[')) return word;
  size_t depth = 0;
  for (size_t i = 0; i < text.size() && i < room; ++i) {
    if (text[i] == '[') ++depth;
    if (text[i] == ']') --depth;
    if (depth == 0) return std::max(word, std::min(text.find(' ', i), text.size()));
  }
  return word;
}

}  // namespace

std::string Wrapped(std::string_view text, size_t first, size_t others, size_t columns) {
  std::string lines(first, ' ');
  size_t used = first;
  bool is_empty = true;  // the line
  while (!text.empty()) {
    const size_t room = columns > others ? columns - others : 1;
    const std::string_view part = text.substr(0, EndOfPart(text, room));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (!is_empty && used + 1 + part.size() > columns) {
      lines += "\n" + std::string(others, ' ');
      used = others;
      is_empty = true;
    }
    if (!is_empty) lines += ' ';
    lines += part;
    used += part.size() + (is_empty ? 0 : 1);
    is_empty = false;
  }
  return lines + "\n";
}

std::string ListOfObjects(size_t columns) {
  constexpr size_t kNameColumns = 12;
  std::string text;
  for (const std::string_view object : ObjectNames()) {
    const auto verbs = VerbNames(object);
    const std::string what = verbs.front().empty() ? std::string(CommandOf(object, "").summary)
                                                   : fmt::format("{}", fmt::join(verbs, ", "));
    text +=
        Wrapped(fmt::format("{:<{}}{}", object, kNameColumns - 2, what), 2, kNameColumns, columns);
  }
  return text;
}

std::string UsageOfAll(size_t columns) {
  std::string text;
  for (const Command& command : Commands()) text += UsageOf(command, columns);
  return text;
}

absl::StatusOr<std::string> Usage(std::span<const std::string> words, size_t columns) {
  const auto object = ChooseObject(words.front());
  if (!object.ok()) return object.status();
  const auto verbs = VerbNames(*object);
  if (words.size() > 1 && !verbs.front().empty()) {
    words = words.subspan(1);
    const auto verb = TakeVerb(*object, words);
    if (!verb.ok()) return verb.status();
    return UsageOf(CommandOf(*object, *verb), columns);
  }
  std::string text;
  for (const std::string_view verb : verbs) text += UsageOf(CommandOf(*object, verb), columns);
  return text;
}

}  // namespace tapswitch
