#include "switch/control/commands/grammar.h"

#include <algorithm>
#include <vector>

#include "switch/control/commands/grammar/command_lists.h"

namespace tapswitch {
namespace {

// In the order in which help shows them.
std::vector<Command> JoinLists() {
  std::vector<Command> all;
  for (const std::span<const Command> list :
       {grammar::BridgeCommands(), grammar::PortCommands(), grammar::TableCommands(),
        grammar::MulticastCommands(), grammar::NeighbourCommands(), grammar::KernelCommands(),
        grammar::TreeCommands(), grammar::GuardCommands(), grammar::ImpairCommands(),
        grammar::WatchCommands(), grammar::SwitchCommands()}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

}  // namespace

const Word* Command::FindWord(std::string_view name) const {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.word == name; });
  return found == words.end() ? nullptr : &*found;
}

std::span<const Command> Commands() {
  static const std::vector<Command> all = JoinLists();
  return all;
}

}  // namespace tapswitch
