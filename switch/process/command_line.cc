#include "switch/process/command_line.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "absl/status/status.h"
#include "ports/os/files/plain_file.h"
#include "switch/control/commands/nearest_word.h"
#include "switch/control/commands/reserved_names.h"

namespace tapswitch {
namespace {

absl::Status Wrong(std::string_view message) {
  return absl::InvalidArgumentError({message.data(), message.size()});
}

struct SwitchValue {
  std::string_view text;
  bool is_on;
};

// These are the words that gflags takes, and those that people say.
constexpr std::array kSwitchValues{
    SwitchValue{"on", true},     SwitchValue{"off", false}, SwitchValue{"true", true},
    SwitchValue{"false", false}, SwitchValue{"1", true},    SwitchValue{"0", false},
    SwitchValue{"yes", true},    SwitchValue{"no", false},  SwitchValue{"t", true},
    SwitchValue{"f", false},     SwitchValue{"y", true},    SwitchValue{"n", false},
};

std::optional<bool> ReadSwitch(std::string_view text) {
  const auto* const found = std::find_if(kSwitchValues.begin(), kSwitchValues.end(),
                                         [&](const SwitchValue& one) { return one.text == text; });
  return found == kSwitchValues.end() ? std::nullopt : std::optional(found->is_on);
}

bool IsNumber(std::string_view text) {
  const bool is_hex = text.starts_with("0x");
  if (is_hex) text.remove_prefix(2);
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number, is_hex ? 16 : 10);
  return !text.empty() && error == std::errc() && at == end;
}

bool IsFlag(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

class Reader {
 public:
  explicit Reader(std::span<const KnownFlag> flags) : flags_(flags) {}

  absl::Status Read(std::span<const std::string> words);
  absl::StatusOr<CommandLine> Finish() { return std::move(line_); }

 private:
  // Reads the flag in front of `words`, and returns how many words it takes.
  absl::StatusOr<size_t> ReadFlag(std::span<const std::string> words);
  absl::StatusOr<size_t> ReadSwitchFlag(std::string_view name,
                                        std::optional<std::string_view> value,
                                        std::span<const std::string> rest);
  absl::Status ReadFile(const std::string& path);
  [[nodiscard]] bool ReadQuestion(std::string_view name);
  [[nodiscard]] const KnownFlag* Find(std::string_view name) const;
  [[nodiscard]] absl::Status NoSuchFlag(std::string_view word, std::string_view name) const;
  void Append(std::string_view name, std::string_view value) {
    line_.words.push_back(fmt::format("--{}={}", name, value));
  }

  std::span<const KnownFlag> flags_;
  CommandLine line_;
  size_t depth_ = 0;  // of files that name files
};

const KnownFlag* Reader::Find(std::string_view name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(),
                                  [&](const KnownFlag& flag) { return flag.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

absl::Status Reader::NoSuchFlag(std::string_view word, std::string_view name) const {
  if (name.starts_with("no") && Find(name.substr(2)) != nullptr) {
    return Wrong(fmt::format("{}: there is no such flag: say --{}=off", word, name.substr(2)));
  }
  std::vector<std::string_view> names;
  for (const KnownFlag& flag : flags_) names.push_back(flag.name);
  const auto nearest = NearestWord(name, names);
  return Wrong(fmt::format(
      "{}: there is no such flag: {}", word,
      nearest ? fmt::format("did you mean --{}?", *nearest) : "tapswitchd --help lists them"));
}

bool Reader::ReadQuestion(std::string_view name) {
  const bool is_help = name == "h" || name.starts_with("help");
  const bool is_version = name == "V" || name == "version";
  line_.wants_help |= is_help;
  line_.wants_version |= is_version;
  return is_help || is_version;
}

absl::StatusOr<size_t> Reader::ReadSwitchFlag(std::string_view name,
                                              std::optional<std::string_view> value,
                                              std::span<const std::string> rest) {
  if (!value && !rest.empty() && IsFlagValue(rest.front())) {
    return Wrong(fmt::format("'{0}' would be a port: say --{1}={0}", rest.front(), name));
  }
  const auto is_on = ReadSwitch(value.value_or("on"));
  if (!is_on) return Wrong(fmt::format("--{}={}: expected on or off", name, *value));
  Append(name, *is_on ? "true" : "false");
  return 1;
}

// NOLINTNEXTLINE(misc-no-recursion): ReadFile bounds it.
absl::StatusOr<size_t> Reader::ReadFlag(std::span<const std::string> words) {
  const std::string_view word = words.front();
  std::string_view name = word.substr(word.starts_with("--") ? 2 : 1);
  std::optional<std::string_view> value;
  const size_t equals = name.find('=');
  if (equals != std::string_view::npos) value = name.substr(equals + 1);
  name = name.substr(0, equals);
  if (ReadQuestion(name)) return 1;
  const KnownFlag* flag = Find(name);
  if (flag == nullptr && name.starts_with("no") && !value) {
    const KnownFlag* const opposite = Find(name.substr(2));
    if (opposite != nullptr && opposite->kind == FlagKind::kSwitch) {
      Append(opposite->name, "false");
      return 1;
    }
  }
  if (flag == nullptr) return NoSuchFlag(word.substr(0, word.find('=')), name);
  if (flag->kind == FlagKind::kSwitch) return ReadSwitchFlag(name, value, words.subspan(1));
  size_t taken = 1;
  if (!value) {
    if (words.size() < 2) return Wrong(fmt::format("{0}: expected a value: write {0}=VALUE", word));
    value = words[1];
    taken = 2;
  }
  if (flag->kind == FlagKind::kNumber && !IsNumber(*value)) {
    return Wrong(fmt::format("--{}={}: expected a number", name, *value));
  }
  if (name == "flagfile") {
    if (absl::Status read = ReadFile(std::string(*value)); !read.ok()) return read;
  } else {
    Append(name, *value);
  }
  return taken;
}

// NOLINTNEXTLINE(misc-no-recursion): files name files, and `depth_` is bounded.
absl::Status Reader::ReadFile(const std::string& path) {
  constexpr size_t kDeepest = 8;
  if (depth_ == kDeepest) return Wrong(fmt::format("--flagfile={}: files name files", path));
  const auto text = ReadPlainFile(path, "--flagfile=" + path);
  if (!text.ok()) return text.status();
  std::istringstream file(*text);
  ++depth_;
  size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    constexpr std::string_view kSpace = " \t\r";
    line.erase(0, std::min(line.find_first_not_of(kSpace), line.size()));
    line.erase(line.find_last_not_of(kSpace) + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::array<std::string, 1> word{line};
    const absl::Status read = IsFlag(line)
                                  ? ReadFlag(word).status()
                                  : Wrong(fmt::format("'{}': expected --FLAG=VALUE", line));
    if (!read.ok()) return Wrong(fmt::format("{}:{}: {}", path, number, read.message().data()));
  }
  --depth_;
  return absl::OkStatus();
}

absl::Status Reader::Read(std::span<const std::string> words) {
  while (!words.empty() && words.front() != "--") {
    if (!IsFlag(words.front())) {
      line_.wants_help |= words.front() == "help";
      line_.words.push_back(words.front());
      words = words.subspan(1);
      continue;
    }
    const auto taken = ReadFlag(words);
    if (!taken.ok()) return taken.status();
    words = words.subspan(*taken);
  }
  line_.words.insert(line_.words.end(), words.begin(), words.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandLine> ReadCommandLine(std::span<const std::string> words,
                                            std::span<const KnownFlag> flags) {
  Reader reader(flags);
  if (absl::Status read = reader.Read(words); !read.ok()) return read;
  return reader.Finish();
}

}  // namespace tapswitch
