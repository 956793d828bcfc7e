// The table of commands agrees with what help shows of it.

#include "switch/control/commands/grammar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "tests/support/split_line.h"

namespace tapswitch::grammar_test {
namespace {

// Words that bridge(8) has and usage does not show: other names of shown ones, and what this
// version accepts only switched off.
const std::set<std::string_view>& Unshown() {
  static const std::set<std::string_view> words{
      "local",  "temp",      "master",           "brport",      "br",
      "mab",    "fastleave", "mcast_to_unicast", "vlan_tunnel", "self",
      "dev",                               // where the name may stand by itself
      "vid",                               // of port add, where it is called vlan
      "to",     "nud",       "permanent",  // of ip neigh, where the address may stand by itself
      "dstport"};                          // of ip link add type vxlan
  return words;
}

bool IsShown(std::string_view word, std::string_view usage) {
  const bool negates = word.starts_with("no") && usage.find("[no]") != std::string_view::npos;
  if (negates) word.remove_prefix(2);
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  const auto is_end = [&](size_t at) {
    return at >= usage.size() || kLetters.find(usage[at]) == std::string_view::npos;
  };
  for (size_t at = usage.find(word); at != std::string_view::npos; at = usage.find(word, at + 1)) {
    if ((at == 0 || is_end(at - 1)) && is_end(at + word.size())) return true;
  }
  return false;
}

bool IsShownByOther(const Command& command, std::string_view word) {
  return std::any_of(Commands().begin(), Commands().end(), [&](const Command& other) {
    return &other != &command && IsShown(word, other.usage);
  });
}

TEST(GrammarTest, EachWordIsShownInItsUsageOrHasAnotherNameThere) {
  for (const Command& command : Commands()) {
    // They take the words of `add`, as bridge(8) does, and nothing comes of them.
    if (command.method == "fdb.del" || command.method == "vlan.del") continue;
    for (const Word& word : command.words) {
      // What the usage calls SETTING, other commands show.
      if (IsShown("SETTING", command.usage) && IsShownByOther(command, word.word)) continue;
      EXPECT_TRUE(IsShown(word.word, command.usage) || Unshown().contains(word.word))
          << command.object << ' ' << command.verb << ": " << word.word;
    }
  }
}

TEST(GrammarTest, EachNameInAUsageIsAWord) {
  for (const Command& command : Commands()) {
    // Lower case is written as it is; upper case stands for something.
    std::string usage(command.usage);
    const auto is_lower = [&](size_t at) { return usage[at] >= 'a' && usage[at] <= 'z'; };
    for (size_t at = 0; at < usage.size(); ++at) {
      const bool is_inside = at > 0 && at + 1 < usage.size();
      const bool joins = usage[at] == '-' && is_inside && is_lower(at - 1) && is_lower(at + 1);
      if (!joins && std::string_view("[]|.,:=-").find(usage[at]) != std::string_view::npos) {
        usage[at] = ' ';
      }
    }
    for (const std::string& name : Split(usage)) {
      if (name.find_first_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos) continue;
      if (name == "on" || name == "off" || name == "no" || name == command.bare.value) continue;
      const auto has_it = [&](const Word& word) {
        return word.word == name || word.word == "-" + name || word.word == "--" + name ||
               (word.kind == WordKind::kChoice && IsShown(name, word.value));
      };
      EXPECT_TRUE(std::any_of(command.words.begin(), command.words.end(), has_it))
          << command.object << ' ' << command.verb << ": " << name;
    }
  }
}

TEST(GrammarTest, EachCommandSaysWhatItDoes) {
  for (const Command& command : Commands()) {
    EXPECT_FALSE(command.summary.empty()) << command.object;
  }
}

}  // namespace
}  // namespace tapswitch::grammar_test
