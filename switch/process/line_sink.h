// Writes the log to a descriptor of any kind, which may fail at any time.

#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

// Writing may block until the reader reads, so it belongs on a thread that does nothing else. Lines
// that cannot be written (the reader is gone, the disk is full) are counted. The first line that
// succeeds is preceded by their number and the reason. Each message is one line, even if it quotes
// text from outside. One thread logs.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  // `fd` must stay open as long as this object lives.
  explicit LineSink(int fd) : fd_(fd) {}
  explicit LineSink(FileDescriptor file) : file_(std::move(file)), fd_(file_.get()) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  // Returns zero, or an errno.
  [[nodiscard]] int Write(std::string_view text);
  // Reports the lost lines. Returns false if that fails, too.
  [[nodiscard]] bool ReportLost(const spdlog::details::log_msg& message);
  std::string Format(const spdlog::details::log_msg& like, std::string_view text);

  FileDescriptor file_;
  int fd_;
  uint64_t lost_ = 0;
  int error_ = 0;      // errno of the last lost line
  bool torn_ = false;  // a line was written only in part
};

}  // namespace tapswitch
