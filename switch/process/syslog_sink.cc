#include "switch/process/syslog_sink.h"

#include <spdlog/details/log_msg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include <cstring>
#include <string_view>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "ports/os/text.h"

namespace tapswitch {
int SyslogPriority(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return LOG_CRIT;
    case spdlog::level::err:
      return LOG_ERR;
    case spdlog::level::warn:
      return LOG_WARNING;
    case spdlog::level::info:
      return LOG_INFO;
    default:
      return LOG_DEBUG;
  }
}

SyslogSink::SyslogSink(std::string program) : program_(std::move(program)) {
  openlog(program_.c_str(), LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

SyslogSink::~SyslogSink() { closelog(); }

bool SyslogSink::IsThere() {
  constexpr std::string_view kPath = "/dev/log";  // _PATH_LOG
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kPath.data(), kPath.size());
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    const FileDescriptor socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return true;
    }
  }
  return false;
}

void SyslogSink::sink_it_(const spdlog::details::log_msg& message) {
  const std::string text =
      WithCure(Escaped(std::string_view(message.payload.data(), message.payload.size())));
  syslog(SyslogPriority(message.level), "[%.*s] %s", static_cast<int>(message.logger_name.size()),
         message.logger_name.data(), text.c_str());
}

}  // namespace tapswitch
