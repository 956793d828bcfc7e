#include "ports/interface/tap/tap_attach.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "ports/interface/tap/tap_holders.h"
#include "ports/interface/tap/tap_location.h"
#include "ports/netlink/link_settings.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// IFF_ flags of every TAP the switch opens; the kernel takes those of the last opener, so it does
// not matter which of `pi`, `vnet_hdr` and `one_queue` it was made with.
constexpr int kCommonFlags = IFF_NO_PI | IFF_VNET_HDR;

int FlagsOf(const TapOptions& options) {
  return kCommonFlags | (options.is_layer3 ? IFF_TUN : IFF_TAP);
}
std::string_view KindOf(int flags) { return (flags & IFF_TUN) != 0 ? "tun" : "tap"; }

// The kernel replaces %d by the lowest number that is free.
constexpr std::string_view kStagingName = "tapswitch%d";

constexpr std::chrono::milliseconds kBusyLimit(1000);
constexpr std::chrono::milliseconds kBusyPause(10);

ifreq NewRequest(std::string_view name, int flags) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  request.ifr_flags = static_cast<short>(flags);
  return request;
}

absl::StatusOr<FileDescriptor> OpenTunFile() {
  constexpr const char* kPath = "/dev/net/tun";
  FileDescriptor file(open(kPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (file.valid()) return file;
  const int error = errno;
  if (error == ENOENT || error == ENODEV) {
    return absl::NotFoundError(fmt::format(
        "{} is missing: load the driver with `modprobe tun`, or give the container the device",
        kPath));
  }
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(
        fmt::format("no permission to open {}: run as root, or grant this user the device", kPath));
  }
  return absl::ErrnoToStatus(error, kPath);
}

absl::Status NoPermission(std::string_view name, std::string_view kind) {
  return absl::PermissionDeniedError(fmt::format(
      "no permission to open {1} '{0}': run as root (CAP_NET_ADMIN), or make it beforehand for "
      "this user: ip tuntap add dev {0} mode {1} user USER",
      name, kind));
}

absl::Status Busy(std::string_view name, std::string_view kind) {
  return absl::UnavailableError(
      fmt::format("{} '{}' is held by another process: end that, or choose another name{}", kind,
                  name, kind == "tun" ? ", or say attach, to be its other side" : ""));
}

// The same, with the processes that can be found.
absl::Status NameHoldersIn(const absl::Status& busy, std::string_view name) {
  constexpr std::string_view kAnother = "another process";
  std::string message(busy.message());
  const size_t where = message.find(kAnother);
  const std::string holders = NameHolders(name);
  if (where == std::string::npos || holders.empty()) return busy;
  message.insert(where + kAnother.size(), holders);
  return {busy.code(), message};
}

// Whether an interface that exists can be opened as a TAP, or a tun, at all.
absl::Status CheckIsTap(const LinkState& link, bool is_layer3) {
  if (!link.tun) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is not a {} but an interface of another kind ({}): choose another name", link.name,
        is_layer3 ? "tun" : "TAP", link.kind.empty() ? "no virtual device" : link.kind));
  }
  if (link.tun->is_tap && is_layer3) {
    return absl::InvalidArgumentError(fmt::format(
        "'{0}' is a tap (layer 2) device: make a tun: ip tuntap add dev {0} mode tun", link.name));
  }
  if (!link.tun->is_tap && !is_layer3) {
    return absl::InvalidArgumentError(fmt::format(
        "'{0}' is a tun (layer 3) device: make a tap: ip tuntap add dev {0} mode tap", link.name));
  }
  return absl::OkStatus();
}

// Attaches a new file to TAP `name` in the namespace the thread is in; makes it when there is none.
absl::StatusOr<FileDescriptor> AttachHere(std::string_view name, int flags) {
  auto file = OpenTunFile();
  if (!file.ok()) return file;
  const std::string_view kind = KindOf(flags);
  ifreq request = NewRequest(name, flags);
  if (ioctl(file->get(), TUNSETIFF, &request) == 0) return file;
  switch (errno) {
    case EBUSY:
      return Busy(name, kind);
    case EPERM:
      return NoPermission(name, kind);
    default:
      return absl::ErrnoToStatus(errno, fmt::format("{} '{}' (TUNSETIFF)", kind, name));
  }
}

absl::StatusOr<FileDescriptor> Attach(const NetworkNamespace& netns, std::string_view name,
                                      int flags) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  return AttachHere(name, flags);
}

