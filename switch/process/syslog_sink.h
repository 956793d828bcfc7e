// Writes the log to the system's log (syslog(3)), which the journal reads, too.

#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <string>

namespace tapswitch {

// Returns the priority that syslog(3), and the journal, have for a level.
[[nodiscard]] int SyslogPriority(spdlog::level::level_enum level);

// Sending may block until the system's log reads, so it belongs on a thread that does nothing else.
// Each message is one line, even if it quotes text from outside. One thread logs.
class SyslogSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  // Messages are those of `program`, and begin with the name of their logger.
  explicit SyslogSink(std::string program);
  ~SyslogSink() override;
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  // Whether the system has a log that can be written now.
  [[nodiscard]] static bool IsThere();

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  std::string program_;  // openlog(3) keeps a pointer to it
};

}  // namespace tapswitch
