#include "switch/control/commands/choose_command.h"

#include <algorithm>
#include <array>
#include <string>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/nearest_word.h"

namespace tapswitch {
namespace {

using Names = std::vector<std::string_view>;

// Returns all of `names` that `text` may mean; only the one that it equals, if there is one.
Names Matches(std::string_view text, const Names& names) {
  Names matches;
  for (const std::string_view name : names) {
    if (name == text) return {name};
    if (!text.empty() && name.starts_with(text)) matches.push_back(name);
  }
  return matches;
}

// `what` names the kind of word, `where` what it belongs to, with a space in front.
absl::StatusOr<std::string_view> Choose(std::string_view text, std::string_view what,
                                        std::string_view where, const Names& names) {
  const Names matches = Matches(text, names);
  if (matches.size() == 1) return matches.front();
  if (!matches.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("ambiguous {} '{}'{}: expected {}", what, text, where, Alternatives(matches)));
  }
  return absl::InvalidArgumentError(
      fmt::format("{} '{}'{}: {}", what == "command" ? "unknown command" : "unexpected", text,
                  where, MeantOrExpected(text, names)));
}

// The objects of bridge(8), whose short forms mean the same here, whatever other objects exist.
constexpr std::array<std::string_view, 2> kOldObjects{"link", "monitor"};

// Returns the object that a short form means.
std::string_view Lengthened(std::string_view text) {
  const auto* const old = std::find_if(kOldObjects.begin(), kOldObjects.end(),
                                       [&](auto name) { return name.starts_with(text); });
  return text.empty() || old == kOldObjects.end() ? text : *old;
}

struct Synonym {
  std::string_view said;
  std::string_view verb;
};

// These are the names that iproute2 and shells have for verbs.
constexpr std::array kSynonyms{
    Synonym{"list", "show"},  Synonym{"lst", "show"},   Synonym{"ls", "show"},
    Synonym{"delete", "del"}, Synonym{"remove", "del"}, Synonym{"rm", "del"},
};

// Returns the verb that `text` is another name of, if the object has it.
std::string_view VerbMeantBy(std::string_view text, const Names& verbs) {
  const auto* const found = std::find_if(kSynonyms.begin(), kSynonyms.end(),
                                         [&](const Synonym& one) { return one.said == text; });
  if (found == kSynonyms.end()) return text;
  return std::find(verbs.begin(), verbs.end(), found->verb) == verbs.end() ? text : found->verb;
}

}  // namespace

std::vector<std::string_view> ObjectNames() {
  Names names;
  for (const Command& command : Commands()) {
    if (names.empty() || names.back() != command.object) names.push_back(command.object);
  }
  return names;
}

std::vector<std::string_view> VerbNames(std::string_view object) {
  Names names;
  for (const Command& command : Commands()) {
    if (command.object == object) names.push_back(command.verb);
  }
  return names;
}

const Command& CommandOf(std::string_view object, std::string_view verb) {
  return *std::find_if(Commands().begin(), Commands().end(), [&](const Command& command) {
    return command.object == object && command.verb == verb;
  });
}

absl::StatusOr<std::string_view> ChooseObject(std::string_view text) {
  return Choose(Lengthened(text), "command", "", ObjectNames());
}

absl::StatusOr<std::string_view> ChooseVerb(std::string_view object, std::string_view text) {
  const Names verbs = VerbNames(object);
  return Choose(VerbMeantBy(text, verbs), "command", fmt::format(" of {}", object), verbs);
}

absl::StatusOr<std::string_view> TakeVerb(std::string_view object,
                                          std::span<const std::string>& words) {
  std::string text = words.front();
  words = words.subspan(1);
  const Names verbs = VerbNames(object);
  const bool has_second = std::any_of(verbs.begin(), verbs.end(), [&](std::string_view verb) {
    return verb.starts_with(text + " ");
  });
  if (has_second) {
    text += " " + (words.empty() ? std::string("show") : words.front());
    if (!words.empty()) words = words.subspan(1);
  }
  return ChooseVerb(object, text);
}

absl::StatusOr<const Word*> ChooseWord(const Command& command, std::string_view text) {
  Names names;
  for (const Word& word : command.words) names.push_back(word.word);
  const auto name = Choose(text, "word", "", names);
  if (!name.ok()) return name.status();
  return command.FindWord(*name);
}

}  // namespace tapswitch
