// The commands of each subject. A file NAME_commands.cc lists them, and the words they have.

#pragma once

#include <span>

#include "switch/control/commands/grammar.h"

namespace tapswitch::grammar {

// The lists are constants, here in the order in which help shows them.
[[nodiscard]] std::span<const Command> BridgeCommands();
[[nodiscard]] std::span<const Command> PortCommands();
[[nodiscard]] std::span<const Command> TableCommands();
[[nodiscard]] std::span<const Command> MulticastCommands();
[[nodiscard]] std::span<const Command> NeighbourCommands();
[[nodiscard]] std::span<const Command> KernelCommands();
[[nodiscard]] std::span<const Command> TreeCommands();
[[nodiscard]] std::span<const Command> GuardCommands();
[[nodiscard]] std::span<const Command> ImpairCommands();
[[nodiscard]] std::span<const Command> WatchCommands();
[[nodiscard]] std::span<const Command> SwitchCommands();

}  // namespace tapswitch::grammar
