#include "switch/process/line_sink.h"

#include <poll.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ports/os/text.h"

namespace tapswitch {

void LineSink::sink_it_(const spdlog::details::log_msg& message) {
  const std::string text =
      WithCure(Escaped(std::string_view(message.payload.data(), message.payload.size())));
  if (lost_ == 0 || ReportLost(message)) {
    error_ = Write(Format(message, text));
    if (error_ == 0) return;
  }
  ++lost_;
}

bool LineSink::ReportLost(const spdlog::details::log_msg& message) {
  const std::string text = fmt::format("{} lines lost: {}", lost_, std::strerror(error_));
  const int error =
      Write(Format({message.logger_name, spdlog::level::err, {text.data(), text.size()}}, text));
  if (error != 0) {
    error_ = error;
    return false;
  }
  lost_ = 0;
  return true;
}

std::string LineSink::Format(const spdlog::details::log_msg& like, std::string_view text) {
  spdlog::details::log_msg message(like);
  message.payload = {text.data(), text.size()};
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  return (torn_ ? "\n" : "") + std::string(line.data(), line.size());
}

int LineSink::Write(std::string_view text) {
  const size_t whole = text.size();
  while (!text.empty()) {
    const ssize_t written = write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // somebody who has it, too, has made it so
      pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
      poll(&room, 1, -1);
    } else if (errno != EINTR) {
      const int error = errno;
      torn_ = torn_ || text.size() != whole;
      return error;
    }
  }
  torn_ = false;
  return 0;
}

}  // namespace tapswitch
