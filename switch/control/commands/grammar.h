// The language of tapctl, as tables: what parsing, help, completion and the manual page are made of.
// Words, order and defaults are those of bridge(8) wherever it has the thing.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tapswitch {

// What follows a word, and what it becomes in the parameters of a request.
enum class WordKind : uint8_t {
  kFlag,     // on|off|1|0: a boolean
  kNumber,   // decimal or 0x...
  kText,     // as it is
  kName,     // of a port: as it is
  kAddress,  // a MAC address: as it is, once checked
  kNames,    // of a port: appended to the parameter, an array
  kTexts,    // as it is, appended to the parameter, an array
  kRest,     // all words that follow, as one text
  kChoice,   // one of those in Word::value, which are joined by '|': as it is
  kState,    // a number or a text
  kSet,      // nothing follows: the parameter becomes Word::value
  kTrue,     // nothing follows: the parameter becomes true
  kFalse,    // nothing follows: the parameter becomes false
  kMember,   // nothing follows: Word::value is appended to the parameter, an array
  kIgnored,  // nothing follows, and nothing comes of it: bridge(8) has it
};

[[nodiscard]] constexpr bool TakesValue(WordKind kind) { return kind <= WordKind::kState; }

struct Word {
  std::string_view word;
  WordKind kind = WordKind::kText;
  std::string_view param{};  // empty: called as the word
  std::string_view value{};

  [[nodiscard]] std::string_view parameter() const { return param.empty() ? word : param; }
};

// One command: an object and what to do with it.
struct Command {
  std::string_view object;
  std::string_view verb;    // empty: the object's name says it all
  std::string_view method;  // of the control protocol; empty: tapctl does it by itself
  // A value that may stand by itself, in front or between the words; an empty word: there is none.
  Word bare{};
  std::span<const Word> words{};
  // Parameters without which it makes no sense, joined by spaces.
  std::string_view required{};
  std::string_view usage;  // what follows object and verb
  std::string_view summary;

  // Null when it has no such word.
  [[nodiscard]] const Word* FindWord(std::string_view name) const;
};

// In the order in which help shows them. Of an object the command without a verb, or else `show`, is
// what its name alone means.
[[nodiscard]] std::span<const Command> Commands();

}  // namespace tapswitch
