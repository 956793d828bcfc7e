#include <array>

#include "switch/control/commands/grammar/command_lists.h"
#include "switch/control/commands/grammar/words.h"

namespace tapswitch::grammar {
namespace {

constexpr std::array kKernelCommands{
    Command{.object = "kernel",
            .verb = "show",
            .method = "kernel.list",
            .usage = "",
            .summary = "conversations that the kernel carries by itself; with -s how many frames, "
                       "and by port"},
};

}  // namespace

std::span<const Command> KernelCommands() { return kKernelCommands; }

}  // namespace tapswitch::grammar
