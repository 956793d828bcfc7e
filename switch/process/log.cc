#include "switch/process/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "ports/os/files/file_place.h"
#include "switch/process/line_sink.h"
#include "switch/process/queued_sink.h"
#include "switch/process/rate_limited_sink.h"
#include "switch/process/syslog_sink.h"

namespace tapswitch {
namespace {

// %* of the pattern for the journal.
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& line) override {
    // sd-daemon(3): SD_WARNING and the like.
    const std::string priority = "<" + std::to_string(SyslogPriority(message.level)) + ">";
    line.append(priority.data(), priority.data() + priority.size());
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

// The sink of the log in use, whose target can be changed.
std::weak_ptr<RateLimitedSink>& LimitedSink() {
  static std::weak_ptr<RateLimitedSink> sink;
  return sink;
}

std::shared_ptr<QueuedSink> SinkInUse() {
  const auto logger = spdlog::default_logger();
  if (logger == nullptr || logger->sinks().empty()) return nullptr;
  return std::dynamic_pointer_cast<QueuedSink>(logger->sinks().front());
}

// On the thread that writes the log, so that nothing is written to both.
absl::Status MoveTo(std::shared_ptr<spdlog::sinks::sink> target) {
  return CallOnLogThread([target = std::move(target)] {
    if (const auto limited = LimitedSink().lock()) limited->set_target(target);
    return absl::OkStatus();
  });
}

}  // namespace

LogReader DetectLogReader(int fd) {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(fd, &status) != 0) return LogReader::kPerson;
  const bool is_journal =
      stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  return is_journal ? LogReader::kJournal : LogReader::kPerson;
}

std::unique_ptr<spdlog::formatter> MakeLogFormatter(LogReader reader) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PriorityFlag>('*').set_pattern(
      reader == LogReader::kJournal ? "%*[%n] %v" : "%Y-%m-%d %H:%M:%S.%e %l [%n] %v");
  return formatter;
}

absl::Status SetUpLog(const std::string& name, const std::string& level) {
  const auto least_severe = spdlog::level::from_str(level);
  if (least_severe == spdlog::level::off && level != "off") {
    return absl::InvalidArgumentError("--log_level=" + level +
                                      ": expected debug, info, warn, error or off");
  }
  auto lines = std::make_shared<LineSink>(STDERR_FILENO);
  lines->set_formatter(MakeLogFormatter(DetectLogReader(STDERR_FILENO)));
  auto limited = std::make_shared<RateLimitedSink>(std::move(lines), RateLimitedSink::Limit{});
  LimitedSink() = limited;
  auto sink = QueuedSink::Start(std::move(limited), name);
  if (!sink.ok()) return sink.status();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(name, *std::move(sink)));
  // spdlog itself would report errors by writing to standard error, and would wait for that.
  spdlog::set_error_handler([](const std::string& /*message*/) {});
  spdlog::set_level(least_severe);
  return absl::OkStatus();
}

absl::Status MoveLogToFile(const std::string& path) {
  constexpr mode_t kMode = 0640;
  auto file = OpenForAppending(path, "--log_file=" + path, kMode);
  if (!file.ok()) return file.status();
  auto lines = std::make_shared<LineSink>(*std::move(file));
  lines->set_formatter(MakeLogFormatter(LogReader::kPerson));
  return MoveTo(std::move(lines));
}

absl::Status MoveLogToSyslog() {
  if (!SyslogSink::IsThere()) return absl::UnavailableError("nobody reads /dev/log");
  return MoveTo(std::make_shared<SyslogSink>("tapswitchd"));
}

bool CloseLog(std::chrono::milliseconds limit) {
  const auto sink = SinkInUse();
  return sink == nullptr || sink->Close(limit);
}

absl::Status CallOnLogThread(std::function<absl::Status()> function) {
  constexpr std::chrono::seconds kPatience(5);
  const auto sink = SinkInUse();
  return sink == nullptr ? function() : sink->Call(std::move(function), kPatience);
}

}  // namespace tapswitch
