// The log: to standard error, at most so many messages a second, in the form that its reader likes.

#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace tapswitch {

// Who reads standard error.
enum class LogReader {
  kPerson,   // lines begin with the time and the level
  kJournal,  // lines begin with <N>, a priority of sd-daemon(3); the journal knows the time
};

// Compares $JOURNAL_STREAM with `fd`, as systemd.exec(5) describes.
[[nodiscard]] LogReader DetectLogReader(int fd);

[[nodiscard]] std::unique_ptr<spdlog::formatter> MakeLogFormatter(LogReader reader);

// Makes spdlog's default logger one of this name, with the least severe level that is logged. An
// error names the flag --log_level, the bad value, and what it can be.
[[nodiscard]] absl::Status SetUpLog(const std::string& name, const std::string& level);

}  // namespace tapswitch
