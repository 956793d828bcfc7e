#include "switch/control/commands/parse_command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

using nlohmann::json;

absl::Status Bad(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

// Returns the one of `names` that equals `text` or, if only one does, begins with it.
absl::StatusOr<std::string_view> Choose(std::string_view text, std::string_view what,
                                        const std::vector<std::string_view>& names) {
  std::vector<std::string_view> matches;
  for (const std::string_view name : names) {
    if (name == text) return name;
    if (!text.empty() && name.starts_with(text)) matches.push_back(name);
  }
  if (matches.size() == 1) return matches.front();
  const bool ambiguous = !matches.empty();
  return Bad(fmt::format("'{}' is {} {}: {} {}", text, ambiguous ? "an ambiguous" : "no", what,
                         ambiguous ? "it may be" : "there are",
                         fmt::join(ambiguous ? matches : names, ", ")));
}

// The objects of bridge(8), whose short forms mean the same here, whatever other objects exist.
constexpr std::array<std::string_view, 2> kOldObjects{"link", "monitor"};

// Returns the object that a short form means.
std::string_view Lengthened(std::string_view text) {
  const auto* const old = std::find_if(kOldObjects.begin(), kOldObjects.end(),
                                       [&](auto name) { return name.starts_with(text); });
  return text.empty() || old == kOldObjects.end() ? text : *old;
}

std::vector<std::string_view> ObjectNames() {
  std::vector<std::string_view> names;
  for (const Command& command : Commands()) {
    if (names.empty() || names.back() != command.object) names.push_back(command.object);
  }
  return names;
}

std::vector<std::string_view> VerbNames(std::string_view object) {
  std::vector<std::string_view> names;
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

// Takes the words that name the command.
absl::StatusOr<const Command*> TakeCommand(std::span<const std::string>& words) {
  if (words.empty()) {
    return Bad(fmt::format("no object is given: there are {}", fmt::join(ObjectNames(), ", ")));
  }
  const auto object = Choose(Lengthened(words.front()), "object", ObjectNames());
  if (!object.ok()) return object.status();
  words = words.subspan(1);
  const auto verbs = VerbNames(*object);
  if (verbs.front().empty()) return &CommandOf(*object, "");
  // iproute2 also says `list` and `lst`.
  if (words.empty()) return &CommandOf(*object, "show");
  const bool is_list = words.front() == "list" || words.front() == "lst";
  const auto verb =
      Choose(is_list ? "show" : words.front(), fmt::format("verb of {}", *object), verbs);
  if (!verb.ok()) return verb.status();
  words = words.subspan(1);
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
  return Bad(fmt::format("{} '{}': it is on or off", word, text));
}

absl::StatusOr<json> ReadNumber(std::string_view word, std::string_view text) {
  if (const auto number = ParseNumber(text)) return *number;
  return Bad(fmt::format("{} '{}': it is a number", word, text));
}

absl::StatusOr<json> ReadAddress(std::string_view word, std::string_view text) {
  if (const auto address = MacAddress::Parse(text)) return address->ToString();
  return Bad(fmt::format("{} '{}': it is a MAC address, such as 02:00:00:00:00:01", word, text));
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
    case WordKind::kState:
      if (const auto number = ParseNumber(text)) return *number;
      return json(text);
    default:
      return json(text);
  }
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
    std::vector<std::string_view> names;
    for (const Word& word : command().words) names.push_back(word.word);
    if (names.empty()) return Bad(fmt::format("'{}' is one word too many", words.front()));
    const auto name = Choose(words.front(), "word here", names);
    if (!name.ok()) return name.status();
    return ReadWord(*command().FindWord(*name), words);
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
      if (words.size() < 2) return Bad(fmt::format("{} needs a value behind it", word.word));
      if (word.kind == WordKind::kRest) {
        return Store(word, fmt::format("{}", fmt::join(words.subspan(1), " ")), words.size());
      }
      return Store(word, words[1], 2);
    }
    json& param = request_.params[std::string(word.parameter())];
    if (word.kind == WordKind::kMember) {
      param.push_back(word.value);
    } else if (word.kind == WordKind::kSet) {
      param = word.value;
    } else if (word.kind == WordKind::kIgnored) {
      request_.params.erase(std::string(word.parameter()));
    } else {
      param = word.kind == WordKind::kTrue;
    }
    return 1;
  }

  absl::StatusOr<size_t> Store(const Word& word, const std::string& text, size_t taken) {
    auto value = ReadValue(word, text);
    if (!value.ok()) return value.status();
    json& param = request_.params[std::string(word.parameter())];
    if (word.kind == WordKind::kNames || word.kind == WordKind::kTexts) {
      param.push_back(*std::move(value));
    } else {
      param = *std::move(value);
    }
    return taken;
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
};

}  // namespace

absl::StatusOr<Request> ParseCommand(std::span<const std::string> words) {
  const auto command = TakeCommand(words);
  if (!command.ok()) return command.status();
  Request request{.command = *command};
  if (absl::Status read = WordReader(request).Read(words); !read.ok()) return read;
  return request;
}

std::string Usage(std::string_view object) {
  std::string usage = "commands:\n";
  for (const Command& command : Commands()) {
    if (!object.empty() && command.object != object) continue;
    usage += fmt::format("  tapctl {}{}{}{}{}\n      {}\n", command.object,
                         command.verb.empty() ? "" : " ", command.verb,
                         command.usage.empty() ? "" : " ", command.usage, command.summary);
  }
  return usage;
}

}  // namespace tapswitch
