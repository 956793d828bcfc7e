// The language of tapctl, as tables: parsing, help, completion and the manual page are made of
// them. Words, order and defaults are those of bridge(8) wherever it has the same setting.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tapswitch {

// The kind of value that follows a word, and its form in the parameters of a request.
enum class WordKind : uint8_t {
  kFlag,     // on|off|1|0: a boolean
  kNumber,   // decimal or 0x...
  kText,     // unchanged text
  kName,     // the name of a port, unchanged
  kAddress,  // a MAC address, checked and unchanged
  kNames,    // the name of a port, appended to the parameter, an array
  kTexts,    // a text, appended to the parameter, an array
  kGroup,    // a text: an object {Word::value: text} is appended to the parameter, an array
  kRest,     // all words that follow, as one text
  kBurst,    // a text; or, for the parameter loss_burst, two that are percentages, as one
  kChoice,   // one of those in Word::value, which are separated by '|'
  kCost,     // a number, or auto
  kState,    // a number or a text
  kSet,      // nothing follows: the parameter becomes Word::value
  kTrue,     // nothing follows: the parameter becomes true
  kFalse,    // nothing follows: the parameter becomes false
  kOfGroup,  // nothing follows: the word becomes true in the last object of the parameter, an array
  kMember,   // nothing follows: Word::value is appended to the parameter, an array
  kIgnored,  // nothing follows, and the word has no effect: bridge(8) has it
};

[[nodiscard]] constexpr bool TakesValue(WordKind kind) { return kind <= WordKind::kState; }

struct Word {
  std::string_view word;
  WordKind kind = WordKind::kText;
  std::string_view param{};  // empty: it has the name of the word
  std::string_view value{};

  [[nodiscard]] std::string_view parameter() const { return param.empty() ? word : param; }
};

// A command: an object, and what to do with it.
struct Command {
  std::string_view object;
  std::string_view verb;    // empty: the command is the object's name alone
  std::string_view method;  // method of the control protocol; empty: tapctl does it alone
  // A value that may stand without its word, in front or between the words; an empty word: there is
  // none.
  Word bare{};
  std::span<const Word> words{};
  // Required parameters, separated by spaces.
  std::string_view required{};
  std::string_view usage;  // what follows object and verb
  std::string_view summary;

  // Returns null if the command has no such word.
  [[nodiscard]] const Word* FindWord(std::string_view name) const;
};

// All commands, in the order in which help shows them. The name of an object alone means its
// command without a verb, or else `show`.
[[nodiscard]] std::span<const Command> Commands();

}  // namespace tapswitch
