#include "ports/interface/interface_claim.h"

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "ports/interface/exclusion/lease_mark.h"
#include "ports/interface/exclusion/tcx_link.h"
#include "ports/os/mutex.h"
#include "ports/os/runtime_locks.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

struct Interface {
  uint64_t device = 0;  // of the nsfs file
  NetnsId netns;
  int ifindex = 0;

  bool operator<(const Interface& other) const {
    return std::tie(device, netns.inode, ifindex) <
           std::tie(other.device, other.netns.inode, other.ifindex);
  }
};

absl::StatusOr<Interface> Identify(const NetworkNamespace& netns, int ifindex) {
  struct stat file {};
  if (fstat(netns.fd(), &file) != 0) return absl::ErrnoToStatus(errno, "network namespace");
  return Interface{.device = file.st_dev, .netns = netns.id(), .ifindex = ifindex};
}

// The interfaces that ports of this process have, and these ports.
class Register {
 public:
  static Register& OfProcess() {
    static Register one;
    return one;
  }

  absl::Status Enter(const Interface& interface, std::string_view port) {
    const MutexLock lock(mutex_);
    const auto [found, entered] = ports_.emplace(interface, port);
    if (entered) return absl::OkStatus();
    return absl::AlreadyExistsError(fmt::format("port '{}' of this switch", found->second));
  }

  void Leave(const Interface& interface) {
    const MutexLock lock(mutex_);
    ports_.erase(interface);
  }

 private:
  Mutex mutex_;
  std::map<Interface, std::string> ports_ ABSL_GUARDED_BY(mutex_);
};

void WarnOnce(const absl::Status& error) {
  static std::once_flag warned;
  std::call_once(warned, [&] {
    spdlog::warn("whether another switch uses an interface cannot be known: {}",
                 std::string(error.message()));
  });
}

std::string NameOfLock(const Interface& interface) {
  return fmt::format("interface {} {} {}", interface.device, interface.netns.inode,
                     interface.ifindex);
}

absl::StatusOr<RuntimeLock> LockAmongProcesses(const Interface& interface) {
  const auto locks = RuntimeLocks::OfProcess();
  if (!locks.ok()) {
    WarnOnce(locks.status());
    return RuntimeLock();
  }
  auto lock = locks->Take(NameOfLock(interface));
  if (absl::IsAlreadyExists(lock.status())) {
    return absl::AlreadyExistsError(
        fmt::format("another switch: {}", std::string(lock.status().message())));
  }
  if (lock.ok()) return lock;
  WarnOnce(lock.status());
  return RuntimeLock();
}

}  // namespace

class InterfaceClaim::Hold {
 public:
  explicit Hold(Interface interface) : interface_(interface) {}
  ~Hold() { Register::OfProcess().Leave(interface_); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  absl::Status Lock() {
    auto lock = LockAmongProcesses(interface_);
    if (!lock.ok()) return lock.status();
    lock_ = *std::move(lock);
    return absl::OkStatus();
  }

  [[nodiscard]] const Interface& interface() const { return interface_; }

 private:
  Interface interface_;
  RuntimeLock lock_;
};

absl::StatusOr<InterfaceClaim> InterfaceClaim::Inherit(const NetworkNamespace& netns, int ifindex,
                                                       std::string_view port) {
  const auto interface = Identify(netns, ifindex);
  if (!interface.ok()) return interface.status();
  if (absl::Status entered = Register::OfProcess().Enter(*interface, port); !entered.ok()) {
    return entered;
  }
  auto hold = std::make_shared<Hold>(*interface);
  if (absl::Status locked = hold->Lock(); !locked.ok()) return locked;
  return InterfaceClaim(std::move(hold));
}

absl::StatusOr<InterfaceClaim> InterfaceClaim::Take(const NetworkNamespace& netns, int ifindex,
                                                    std::string_view port) {
  auto claim = Inherit(netns, ifindex, port);
  if (claim.ok() && HasTcxDrop(netns, ifindex) && !IsLeased(netns.id(), ifindex)) {
    return absl::AlreadyExistsError(
        "another switch, whose program drops what comes in by it (bpftool net show)");
  }
  return claim;
}

absl::StatusOr<InterfaceClaim> InterfaceClaim::TakePatiently(const NetworkNamespace& netns,
                                                             int ifindex, std::string_view port) {
  constexpr std::chrono::milliseconds kPause(10);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    auto claim = Take(netns, ifindex, port);
    const bool may_end = absl::IsAlreadyExists(claim.status()) &&
                         absl::StartsWith(claim.status().message(), "another");
    if (!may_end || std::chrono::steady_clock::now() >= deadline) return claim;
    std::this_thread::sleep_for(kPause);
  }
}

std::optional<std::string> InterfaceClaim::OwnerOf(const NetworkNamespace& netns, int ifindex) {
  const auto claim = Take(netns, ifindex, "?");
  if (!absl::IsAlreadyExists(claim.status())) return std::nullopt;
  return std::string(claim.status().message());
}

bool InterfaceClaim::IsAnothers(const NetworkNamespace& netns, int ifindex) {
  const auto interface = Identify(netns, ifindex);
  const auto locks = RuntimeLocks::OfProcess();
  return interface.ok() && locks.ok() && locks->HolderOf(NameOfLock(*interface)).has_value();
}

bool InterfaceClaim::IsOf(NetnsId netns, int ifindex) const {
  return hold_ && hold_->interface().netns == netns && hold_->interface().ifindex == ifindex;
}

}  // namespace tapswitch
