#include "switch/control/attach/attach_rule.h"

#include <fnmatch.h>

#include <algorithm>

#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/parse_command.h"

namespace tapswitch {
namespace {

const Command& LinkSet() {
  const auto commands = Commands();
  return *std::find_if(commands.begin(), commands.end(),
                       [](const Command& command) { return command.method == "link.set"; });
}

// Returns the word of `tapctl link set` that is meant; null if it is none.
const Word* FindSetting(std::string_view key) {
  const Word* const word = LinkSet().FindWord(key);
  if (word == nullptr) return key == "max_macs" ? LinkSet().FindWord("fdb_max_learned") : nullptr;
  return word->word == "dev" ? nullptr : word;
}

// Sets a setting as `tapctl link set dev NAME WORD VALUE` would.
absl::Status SetByWord(const Word& word, const PortOption& option, PortSettings& settings) {
  const std::vector<std::string> words{
      "link", "set", "dev", "x", std::string(word.word), option.value.value_or("on")};
  const auto request = ParseCommand(words);
  if (!request.ok()) return request.status();
  for (const auto& [name, value] : request->params.items()) {
    if (name == "dev") continue;
    if (absl::Status set = SetPortSetting(name, value, settings); !set.ok()) return set;
  }
  return absl::OkStatus();
}

absl::StatusOr<AttachRule> ReadAttachRule(const AttachText& text) {
  AttachRule rule{.glob = text.glob, .settings = {}, .options = {}};
  std::vector<PortOption> words(text.words.begin(), text.words.end());
  std::stable_partition(words.begin(), words.end(),
                        [](const PortOption& option) { return option.key == kProfileWord; });
  for (const PortOption& option : words) {
    if (option.key == "netns") {
      return absl::InvalidArgumentError(
          "netns: interfaces are attached where the switch runs: leave it out");
    }
    const Word* const word = FindSetting(option.key);
    if (word == nullptr) {
      rule.options.push_back(option);
    } else if (absl::Status set = SetByWord(*word, option, rule.settings); !set.ok()) {
      return set;
    }
  }
  const PortSpec spec{
      .type = std::string(kAttachedPortType), .name = text.glob, .options = rule.options};
  if (absl::Status checked = CheckPort(spec); !checked.ok()) return checked;
  return rule;
}

}  // namespace

bool AttachRule::Matches(std::string_view name) const {
  return fnmatch(glob.c_str(), std::string(name).c_str(), 0) == 0;
}

absl::StatusOr<std::vector<AttachRule>> ReadAttachRules(std::span<const AttachText> texts) {
  std::vector<AttachRule> rules;
  for (const AttachText& text : texts) {
    auto rule = ReadAttachRule(text);
    if (!rule.ok()) {
      return absl::Status(rule.status().code(),
                          fmt::format("--attach: '{}': {}; settings are those of tapctl link set",
                                      text.glob, std::string(rule.status().message())));
    }
    rules.push_back(*std::move(rule));
  }
  return rules;
}

const AttachRule* FindAttachRule(std::span<const AttachRule> rules, std::string_view name) {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const AttachRule& rule) { return rule.Matches(name); });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace tapswitch
