#include "switch/control/commands/parse_command.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/choose_command.h"
#include "switch/control/commands/nearest_word.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

using nlohmann::json;

absl::Status Bad(std::string_view message) {
  return absl::InvalidArgumentError({message.data(), message.size()});
}

// Takes the words that name the command.
absl::StatusOr<const Command*> TakeCommand(std::span<const std::string>& words) {
  if (words.empty()) {
    const auto objects = ObjectNames();
    return Bad("no command is given: expected " + Alternatives(objects));
  }
  const auto object = ChooseObject(words.front());
  if (!object.ok()) return object.status();
  words = words.subspan(1);
  if (VerbNames(*object).front().empty()) return &CommandOf(*object, "");
  if (words.empty()) return &CommandOf(*object, "show");
  const auto verb = TakeVerb(*object, words);
  if (!verb.ok()) return verb.status();
  return &CommandOf(*object, *verb);
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number, is_hex ? 16 : 10);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  return number;
}

absl::StatusOr<json> ReadFlag(std::string_view word, std::string_view text) {
  if (text == "on" || text == "1") return true;
  if (text == "off" || text == "0") return false;
  return Bad(fmt::format("{} '{}': expected on or off", word, text));
}

absl::StatusOr<json> ReadNumber(std::string_view word, std::string_view text) {
  if (const auto number = ParseNumber(text)) return *number;
  return Bad(fmt::format("{} '{}': expected a number", word, text));
}

absl::StatusOr<json> ReadAddress(std::string_view word, std::string_view text) {
  if (const auto address = MacAddress::Parse(text)) return address->ToString();
  return Bad(fmt::format("{} '{}': expected a MAC address, such as 02:00:00:00:00:01", word, text));
}

absl::StatusOr<json> ReadChoice(const Word& word, const std::string& text) {
  std::vector<std::string_view> choices;
  for (std::string_view rest = word.value; !rest.empty();) {
    choices.push_back(rest.substr(0, rest.find('|')));
    rest.remove_prefix(std::min(rest.size(), choices.back().size() + 1));
  }
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  return Bad(fmt::format("{} '{}': expected {}", word.word, text, Alternatives(choices)));
}

// Reads a value of any kind that has one.
absl::StatusOr<json> ReadValue(const Word& word, const std::string& text) {
  switch (word.kind) {
    case WordKind::kFlag:
      return ReadFlag(word.word, text);
    case WordKind::kNumber:
      return ReadNumber(word.word, text);
    case WordKind::kAddress:
      return ReadAddress(word.word, text);
    case WordKind::kChoice:
      return ReadChoice(word, text);
    case WordKind::kCost:
      if (const auto number = ParseNumber(text)) return *number;
      if (text == "auto") return json(text);
      return Bad(fmt::format("{} '{}': expected a number or auto", word.word, text));
    case WordKind::kState:
      if (const auto number = ParseNumber(text)) return *number;
      return json(text);
    case WordKind::kGroup:
      return json{{std::string(word.value), text}};
    default:
      return json(text);
  }
}

// Says what belongs behind a word that is the last one.
std::string_view Expected(WordKind kind) {
  switch (kind) {
    case WordKind::kFlag:
      return "on or off";
    case WordKind::kNumber:
      return "a number";
    case WordKind::kCost:
      return "a number or auto";
    case WordKind::kName:
    case WordKind::kNames:
      return "a name";
    case WordKind::kAddress:
      return "a MAC address";
    default:
      return "a value";
  }
}

bool IsList(WordKind kind) {
  return kind == WordKind::kNames || kind == WordKind::kTexts || kind == WordKind::kGroup;
}

class WordReader {
 public:
  explicit WordReader(Request& request) : request_(request) {}

  absl::Status Read(std::span<const std::string> words) {
    while (!words.empty()) {
      const auto taken = ReadOne(words);
      if (!taken.ok()) return taken.status();
      words = words.subspan(*taken);
    }
    return CheckRequired();
  }

 private:
  [[nodiscard]] const Command& command() const { return *request_.command; }

