// The log: to standard error, at most so many messages a second, in the form that its reader likes. No
// thread waits for that reader.

#pragma once

#include <spdlog/formatter.h>

#include <chrono>
#include <functional>
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

// Makes spdlog's default logger one of this name, with the least severe level that is logged. From
// then on a thread of its own writes the log, and none waits for it (QueuedSink). An error names the
// flag --log_level, the bad value, and what it can be.
[[nodiscard]] absl::Status SetUpLog(const std::string& name, const std::string& level);

// Writes what was said, and ends that thread. False where that is not done by `limit`, as nobody
// reads: then the process has to end without waiting for other threads or destroying what they use.
[[nodiscard]] bool CloseLog(std::chrono::milliseconds limit);

// Has the thread that writes the log call it, for what the system keeps for each thread.
[[nodiscard]] absl::Status CallOnLogThread(std::function<absl::Status()> function);

}  // namespace tapswitch
