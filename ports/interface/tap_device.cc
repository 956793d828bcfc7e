#include "ports/interface/tap_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "ports/interface/tap_holders.h"
#include "ports/netlink/link_settings.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// IFF_ flags of every TAP the switch opens; the kernel takes those of the last opener, so it does not
// matter which of `pi`, `vnet_hdr` and `one_queue` it was made with.
constexpr int kTapFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

// The kernel replaces %d by the lowest number that is free.
constexpr std::string_view kStagingName = "tapswitch%d";

constexpr std::chrono::milliseconds kBusyLimit(1000);
constexpr std::chrono::milliseconds kBusyPause(10);

// What to ask of TUNSETOFFLOAD, best first, and what the kernel then may hand over. The USO bits are
// known from Linux 6.2 on.
struct OffloadLevel {
  unsigned long request = 0;
  OffloadSet offloads;
};

constexpr OffloadSet SetOf(std::initializer_list<Offload> members) {
  OffloadSet set;
  for (const Offload member : members) set.insert(member);
  return set;
}

constexpr unsigned long kTcpRequest = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
constexpr unsigned long kUsoRequest =
    0x60;  // TUN_F_USO4 | TUN_F_USO6, newer than Debian 12's headers

constexpr std::array<OffloadLevel, 4> kOffloadLevels{{
    {kTcpRequest | kUsoRequest, OffloadSet::All()},
    {kTcpRequest, SetOf({Offload::kChecksum, Offload::kTcp4, Offload::kTcp6, Offload::kTcpEcn})},
    {TUN_F_CSUM, SetOf({Offload::kChecksum})},
    {0, {}},
}};

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

absl::Status NoPermission(std::string_view name) {
  return absl::PermissionDeniedError(fmt::format(
      "no permission to open tap '{0}': run as root (CAP_NET_ADMIN), or make it beforehand for "
      "this user: ip tuntap add dev {0} mode tap user USER",
      name));
}

absl::Status Busy(std::string_view name) {
  return absl::UnavailableError(
      fmt::format("tap '{}' is held by another process: end that, or choose another name", name));
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

// What another port of this switch has does not come free by waiting.
absl::Status InUse(std::string_view name, const absl::Status& claim) {
  if (!absl::IsAlreadyExists(claim)) return claim;
  const std::string message = fmt::format(
      "interface '{}' is in use by {}: an interface is a port once: remove it there "
      "first, or choose another name",
      name, std::string(claim.message()));
  return absl::StartsWith(claim.message(), "another") ? absl::UnavailableError(message)
                                                      : absl::AlreadyExistsError(message);
}

// Whether an interface that exists can be opened as a TAP at all.
absl::Status CheckIsTap(const LinkState& link) {
  if (!link.tun) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a TAP but an interface of another kind ({}): choose another name",
                    link.name, link.kind.empty() ? "no virtual device" : link.kind));
  }
  if (!link.tun->is_tap) {
    return absl::InvalidArgumentError(fmt::format(
        "'{0}' is a tun (layer 3) device: make a tap: ip tuntap add dev {0} mode tap", link.name));
  }
  return absl::OkStatus();
}

// Attaches a new file to TAP `name` in the namespace the thread is in; makes it when there is none.
absl::StatusOr<FileDescriptor> AttachHere(std::string_view name, int flags) {
  auto file = OpenTunFile();
  if (!file.ok()) return file;
  ifreq request = NewRequest(name, flags);
  if (ioctl(file->get(), TUNSETIFF, &request) == 0) return file;
  switch (errno) {
    case EBUSY:
      return Busy(name);
    case EPERM:
      return NoPermission(name);
    default:
      return absl::ErrnoToStatus(errno, fmt::format("tap '{}' (TUNSETIFF)", name));
  }
}

absl::StatusOr<FileDescriptor> Attach(const NetworkNamespace& netns, std::string_view name,
                                      int flags) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  return AttachHere(name, flags);
}

// The interface that `fd` is attached to: its name, and its IFF_ flags.
absl::StatusOr<ifreq> AskTap(int fd) {
  ifreq answer{};
  if (ioctl(fd, TUNGETIFF, &answer) == 0) return answer;
  if (errno == EBADFD) return absl::NotFoundError("the device has been deleted");
  return absl::ErrnoToStatus(errno, "TUNGETIFF");
}

// Claims interface `ifindex`; nothing happens if `claim` is of that already.
absl::Status ClaimAt(const NetworkNamespace& netns, int ifindex, std::string_view port,
                     InterfaceClaim& claim) {
  if (claim.IsOf(netns.id(), ifindex)) return absl::OkStatus();
  auto taken = InterfaceClaim::Take(netns, ifindex, port);
  if (!taken.ok()) return taken.status();
  claim = *std::move(taken);
  return absl::OkStatus();
}

