#include "ports/interface/tap/tap_device.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/tap/tap_attach.h"
#include "ports/interface/tap/tap_settings.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// What to ask of TUNSETOFFLOAD, best first, and what the kernel then may hand over. The USO bits
// are known from Linux 6.2 on.
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

absl::StatusOr<TapDevice> Finish(AttachedTap tap, const TapOptions& options,
                                 const NetworkNamespace& target) {
  const int fd = tap.file.get();
  if (absl::Status framed = SetFraming(fd); !framed.ok()) return framed;
  const auto offloads = SetOffloads(fd, options.offload);
  if (!offloads.ok()) return offloads.status();
  if (absl::Status settled = SettleTap(tap, options, target); !settled.ok()) return settled;
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
  auto tap = AttachTap(options, queues, *own, *target);
  if (!tap.ok()) return Annotate(tap.status(), options.name);
  auto device = Finish(*std::move(tap), options, *target);
  if (!device.ok()) return Annotate(device.status(), options.name);
  return device;
}

absl::StatusOr<TapDevice> InheritTap(const TapOptions& options, PortHandover& inherited,
                                     size_t queues) {
  if (inherited.has(PortHandover::QueueName(queues))) {
    return absl::FailedPreconditionError(
        fmt::format("port '{}': it has more queues than there are workers: start the new process "
                    "with the same --workers",
                    options.name));
  }
  TapDevice device{.file = inherited.Take(PortHandover::QueueName(0)),
                   .offloads = {static_cast<uint8_t>(inherited.number("offloads"))}};
  for (size_t i = 1; i < queues && inherited.has(PortHandover::QueueName(i)); ++i) {
    device.more_queues.push_back(inherited.Take(PortHandover::QueueName(i)));
  }
  return device;
}

}  // namespace tapswitch
