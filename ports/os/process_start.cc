#include "ports/os/process_start.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>

namespace tapswitch {
namespace {

void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction inherited {};
    const bool is_ignored = sigaction(signal, nullptr, &inherited) == 0 &&
                            (inherited.sa_flags & SA_SIGINFO) == 0 &&
                            inherited.sa_handler == SIG_IGN;
    if (is_ignored) static_cast<void>(std::signal(signal, SIG_DFL));
  }
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGTTOU}) {
    static_cast<void>(std::signal(signal, SIG_IGN));
  }
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&blocked, signal);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

void StopTimers() {
  const itimerval off{};
  for (const __itimer_which timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    setitimer(timer, &off, nullptr);
  }
}

void RaiseFileLimit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

// Haste takes the lowest one. A process that may not raise its limit keeps it.
void AllowLowestRealTimePriority() {
  rlimit priority{};
  if (getrlimit(RLIMIT_RTPRIO, &priority) != 0 || priority.rlim_cur > 0) return;
  priority = {.rlim_cur = 1, .rlim_max = std::max<rlim_t>(1, priority.rlim_max)};
  setrlimit(RLIMIT_RTPRIO, &priority);
}

}  // namespace

void OpenStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest number that is free is this one. Where there is no /dev, a folder does: writing to
    // it fails.
    if (open("/dev/null", O_RDWR) >= 0 || open("/", O_RDONLY | O_DIRECTORY) >= 0) continue;
    _exit(EXIT_FAILURE);
  }
}

void ForgetInherited() {
  constexpr mode_t kOnlyOwner = 077;
  constexpr unsigned long kUsualSlack = 50'000;  // NOLINT(google-runtime-int): prctl's, nanoseconds
  ResetSignals();
  StopTimers();
  umask(kOnlyOwner);
  RaiseFileLimit();
  AllowLowestRealTimePriority();
  prctl(PR_SET_TIMERSLACK, kUsualSlack, 0, 0, 0);
}

}  // namespace tapswitch
