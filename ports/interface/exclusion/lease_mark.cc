#include "ports/interface/exclusion/lease_mark.h"

#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

std::string NameOfLease(NetnsId netns, int ifindex) {
  return fmt::format("lease {} {}", netns.inode, ifindex);
}

std::optional<pid_t> HolderOfLease(NetnsId netns, int ifindex) {
  const auto locks = RuntimeLocks::OfProcess();
  return locks.ok() ? locks->HolderOf(NameOfLease(netns, ifindex)) : std::nullopt;
}

void AwaitEnd(NetnsId netns, int ifindex) {
  constexpr std::chrono::milliseconds kPause(1);
  constexpr std::chrono::seconds kPatience(2);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (IsLeased(netns, ifindex) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

absl::StatusOr<RuntimeLock> MarkLease(NetnsId netns, int ifindex) {
  const auto locks = RuntimeLocks::OfProcess();
  if (!locks.ok()) return locks.status();
  return locks->Take(NameOfLease(netns, ifindex));
}

bool IsLeased(NetnsId netns, int ifindex) { return HolderOfLease(netns, ifindex).has_value(); }

void TakeUpLease(NetnsId netns, int ifindex) {
  const auto holder = HolderOfLease(netns, ifindex);
  if (!holder || *holder == 0 || *holder == getppid()) return;
  sigval value{};
  value.sival_int = ifindex;
  if (sigqueue(*holder, LeaseSignal(), value) == 0) AwaitEnd(netns, ifindex);
}

bool EndLease(NetnsId netns, int ifindex) {
  const auto holder = HolderOfLease(netns, ifindex);
  if (!holder) return true;
  if (*holder == 0 || kill(*holder, SIGTERM) != 0) return false;
  AwaitEnd(netns, ifindex);
  return !IsLeased(netns, ifindex);
}

}  // namespace tapswitch