// A TAP that is open, and the namespace it was found or made in.
struct Attached {
  FileDescriptor file;
  const NetworkNamespace* netns = nullptr;
  bool created = false;
  std::vector<FileDescriptor> more_queues{};
  InterfaceClaim claim{};
};

// Attaches the other queues, of `queues` in all. Unavailable when it disappears meanwhile.
absl::StatusOr<Attached> AddQueues(Attached tap, size_t queues) {
  if (queues == 1) return tap;
  const auto identity = AskTap(tap.file.get());
  const std::string name = identity.ok() ? identity->ifr_name : "";
  if (name.empty()) return Busy(name);
  while (tap.more_queues.size() + 1 < queues) {
    auto file = Attach(*tap.netns, name, kTapFlags | IFF_MULTI_QUEUE);
    if (!file.ok()) return file.status();
    tap.more_queues.push_back(*std::move(file));
  }
  // If it was deleted or renamed meanwhile, the kernel has made a new one of its name.
  const auto link = FindLink(*tap.netns, name);
  if (!link.ok()) return link.status();
  const bool has_all = *link && (*link)->tun && (*link)->tun->queues == queues;
  if (!has_all) return Busy(name);
  return tap;
}

// Unavailable when the TAP is busy, or has disappeared in this very moment.
absl::StatusOr<Attached> AttachExisting(const TapOptions& options, const NetworkNamespace& netns,
                                        const LinkState& link, size_t queues) {
  if (absl::Status usable = CheckIsTap(link); !usable.ok()) return usable;
  auto claim = InterfaceClaim::Take(netns, link.ifindex, options.name);
  if (!claim.ok()) return InUse(link.name, claim.status());
  // What is not persistent exists because somebody holds it. A TAP with several queues is asked
  // for, as the kernel would attach one more, and give us a share of another process's frames.
  const bool is_held = !link.tun->persistent || (link.tun->multi_queue && link.tun->queues > 0);
  if (is_held) return Busy(link.name);
  const int flags = link.tun->multi_queue ? kTapFlags | IFF_MULTI_QUEUE : kTapFlags;
  auto file = Attach(netns, link.name, flags);
  if (!file.ok()) return file.status();
  // If it was deleted meanwhile, the kernel has made a new one, in the wrong namespace perhaps.
  const auto tap = AskTap(file->get());
  if (!tap.ok() || (tap->ifr_flags & IFF_PERSIST) == 0) return Busy(link.name);
  Attached attached{.file = *std::move(file),
                    .netns = &netns,
                    .created = false,
                    .more_queues = {},
                    .claim = *std::move(claim)};
  return AddQueues(std::move(attached), link.tun->multi_queue ? queues : 1);
}

// Unavailable when the TAP is busy, or has appeared in this very moment.
absl::StatusOr<Attached> AttachOrCreate(const TapOptions& options, size_t queues,
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
    const bool is_meant = *here && (*here)->tun && (*here)->tun->is_tap && (*here)->tun->persistent;
    if (is_meant) return AttachExisting(options, own, **here, queues);
  }
  const int flags = kTapFlags | IFF_TUN_EXCL | (queues > 1 ? IFF_MULTI_QUEUE : 0);
  auto file = Attach(own, moves ? kStagingName : options.name, flags);
  if (!file.ok()) return file.status();
  return AddQueues({.file = *std::move(file), .netns = &own, .created = true}, queues);
}

