#include "switch/keeper/supervisor.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/exclusion/lease_mark.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

constexpr std::chrono::milliseconds kFirstDelay(100);
constexpr std::chrono::seconds kLongestDelay(10);
// One that has been ready for so long is started again at once.
constexpr std::chrono::seconds kLongLife(1);
// Other machines send frames here for so long although nobody forwards them. A switch that is
// started at once takes less.
constexpr std::chrono::milliseconds kOverlayTime(250);
// So many switches may try to begin with what was kept.
constexpr int kMostTries = 2;

// A process that the kernel has made a child of this one, as its parent has ended.
pid_t FindChild() {
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    pid_t child = 0;
    if (std::ifstream(task.path() / "children") >> child) return child;
  }
  return -1;
}

std::string Describe(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was ended by SIG{}", sigabbrev_np(WTERMSIG(status)));
  return fmt::format("has ended with status {}", WEXITSTATUS(status));
}

}  // namespace

absl::StatusOr<Supervisor> Supervisor::Make(Options options) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD}) {
    sigaddset(&signals, signal);
  }
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0) {
    return absl::ErrnoToStatus(error, "--supervise: blocking signals");
  }
  // A child that is not the switch may tell it so.
  signal(LeaseSignal(), SIG_IGN);
  FileDescriptor file(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "--supervise: signalfd");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    return absl::ErrnoToStatus(errno, "--supervise: PR_SET_CHILD_SUBREAPER");
  }
  return Supervisor(std::move(options), std::move(file));
}

int Supervisor::Run() {
  for (;;) {
    const auto end = RunChild();
    if (!end.ok()) spdlog::error("{}", std::string(end.status().message()));
    const bool has_ended = end.ok() && WIFEXITED(end->status);
    if (end.ok() && end->was_told) return has_ended ? WEXITSTATUS(end->status) : 0;
    if (stopping_) return 0;
    // It has said why.
    if (!was_ever_ready_ && (!end.ok() || has_ended)) {
      return end.ok() && WEXITSTATUS(end->status) != 0 ? WEXITSTATUS(end->status) : 1;
    }
    OnDeath(end.value_or(End()));
    WaitBeforeRestart();
    if (stopping_) return 0;
  }
}

absl::StatusOr<Supervisor::End> Supervisor::RunChild() {
  auto ends = DescriptorChannel::MakePair();
  if (!ends.ok()) return ends.status();
  const auto pid = StartProgram(options_.start, kKeeperFlag, ends->second);
  if (!pid.ok()) return pid.status();
  child_ = *pid;
  { const DescriptorChannel given = std::move(ends->second); }
  std::optional<DescriptorChannel> channel = std::move(ends->first);
  const auto begin = Clock::now();
  End end;
  while (Reap(end)) {
    std::array<pollfd, 2> files{
        {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
         {.fd = channel ? channel->fd() : -1, .events = POLLIN, .revents = 0}}};
    const auto next_end = NextEnd();
    const int wait = next_end ? MillisecondsUntil(*next_end) : -1;
    if (poll(files.data(), files.size(), wait) < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "poll");
    }
    if (files[1].revents != 0) ServeKeeper(channel, end);
    OnSignals();
    EndWhatIsDue();
  }
  child_ = -1;
  end.lived = Clock::now() - begin;
  return end;
}

void Supervisor::ServeKeeper(std::optional<DescriptorChannel>& channel, End& end) {
  const Keeper::Event event = keeper_.Serve(*channel);
  if (event == Keeper::Event::kReady) OnReady(end);
  if (event == Keeper::Event::kEnd) end.was_told = true;
  if (event == Keeper::Event::kGone) channel.reset();
}

bool Supervisor::Reap(End& end) {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended < 0 && errno == EINTR) continue;
    if (ended < 0) return false;
    if (ended == 0) return true;
    if (ended != child_) continue;
    end.status = status;
    child_ = FindChild();
  }
}

void Supervisor::OnSignals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) continue;  // the loops reap
    const bool is_stop = signal == SIGTERM || signal == SIGINT;
    if (is_stop && !std::exchange(stopping_, true)) options_.on_stop();
    if (signal == SIGHUP) options_.on_reload();
    Forward(signal);
  }
}

void Supervisor::Forward(int signal) const {
  if (child_ > 0) kill(child_, signal);
}

void Supervisor::OnReady(End& end) {
  end.was_ready = true;
  failures_ = 0;
  lease_end_.reset();
  overlay_end_.reset();
  if (!std::exchange(was_ever_ready_, true)) options_.on_ready();
}

void Supervisor::OnDeath(const End& end) {
  keeper_.OnDeath();
  failures_ = end.was_ready ? 0 : failures_ + 1;
  if (failures_ >= kMostTries) keeper_.GiveUpParts();
  if (!lease_end_) lease_end_ = Clock::now() + options_.lease;
  if (!overlay_end_) overlay_end_ = Clock::now() + kOverlayTime;
  delay_ = end.was_ready && end.lived >= kLongLife
               ? Clock::duration::zero()
               : std::clamp<Clock::duration>(delay_ * 2, kFirstDelay, kLongestDelay);
  spdlog::error("the switch {}; it is started again in {} ms", Describe(end.status),
                std::chrono::ceil<std::chrono::milliseconds>(delay_).count());
}

std::optional<Supervisor::Clock::time_point> Supervisor::NextEnd() const {
  if (!overlay_end_ || !lease_end_) return overlay_end_ ? overlay_end_ : lease_end_;
  return std::min(*overlay_end_, *lease_end_);
}

void Supervisor::EndWhatIsDue() {
  if (overlay_end_ && Clock::now() >= *overlay_end_) {
    keeper_.GiveUpOverlay();
    overlay_end_.reset();
  }
  if (!lease_end_ || Clock::now() < *lease_end_) return;
  keeper_.GiveBack();
  lease_end_.reset();
  spdlog::error("no switch has begun within the lease: its interfaces are the host's again");
}

int Supervisor::MillisecondsUntil(Clock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

void Supervisor::WaitBeforeRestart() {
  const auto start = Clock::now() + delay_;
  do {
    EndWhatIsDue();
    pollfd told{.fd = signals_.get(), .events = POLLIN, .revents = 0};
    const auto next_end = NextEnd();
    const auto until = next_end ? std::min(start, *next_end) : start;
    poll(&told, 1, MillisecondsUntil(until));
    OnSignals();
  } while (!stopping_ && Clock::now() < start);
}

}  // namespace tapswitch
