// Writes the log to a descriptor, which may be anything and may go wrong at any time.

#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tapswitch {

// Waits for whoever reads: that is for a thread that does nothing else. What cannot be written (the
// reader has gone, the disk is full) is counted; the first line that can be comes with the number and
// the reason. Each message is one line, whatever names from outside bring along. One thread logs.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  // `fd` stays open for as long as this is used.
  explicit LineSink(int fd) : fd_(fd) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  // Zero, or why not: a number of errno.
  [[nodiscard]] int Write(std::string_view text);
  // False: not even that.
  [[nodiscard]] bool ReportLost(const spdlog::details::log_msg& message);
  std::string Format(const spdlog::details::log_msg& like, std::string_view text);

  int fd_;
  uint64_t lost_ = 0;
  int error_ = 0;      // of the line that was lost last
  bool torn_ = false;  // the beginning of a line is there and its end is not
};

}  // namespace tapswitch