absl::StatusOr<Attached> AttachPatiently(const TapOptions& options, size_t queues,
                                         const NetworkNamespace& own,
                                         const NetworkNamespace& target) {
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

absl::StatusOr<OffloadSet> SetOffloads(int fd, bool wanted) {
  for (const OffloadLevel& level : kOffloadLevels) {
    if (!wanted && level.request != 0) continue;
    if (ioctl(fd, TUNSETOFFLOAD, level.request) == 0) return level.offloads;
  }
  return absl::ErrnoToStatus(errno, "TUNSETOFFLOAD");
}

// How bytes are read from and written to a TAP, by any of its queues: the kernel keeps this, as the
// offloads, with the device.
absl::Status SetFraming(int fd) {
  constexpr int kHeaderSize = kVirtioNetHeaderSize;
  if (ioctl(fd, TUNSETVNETHDRSZ, &kHeaderSize) != 0) {
    return absl::ErrnoToStatus(errno, "TUNSETVNETHDRSZ");
  }
  constexpr int kLittleEndian = 1;
  if (ioctl(fd, TUNSETVNETLE, &kLittleEndian) != 0) {
    return absl::ErrnoToStatus(errno, "TUNSETVNETLE");
  }
  // A persistent TAP keeps what its last holder set; with less than the default, writes would wait.
  constexpr int kSendBuffer = INT_MAX;
  if (ioctl(fd, TUNSETSNDBUF, &kSendBuffer) != 0) {
    return absl::ErrnoToStatus(errno, "TUNSETSNDBUF");
  }
  return absl::OkStatus();
}

absl::Status SetOwnership(int fd, const TapOptions& options) {
  if (options.user && ioctl(fd, TUNSETOWNER, static_cast<unsigned long>(*options.user)) != 0) {
    return absl::ErrnoToStatus(errno, "TUNSETOWNER");
  }
  if (options.group && ioctl(fd, TUNSETGROUP, static_cast<unsigned long>(*options.group)) != 0) {
    return absl::ErrnoToStatus(errno, "TUNSETGROUP");
  }
  if (options.persist && ioctl(fd, TUNSETPERSIST, 1UL) != 0) {
    return absl::ErrnoToStatus(errno, "TUNSETPERSIST");
  }
  return absl::OkStatus();
}

// What has to change so that the interface is as wanted. Nothing that is so already: without
// CAP_NET_ADMIN a TAP made beforehand can be used as it is.
LinkChange Difference(const TapOptions& options, const LinkState& present,
                      const NetworkNamespace* move_to) {
  LinkChange change;
  if (options.mtu && *options.mtu != present.mtu) change.mtu = options.mtu;
  if (options.txqueuelen && *options.txqueuelen != present.txqueuelen) {
    change.txqueuelen = options.txqueuelen;
  }
  if (options.name != present.name) change.name = options.name;
  change.netns = move_to;
  if (options.up && (!present.up || move_to != nullptr)) change.up = true;
  return change;
}

std::string Describe(const LinkChange& change, const TapOptions& options) {
  std::vector<std::string> parts;
  if (change.netns != nullptr) parts.push_back(fmt::format("move it to netns {}", options.netns));
  if (change.mtu) parts.push_back(fmt::format("set mtu {}", *change.mtu));
  if (change.txqueuelen) parts.push_back(fmt::format("set txqueuelen {}", *change.txqueuelen));
  if (change.up) parts.emplace_back("bring it up");
  return fmt::format("{}", fmt::join(parts, ", "));
}

// Puts a TAP that was made beforehand back as it was, as far as it can be done.
void Restore(int fd, const LinkState& before, const NetworkNamespace& home) {
  const auto location = LocateTap(fd);
  if (!location.ok()) return;
  const auto now = FindLink(location->netns, location->name);
  if (!now.ok() || !*now) return;
  const LinkChange back{.mtu = before.mtu,
                        .txqueuelen = before.txqueuelen,
                        .up = before.up,
                        .name = before.name,
                        .netns = location->netns.id() == home.id() ? nullptr : &home};
  static_cast<void>(ChangeLink(location->netns, (*now)->ifindex, back));
}

// A TAP with several queues is a device with 256 of them for the kernel, and its default queueing
// discipline has three rings of txqueuelen for each: 6.6 MiB. The TAP has a ring of its own behind that,
// which is all that it needs.
absl::Status BringUpWithoutQueueing(const NetworkNamespace& netns, const std::string& name) {
  const auto link = FindLink(netns, name);
  if (!link.ok()) return link.status();
  if (!*link) return absl::NotFoundError("the interface has just disappeared: try again");
  // Where there is no such discipline, it costs memory and nothing else.
  static_cast<void>(SendWithoutQueueing(netns, (*link)->ifindex));
  return ChangeLink(netns, (*link)->ifindex, {.up = true});
}

absl::Status Apply(const Attached& tap, const LinkState& before, LinkChange change,
                   const TapOptions& options, const NetworkNamespace& target) {
  const bool comes_up_apart = tap.created && !tap.more_queues.empty() && change.up;
  if (comes_up_apart) change.up.reset();
  if (change != LinkChange()) {
    absl::Status changed = ChangeLink(*tap.netns, before.ifindex, change);
    if (!changed.ok() || !comes_up_apart) return changed;
  }
  return BringUpWithoutQueueing(target, options.name);
}

// Brings the interface to the wanted place and state.
absl::Status Settle(Attached& tap, const TapOptions& options, const NetworkNamespace& target) {
  const auto identity = AskTap(tap.file.get());
  if (!identity.ok()) return identity.status();
  const auto present = FindLink(*tap.netns, identity->ifr_name);
  if (!present.ok()) return present.status();
  if (!*present) return absl::NotFoundError("the interface has just disappeared: try again");
  const LinkState& before = **present;
  // Before it comes up, and others may take it for theirs.
  absl::Status claimed = ClaimAt(*tap.netns, before.ifindex, options.name, tap.claim);
  if (!claimed.ok()) return InUse(before.name, claimed);

  const LinkChange change =
      Difference(options, before, tap.netns->id() == target.id() ? nullptr : &target);
  if (change == LinkChange()) return absl::OkStatus();
  absl::Status changed = Apply(tap, before, change, options, target);
  if (changed.ok()) return changed;
  if (!tap.created) Restore(tap.file.get(), before, *tap.netns);
  const std::string_view cure =
      absl::IsPermissionDenied(changed)
          ? ": run as root (CAP_NET_ADMIN), or set it so beforehand with ip link"
          : "";
  return {changed.code(), fmt::format("cannot {}: {}{}", Describe(change, options),
                                      std::string(changed.message()), cure)};
}

// It may have another index where it was moved to.
absl::Status ClaimWhereItIs(Attached& tap, const TapOptions& options) {
  const auto location = LocateTap(tap.file.get());
  if (!location.ok()) return location.status();
  const auto link = FindLink(location->netns, location->name);
  if (!link.ok()) return link.status();
  if (!*link) return absl::OkStatus();  // it was moved or renamed in this very moment
  const absl::Status claimed = ClaimAt(location->netns, (*link)->ifindex, options.name, tap.claim);
  return claimed.ok() ? claimed : InUse(location->name, claimed);
}

absl::StatusOr<TapDevice> Finish(Attached tap, const TapOptions& options,
                                 const NetworkNamespace& target) {
  const int fd = tap.file.get();
  if (absl::Status framed = SetFraming(fd); !framed.ok()) return framed;
  const auto offloads = SetOffloads(fd, options.offload);
  if (!offloads.ok()) return offloads.status();
  if (absl::Status settled = Settle(tap, options, target); !settled.ok()) return settled;
  if (absl::Status claimed = ClaimWhereItIs(tap, options); !claimed.ok()) return claimed;
  // Last, as they outlive the file: nothing can fail any more that would have to undo them.
  if (absl::Status owned = SetOwnership(fd, options); !owned.ok()) return owned;
  return TapDevice{.file = std::move(tap.file),
                   .more_queues = std::move(tap.more_queues),
                   .offloads = *offloads,
                   .created = tap.created,
                   .claim = std::move(tap.claim)};
}

absl::StatusOr<NetworkNamespace> Namespace(const TapOptions& options) {
  return options.netns.empty() ? NetworkNamespace::Current()
                               : NetworkNamespace::Open(options.netns);
}

absl::Status Annotate(const absl::Status& error, std::string_view name) {
  const std::string message(error.message());
  return {error.code(), fmt::format("port '{}': {}", name, message)};
}

}  // namespace