  // The number of words that were used.
  absl::StatusOr<size_t> ReadOne(std::span<const std::string> words) {
    if (const auto* const word = command().FindWord(words.front())) return ReadWord(*word, words);
    const Word& bare = command().bare;
    const bool is_list = bare.kind == WordKind::kNames || bare.kind == WordKind::kTexts;
    const bool has_room =
        !bare.word.empty() && (is_list || !request_.params.contains(bare.parameter()));
    if (has_room && !IsNoAddress(words.front())) return Store(bare, words.front(), 1);
    if (words.front() == "self") {
      return Bad("self: an address of the interface itself is not the bridge's: leave it out");
    }
    if (command().words.empty()) {
      return Bad(fmt::format("unexpected '{}': '{}{}{}' takes no further word", words.front(),
                             command().object, command().verb.empty() ? "" : " ", command().verb));
    }
    const auto word = ChooseWord(command(), words.front());
    if (!word.ok()) return word.status();
    return ReadWord(**word, words);
  }

  // A word, perhaps shortened, where an address may stand. A name of a port may look like one.
  [[nodiscard]] bool IsNoAddress(std::string_view text) const {
    if (command().bare.kind != WordKind::kAddress || text.empty()) return false;
    if (text == "self") return true;
    return std::any_of(command().words.begin(), command().words.end(),
                       [&](const Word& word) { return word.word.starts_with(text); });
  }

  absl::StatusOr<size_t> ReadWord(const Word& word, std::span<const std::string> words) {
    if (TakesValue(word.kind)) {
      if (words.size() < 2) {
        return Bad(fmt::format("{}: expected {} behind it", word.word, Expected(word.kind)));
      }
      if (word.kind == WordKind::kRest) {
        return Store(word, fmt::format("{}", fmt::join(words.subspan(1), " ")), words.size());
      }
      if (word.kind == WordKind::kBurst) return ReadBurst(word, words);
      return Store(word, words[1], 2);
    }
    if (word.kind == WordKind::kIgnored) return 1;
    if (word.kind == WordKind::kOfGroup) return ReadOfGroup(word);
    if (!given_.insert(word.word).second) return GivenTwice(word.word);
    json& param = request_.params[std::string(word.parameter())];
    if (word.kind == WordKind::kMember) {
      param.push_back(word.value);
    } else if (word.kind == WordKind::kSet) {
      param = word.value;
    } else {
      param = word.kind == WordKind::kTrue;
    }
    return 1;
  }

  // A burst of losses is told from one of a rate by its percentages.
  absl::StatusOr<size_t> ReadBurst(const Word& word, std::span<const std::string> words) {
    if (!words[1].ends_with('%')) return Store(word, words[1], 2);
    if (words.size() < 3) {
      return Bad(fmt::format("{} {}: expected a second percentage behind it", word.word, words[1]));
    }
    constexpr Word kLossBurst{"loss_burst", WordKind::kText};
    return Store(kLossBurst, words[1] + " " + words[2], 3);
  }

  absl::StatusOr<size_t> ReadOfGroup(const Word& word) {
    const auto groups = request_.params.find(std::string(word.parameter()));
    if (groups == request_.params.end()) {
      return Bad(
          fmt::format("unexpected '{}': expected {} VID before it", word.word, word.parameter()));
    }
    json& flag = groups->back()[std::string(word.word)];
    if (!flag.is_null()) return GivenTwice(word.word);
    flag = true;
    return 1;
  }

  absl::StatusOr<size_t> Store(const Word& word, const std::string& text, size_t taken) {
    auto value = ReadValue(word, text);
    if (!value.ok()) return value.status();
    json& param = request_.params[std::string(word.parameter())];
    if (IsList(word.kind)) {
      param.push_back(*std::move(value));
    } else {
      if (!given_.insert(word.parameter()).second) return GivenTwice(word.word);
      param = *std::move(value);
    }
    return taken;
  }

  static absl::Status GivenTwice(std::string_view word) {
    return Bad(fmt::format("'{}' is given twice: give it once", word));
  }

  [[nodiscard]] absl::Status CheckRequired() const {
    std::string_view required = command().required;
    while (!required.empty()) {
      const std::string_view name = required.substr(0, required.find(' '));
      required.remove_prefix(std::min(required.size(), name.size() + 1));
      if (request_.params.contains(std::string(name))) continue;
      return Bad(fmt::format("'{}' is missing: tapctl {}{}{} {}", name, command().object,
                             command().verb.empty() ? "" : " ", command().verb, command().usage));
    }
    return absl::OkStatus();
  }

  Request& request_;
  std::set<std::string_view> given_;  // parameters with values, and words without
};

}  // namespace

absl::StatusOr<Request> ParseCommand(std::span<const std::string> words) {
  const auto command = TakeCommand(words);
  if (!command.ok()) return command.status();
  Request request{.command = *command};
  if (absl::Status read = WordReader(request).Read(words); !read.ok()) return read;
  return request;
}

}  // namespace tapswitch
