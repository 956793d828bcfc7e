// The log. It goes to standard error, a file or the system's log, with a limited number of messages
// a second, in the format of its reader. No thread waits for that reader.

#pragma once

#include <spdlog/formatter.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace tapswitch {

// The reader of standard error.
enum class LogReader {
  kPerson,   // lines begin with the time and the level
  kJournal,  // lines begin with <N>, a priority of sd-daemon(3); the journal knows the time
};

// Recognises the journal: compares $JOURNAL_STREAM with `fd`, as systemd.exec(5) describes.
[[nodiscard]] LogReader DetectLogReader(int fd);

[[nodiscard]] std::unique_ptr<spdlog::formatter> MakeLogFormatter(LogReader reader);

// Makes a logger `name` spdlog's default, with `level` as the least severe level that is logged.
// From then on a separate thread writes the log, and no other thread waits for it (QueuedSink). An
// error names the flag --log_level, the bad value, and the valid ones.
[[nodiscard]] absl::Status SetUpLog(const std::string& name, const std::string& level);

// Has the log go to a file from now on, to which lines are appended; made if it is missing (mode
// 0640). A file that was moved away is left by calling this again. In a folder that others can
// change it has to be a regular file of this user (ports/os/files/file_place.h). An error names the
// file.
[[nodiscard]] absl::Status MoveLogToFile(const std::string& path);

// Has the log go to the system's log from now on. Unavailable where there is none.
[[nodiscard]] absl::Status MoveLogToSyslog();

// Writes the waiting messages, and ends that thread. Returns false if this is not done within
// `limit`, because the reader does not read. Then the process must end without waiting for other
// threads, and without destroying objects that they use.
[[nodiscard]] bool CloseLog(std::chrono::milliseconds limit);

// Calls the function on the thread that writes the log, for state that the system keeps per thread.
[[nodiscard]] absl::Status CallOnLogThread(std::function<absl::Status()> function);

}  // namespace tapswitch
