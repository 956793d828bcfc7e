#include "switch/control/commands/batch_reader.h"

#include <string_view>

#include "switch/control/commands/quoting.h"

namespace tapswitch {
namespace {

bool IsComment(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t");
  return begin != std::string_view::npos && line[begin] == '#';
}

}  // namespace

std::optional<std::string> ReadText(std::istream& input) {
  std::string text;
  for (std::string line; std::getline(input, line);) text += line + '\n';
  return input.bad() ? std::nullopt : std::optional(std::move(text));
}

std::optional<absl::StatusOr<std::vector<std::string>>> BatchReader::Next() {
  std::string whole;
  std::string line;
  while (std::getline(input_, line)) {
    ++read_;
    if (whole.empty()) begin_ = read_;
    const bool goes_on = line.ends_with('\\') && !IsComment(line);
    if (goes_on) line.back() = ' ';
    whole += line;
    if (goes_on) continue;
    auto words = SplitLine(whole);
    if (!words.ok() || !words->empty()) return words;
    whole.clear();
  }
  auto words = SplitLine(whole);  // of lines of which the last announced another one
  if (words.ok() && words->empty()) return std::nullopt;
  return words;
}

}  // namespace tapswitch
