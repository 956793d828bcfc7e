#include "switch/process/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"

namespace tapswitch {
namespace {

sigset_t SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

absl::StatusOr<StopSignals> StopSignals::Block() {
  const sigset_t signals = SetOf({SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2});
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0) {
    return absl::ErrnoToStatus(error, "cannot block SIGTERM and SIGINT");
  }
  const int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "signalfd");
  return StopSignals(fd);
}

StopSignals::~StopSignals() {
  if (fd_ >= 0) close(fd_);
}

StopSignals::StopSignals(StopSignals&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

std::optional<int> StopSignals::Next() const {
  signalfd_siginfo info{};
  if (read(fd_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

bool StopSignals::IsStop(int signal) { return signal == SIGTERM || signal == SIGINT; }

void UnblockStopSignals() {
  const sigset_t signals = SetOf({SIGTERM, SIGINT});
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace tapswitch