// Attaches the other queues, of `queues` in all. Unavailable when it disappears meanwhile.
absl::StatusOr<AttachedTap> AddQueues(AttachedTap tap, const TapOptions& options, size_t queues) {
  if (queues == 1) return tap;
  const std::string_view kind = KindOf(FlagsOf(options));
  const auto identity = IdentifyTap(tap.file.get());
  const std::string name = identity.ok() ? identity->name : "";
  if (name.empty()) return Busy(name, kind);
  while (tap.more_queues.size() + 1 < queues) {
    auto file = Attach(*tap.netns, name, FlagsOf(options) | IFF_MULTI_QUEUE);
    if (!file.ok()) return file.status();
    tap.more_queues.push_back(*std::move(file));
  }
  // If it was deleted or renamed meanwhile, the kernel has made a new one of its name.
  const auto link = FindLink(*tap.netns, name);
  if (!link.ok()) return link.status();
  const bool has_all = *link && (*link)->tun && (*link)->tun->queues == queues;
  if (!has_all) return Busy(name, kind);
  return tap;
}

// Unavailable when the TAP is busy, or has disappeared in this very moment.
absl::StatusOr<AttachedTap> AttachExisting(const TapOptions& options, const NetworkNamespace& netns,
                                           const LinkState& link, size_t queues) {
  const std::string_view kind = KindOf(FlagsOf(options));
  if (absl::Status usable = CheckIsTap(link, options.is_layer3); !usable.ok()) return usable;
  auto claim = InterfaceClaim::Take(netns, link.ifindex, options.name);
  if (!claim.ok()) return DescribeClaimOfOthers(link.name, claim.status());
  // What is not persistent exists because somebody holds it. A TAP with several queues is asked
  // for, as the kernel would attach one more, and give us a share of another process's frames.
  const bool is_held = !link.tun->persistent || (link.tun->multi_queue && link.tun->queues > 0);
  if (is_held) return Busy(link.name, kind);
  const int flags = FlagsOf(options) | (link.tun->multi_queue ? IFF_MULTI_QUEUE : 0);
  auto file = Attach(netns, link.name, flags);
  if (!file.ok()) return file.status();
  // If it was deleted meanwhile, the kernel has made a new one, in the wrong namespace perhaps.
  const auto tap = IdentifyTap(file->get());
  if (!tap.ok() || !tap->persistent) return Busy(link.name, kind);
  AttachedTap attached{.file = *std::move(file),
                       .netns = &netns,
                       .created = false,
                       .more_queues = {},
                       .claim = *std::move(claim)};
  return AddQueues(std::move(attached), options, link.tun->multi_queue ? queues : 1);
}

// Unavailable when the TAP is busy, or has appeared in this very moment.
absl::StatusOr<AttachedTap> AttachOrCreate(const TapOptions& options, size_t queues,
                                           const NetworkNamespace& own,
                                           const NetworkNamespace& target) {
  const auto there = FindLink(target, options.name);
  if (!there.ok()) return there.status();
  if (*there) return AttachExisting(options, target, **there, queues);

  const bool moves = own.id() != target.id();
  if (moves) {
    // Only what was made beforehand is taken from here. A TAP that is not persistent is somebody's
    // who holds it, and other interfaces may have the name that ours has elsewhere.
    const auto here = FindLink(own, options.name);
    if (!here.ok()) return here.status();
    const bool is_meant = *here && (*here)->tun && (*here)->tun->is_tap != options.is_layer3 &&
                          (*here)->tun->persistent;
    if (is_meant) return AttachExisting(options, own, **here, queues);
  }
  const int flags = FlagsOf(options) | IFF_TUN_EXCL | (queues > 1 ? IFF_MULTI_QUEUE : 0);
  auto file = Attach(own, moves ? kStagingName : options.name, flags);
  if (!file.ok()) return file.status();
  return AddQueues({.file = *std::move(file), .netns = &own, .created = true}, options, queues);
}

}  // namespace

// What another port of this switch has does not come free by waiting.
absl::Status DescribeClaimOfOthers(std::string_view name, const absl::Status& claim) {
  if (!absl::IsAlreadyExists(claim)) return claim;
  const std::string message = fmt::format(
      "interface '{}' is in use by {}: an interface is a port once: remove it there "
      "first, or choose another name",
      name, std::string(claim.message()));
  return absl::StartsWith(claim.message(), "another") ? absl::UnavailableError(message)
                                                      : absl::AlreadyExistsError(message);
}

absl::StatusOr<AttachedTap> AttachTap(const TapOptions& options, size_t queues,
                                      const NetworkNamespace& own, const NetworkNamespace& target) {
  const auto deadline = std::chrono::steady_clock::now() + kBusyLimit;
  for (;;) {
    auto attached = AttachOrCreate(options, queues, own, target);
    if (!absl::IsUnavailable(attached.status())) return attached;
    if (std::chrono::steady_clock::now() >= deadline) {
      return NameHoldersIn(attached.status(), options.name);
    }
    std::this_thread::sleep_for(kBusyPause);
  }
}

}  // namespace tapswitch
