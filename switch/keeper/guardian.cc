#include "switch/keeper/guardian.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "ports/interface/exclusion/lease_mark.h"
#include "ports/os/runtime_locks.h"
#include "switch/keeper/keeper.h"

namespace tapswitch {
namespace {

// How often it looks whether another switch has an interface.
constexpr timespec kLookPeriod{.tv_sec = 0, .tv_nsec = 250'000'000};

// Those that it is told something by, while no switch lives.
sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, LeaseSignal()}) sigaddset(&signals, signal);
  return signals;
}

// It holds up neither a terminal, nor a pipe that somebody reads to its end, nor a file system.
void LeaveEverything(int channel) {
  setsid();
  prctl(PR_SET_NAME, "tapswitch-lease");
  static_cast<void>(chdir("/"));
  const int nowhere = open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);
  const auto after = static_cast<unsigned>(channel) + 1;
  if (channel > STDERR_FILENO + 1) {
    close_range(STDERR_FILENO + 1, static_cast<unsigned>(channel) - 1, 0);
  }
  close_range(after, ~0U, 0);
  const sigset_t signals = Signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
}

void WaitOut(Keeper& keeper, std::chrono::milliseconds lease) {
  const auto end = Keeper::Clock::now() + lease;
  const sigset_t signals = Signals();
  while (keeper.has_leases() && Keeper::Clock::now() < end) {
    siginfo_t told{};
    const int signal = sigtimedwait(&signals, &told, &kLookPeriod);
    if (signal == SIGTERM || signal == SIGINT) return;
    keeper.EndNeedlessLeases(signal == LeaseSignal() ? told.si_value.sival_int : 0);
  }
}

void Guard(const DescriptorChannel& channel, std::chrono::milliseconds lease) {
  Keeper keeper;
  for (;;) {
    pollfd ready{.fd = channel.fd(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, -1) < 0) continue;
    const Keeper::Event event = keeper.Serve(channel);
    if (event == Keeper::Event::kEnd) return;
    if (event == Keeper::Event::kGone) break;
  }
  keeper.OnDeath();
  WaitOut(keeper, lease);
}

}  // namespace

absl::StatusOr<DescriptorChannel> StartGuardian(
    std::chrono::milliseconds lease, const std::function<absl::Status()>& give_up_rights) {
  auto ends = DescriptorChannel::MakePair();
  if (!ends.ok()) return ends.status();
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "--host_lease: fork");
  if (child > 0) {
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return std::move(ends->first);
  }
  // Its parent ends at once, so that nobody who watches the children of the switch sees it.
  if (fork() != 0) _exit(0);
  LeaveEverything(ends->second.fd());
  static_cast<void>(RuntimeLocks::OfProcess());
  if (give_up_rights().ok()) Guard(ends->second, lease);
  _exit(0);
}

}  // namespace tapswitch
