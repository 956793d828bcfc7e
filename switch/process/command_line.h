// Reads the words of the command line and of files of flags before gflags does, which would answer
// mistakes in sentences of its own, or take them for something else.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

enum class FlagKind : uint8_t { kSwitch, kNumber, kText };

struct KnownFlag {
  std::string_view name;
  FlagKind kind;
};

struct CommandLine {
  bool wants_help = false;
  bool wants_version = false;
  // Flags as --NAME=VALUE, all of which exist, and have a value of their kind; other words as they
  // are.
  std::vector<std::string> words;
};

// Reads a command line without the program's name. A switch takes on, off, true, false, 1 or 0, and
// is on without a value; --flagfile=FILE stands for the flags in the lines of the file. -h, --help
// and all flags that begin so, and a bare `help` ask for help; -V and --version for the version.
// InvalidArgument names the word, the file and the line, and says what was expected.
[[nodiscard]] absl::StatusOr<CommandLine> ReadCommandLine(std::span<const std::string> words,
                                                          std::span<const KnownFlag> flags);

}  // namespace tapswitch
