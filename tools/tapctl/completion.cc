#include "tools/tapctl/completion.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "switch/control/client/control_connection.h"
#include "switch/control/commands/grammar.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "tools/tapctl/complete_text.h"
#include "tools/tapctl/options.h"
#include "tools/tapctl/render/render.h"

namespace tapswitch {
namespace {

Candidates Objects() {
  Candidates objects{"help"};
  for (const Command& command : Commands()) objects.emplace(command.object);
  return objects;
}

Candidates Verbs(std::string_view object) {
  Candidates verbs;
  for (const Command& command : Commands()) {
    if (command.object == object && !command.verb.empty()) {
      verbs.emplace(command.verb.substr(0, command.verb.find(' ')));
    }
  }
  return verbs;
}

// The second words of a verb of two; empty if it has but one.
Candidates SecondWords(std::string_view object, std::string_view first) {
  Candidates words;
  for (const Command& command : Commands()) {
    const bool has_two = command.object == object && command.verb.starts_with(first) &&
                         command.verb.substr(first.size()).starts_with(' ');
    if (has_two) words.emplace(command.verb.substr(first.size() + 1));
  }
  return words;
}

Candidates PortNames(const std::optional<std::string>& bridge) {
  const auto path = FindSocket(bridge);
  if (!path.ok()) return {};
  auto connection = ControlConnection::Open(*path, /*patience=*/1);  // somebody waits at the shell
  if (!connection.ok()) return {};
  const auto ports = connection->Call("port.list", nlohmann::json::object());
  if (!ports.ok()) return {};
  Candidates names;
  for (const auto& port : *ports) {
    const auto name = port.find("ifname");
    if (name != port.end() && name->is_string()) names.insert(Printable(name->get<std::string>()));
  }
  return names;
}

// The stations behind ports.
Candidates Addresses(const std::optional<std::string>& bridge) {
  const auto path = FindSocket(bridge);
  if (!path.ok()) return {};
  auto connection = ControlConnection::Open(*path, /*patience=*/1);
  if (!connection.ok()) return {};
  const auto entries = connection->Call("fdb.list", {{"ages", false}});
  if (!entries.ok()) return {};
  Candidates addresses;
  for (const auto& entry : *entries) {
    const auto mac = entry.find("mac");
    if (mac != entry.end() && mac->is_string())
      addresses.insert(Printable(mac->get<std::string>()));
  }
  return addresses;
}

Candidates ChoicesOf(std::string_view joined) {
  Candidates choices;
  while (!joined.empty()) {
    const std::string_view choice = joined.substr(0, joined.find('|'));
    choices.emplace(choice);
    joined.remove_prefix(std::min(joined.size(), choice.size() + 1));
  }
  return choices;
}

Candidates ValuesOf(const Word& word, const std::optional<std::string>& bridge) {
  switch (word.kind) {
    case WordKind::kFlag:
      return {"on", "off"};
    case WordKind::kChoice:
      return ChoicesOf(word.value);
    case WordKind::kName:
    case WordKind::kNames:
      return PortNames(bridge);
    case WordKind::kAddress:
      return Addresses(bridge);
    case WordKind::kCost:
      return {"auto"};
    case WordKind::kState:
      return {kPortStateNames.begin(), kPortStateNames.end()};
    default:
      return word.parameter() == "file" ? Candidates{std::string(kFiles)} : Candidates();
  }
}

// Behind object and verb: the value of the word before, or else a further word.
Candidates WordsOf(const Command& command, std::span<const std::string> words,
                   const std::optional<std::string>& bridge) {
  if (words.size() >= 2) {
    const Word* const before = command.FindWord(words[words.size() - 2]);
    if (before != nullptr && TakesValue(before->kind)) return ValuesOf(*before, bridge);
  }
  const bool is_first = words.size() == 1 && !command.bare.word.empty();
  // A port that is yet to be made, or a file, cannot be one of the words.
  if (is_first && command.method == "port.add") return PortTexts(words.back());
  Candidates candidates = is_first ? ValuesOf(command.bare, bridge) : Candidates();
  if (candidates.contains(kFiles)) return candidates;
  for (const Word& word : command.words) candidates.emplace(word.word);
  return candidates;
}

Candidates CandidatesFor(std::span<const std::string> words,
                         const std::optional<std::string>& bridge) {
  if (words.size() <= 1) return Objects();
  auto verbs = Verbs(words[0]);
  if (!verbs.empty() && words.size() == 2) return verbs;
  std::string verb = verbs.empty() ? "" : words[1];
  size_t used = verbs.empty() ? 1 : 2;
  if (auto seconds = SecondWords(words[0], verb); !verb.empty() && !seconds.empty()) {
    if (words.size() == 3) return seconds;
    verb += " " + words[2];
    used = 3;
  }
  for (const Command& command : Commands()) {
    if (command.object == words[0] && command.verb == verb) {
      return WordsOf(command, words.subspan(used), bridge);
    }
  }
  return {};
}

}  // namespace

std::string Completions(std::span<const std::string> words) {
  if (words.empty()) return "";
  const std::string& written = words.back();
  // All but the word that is written may be options, and -B says whose ports there are.
  std::span<const std::string> before = words.first(words.size() - 1);
  const size_t all_before = before.size();
  // A bridge is yet to be named, which is no mistake here.
  if (!before.empty() && before.back() == "-batch") return std::string(kFiles) + "\n";
  const bool is_bridge = !before.empty() && before.back() == "-B";
  if (is_bridge) before = before.first(all_before - 1);
  const auto options = TakeOptions(before);
  if (!options.ok()) return "";
  Candidates candidates;
  if (before.empty() && is_bridge) {
    const auto bridges = RunningBridges();
    candidates.insert(bridges.begin(), bridges.end());
  } else if (before.empty() && written.starts_with('-')) {
    candidates = {"-json",    "-pretty",        "-statistics", "-details", "-timestamp",
                  "-timeout", "-force",         "-batch",      "-B",       "-help",
                  "-Version", "-compressvlans", "--help",      "--version"};
  } else {
    candidates = CandidatesFor(words.subspan(all_before - before.size()), options->bridge);
  }
  std::string lines;
  for (const std::string& candidate : candidates) {
    if (candidate == kFiles || candidate.starts_with(written)) lines += candidate + "\n";
  }
  return lines;
}

}  // namespace tapswitch
