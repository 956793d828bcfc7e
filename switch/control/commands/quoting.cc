#include "switch/control/commands/quoting.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "ports/os/text.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr std::string_view kEscaping = "$'";

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

absl::Status NotClosed(std::string_view quote) {
  return absl::InvalidArgumentError(fmt::format("{} is opened and not closed", quote));
}

// Reads the characters behind a backslash.
std::optional<char> TakeEscape(std::string_view& rest) {
  if (rest.starts_with('\\') || rest.starts_with('\'')) {
    const char itself = rest.front();
    rest.remove_prefix(1);
    return itself;
  }
  constexpr size_t kLength = 3;
  if (rest.size() < kLength || rest.front() != 'x') return std::nullopt;
  const char* const end = rest.data() + kLength;
  unsigned char byte = 0;
  const auto [at, error] = std::from_chars(rest.data() + 1, end, byte, 16);
  if (error != std::errc() || at != end) return std::nullopt;
  rest.remove_prefix(kLength);
  return static_cast<char>(byte);
}

// `rest` begins behind the opening quote, and then behind the closing one.
absl::StatusOr<std::string> TakeEscapedWord(std::string_view& rest) {
  std::string word;
  while (!rest.empty()) {
    const char first = rest.front();
    rest.remove_prefix(1);
    if (first == '\'') return word;
    if (first != '\\') {
      word += first;
      continue;
    }
    const auto byte = TakeEscape(rest);
    if (!byte) {
      return absl::InvalidArgumentError(
          R"(behind \ in $'...' there is \, ' or xHH: write \\ for \)");
    }
    word += *byte;
  }
  return NotClosed(kEscaping);
}

absl::StatusOr<std::string> TakeWord(std::string_view& rest) {
  if (rest.starts_with(kEscaping)) {
    rest.remove_prefix(kEscaping.size());
    return TakeEscapedWord(rest);
  }
  const bool is_quoted = rest.front() == '\'' || rest.front() == '"';
  if (!is_quoted) {
    const auto* const end = std::find_if(rest.begin(), rest.end(), IsSpace);
    std::string word(rest.begin(), end);
    rest.remove_prefix(word.size());
    return word;
  }
  const size_t end = rest.find(rest.front(), 1);
  if (end == std::string_view::npos) return NotClosed(rest.substr(0, 1));
  std::string word(rest.substr(1, end - 1));
  rest.remove_prefix(end + 1);
  return word;
}

// Whether quotes suffice: a terminal and JSON accept all of the text.
bool IsPrintable(std::string_view text) {
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0 || IsControlCharacter(text.substr(0, length))) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string WithEscapes(std::string_view word) {
  std::string text(kEscaping);
  for (const char byte : word) {
    const bool is_plain = byte >= ' ' && byte <= '~';
    if (byte == '\\' || byte == '\'') text += '\\';
    text += is_plain ? std::string(1, byte)
                     : fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
  return text + "'";
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitLine(std::string_view line) {
  std::vector<std::string> words;
  for (;;) {
    while (!line.empty() && IsSpace(line.front())) line.remove_prefix(1);
    if (line.empty() || line.front() == '#') return words;
    auto word = TakeWord(line);
    if (!word.ok()) return word.status();
    words.push_back(*std::move(word));
  }
}

std::string Quoted(std::string_view word) {
  const bool has_single = word.find('\'') != std::string_view::npos;
  const bool has_double = word.find('"') != std::string_view::npos;
  if (!IsPrintable(word) || (has_single && has_double)) return WithEscapes(word);
  if (!word.empty() && word.find_first_of(" \t\"'#\\") == std::string_view::npos) {
    return std::string(word);
  }
  const std::string quote(1, has_single ? '"' : '\'');
  return quote + std::string(word) + quote;
}

}  // namespace tapswitch