absl::StatusOr<TapDevice> OpenTap(const TapOptions& options, size_t queues) {
  const auto own = NetworkNamespace::Current();
  if (!own.ok()) return own.status();
  const auto target = Namespace(options);
  if (!target.ok()) return Annotate(target.status(), options.name);
  queues = std::min<size_t>(queues, options.queues);
  auto tap = AttachPatiently(options, queues, *own, *target);
  if (!tap.ok()) return Annotate(tap.status(), options.name);
  auto device = Finish(*std::move(tap), options, *target);
  if (!device.ok()) return Annotate(device.status(), options.name);
  return device;
}

absl::StatusOr<TapLocation> LocateTap(int fd) {
  FileDescriptor netns_file(ioctl(fd, TUNGETDEVNETNS));
  const int error = errno;
  // Asked second, so that a device that is deleted in between is noticed.
  const auto tap = AskTap(fd);
  if (!tap.ok()) return tap.status();
  if (!netns_file.valid() && error == EINVAL) {
    return absl::NotFoundError("the network namespace of the device is being deleted");
  }
  if (!netns_file.valid() && error != EPERM) return absl::ErrnoToStatus(error, "TUNGETDEVNETNS");
  auto netns = netns_file.valid()
                   ? NetworkNamespace::FromFile(std::move(netns_file), "TUNGETDEVNETNS")
                   : NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  return TapLocation{.netns = *std::move(netns), .name = tap->ifr_name};
}

}  // namespace tapswitch
