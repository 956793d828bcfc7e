#include "switch/process/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "switch/process/line_sink.h"
#include "switch/process/queued_sink.h"
#include "switch/process/rate_limited_sink.h"

namespace tapswitch {
namespace {

// %* of the pattern for the journal.
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& line) override {
    const std::string_view priority = PriorityOf(message.level);
    line.append(priority.data(), priority.data() + priority.size());
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }

 private:
  static std::string_view PriorityOf(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::critical:
        return SD_CRIT;
      case spdlog::level::err:
        return SD_ERR;
      case spdlog::level::warn:
        return SD_WARNING;
      case spdlog::level::info:
        return SD_INFO;
      default:
        return SD_DEBUG;
    }
  }
};

std::shared_ptr<QueuedSink> SinkInUse() {
  const auto logger = spdlog::default_logger();
  if (logger == nullptr || logger->sinks().empty()) return nullptr;
  return std::dynamic_pointer_cast<QueuedSink>(logger->sinks().front());
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
  auto sink = QueuedSink::Start(std::move(limited), name);
  if (!sink.ok()) return sink.status();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(name, *std::move(sink)));
  // spdlog itself would report errors by writing to standard error, and would wait for that.
  spdlog::set_error_handler([](const std::string& /*message*/) {});
  spdlog::set_level(least_severe);
  return absl::OkStatus();
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
