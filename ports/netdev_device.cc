#include "ports/netdev_device.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "ports/link_settings.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// Newer than some headers (Linux 4.20, uapi linux/if_packet.h).
constexpr int kIgnoreOutgoing = 23;  // PACKET_IGNORE_OUTGOING

// What waits for the switch: some thousand small frames, or a hundred with 64 KiB of TCP. The kernel
// counts whole buffers, and twice what is asked for (socket(7)).
constexpr int kReceiveQueue = 4 << 20;
// What the device behind has not taken off yet.
constexpr int kSendQueue = 4 << 20;

absl::Status Set(int fd, int level, int option, int value, const char* what) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, what);
}

// Without CAP_NET_ADMIN the limits of net.core hold.
void SetQueue(int fd, int forced, int option, int size) {
  if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) == 0) return;
  static_cast<void>(setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size)));
}

absl::StatusOr<FileDescriptor> OpenSocket(const NetworkNamespace& netns) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  // Protocol 0: nothing arrives before it is bound.
  FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    if (errno == EPERM) {
      return absl::PermissionDeniedError(
          "no permission to attach an interface: run as root (CAP_NET_RAW)");
    }
    return absl::ErrnoToStatus(errno, "packet socket");
  }
  const int fd = socket.get();
  for (const absl::Status& set :
       {Set(fd, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"),
        Set(fd, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA"),
        Set(fd, SOL_PACKET, kIgnoreOutgoing, 1, "PACKET_IGNORE_OUTGOING")}) {
    if (!set.ok()) return set;
  }
  SetQueue(fd, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveQueue);
  SetQueue(fd, SO_SNDBUFFORCE, SO_SNDBUF, kSendQueue);
  return socket;
}

absl::Status CheckIsUsable(const NetdevOptions& options, const LinkState& link) {
  if (!link.is_ethernet) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' does not carry Ethernet frames: attach an interface that does", link.name));
  }
  if (link.master != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "'{0}' is in use as a port of another device: take it out first: ip link set dev "
        "{0} nomaster",
        options.name));
  }
  return absl::OkStatus();
}

}  // namespace

NetdevDevice::NetdevDevice(NetdevOptions options, NetworkNamespace netns, FileDescriptor socket)
    : options_(std::move(options)),
      netns_(std::move(netns)),
      socket_(std::move(socket)),
      fd_(socket_.get()) {}

absl::StatusOr<std::unique_ptr<NetdevDevice>> NetdevDevice::Open(const NetdevOptions& options) {
  const auto annotate = [&](const absl::Status& error) {
    return absl::Status(error.code(),
                        fmt::format("port '{}': {}", options.name, std::string(error.message())));
  };
  auto netns =
      options.netns.empty() ? NetworkNamespace::Current() : NetworkNamespace::Open(options.netns);
  if (!netns.ok()) return annotate(netns.status());
  const auto link = FindLink(*netns, options.name);
  if (!link.ok()) return annotate(link.status());
  if (!*link) {
    return annotate(absl::NotFoundError(
        fmt::format("there is no interface '{0}' to attach: make it first, or use tap:{0}, which "
                    "makes a TAP",
                    options.name)));
  }
  if (absl::Status usable = CheckIsUsable(options, **link); !usable.ok()) return annotate(usable);
  auto socket = OpenSocket(*netns);
  if (!socket.ok()) return annotate(socket.status());
  std::unique_ptr<NetdevDevice> device(
      new NetdevDevice(options, *std::move(netns), *std::move(socket)));
  if (absl::Status attached = device->Attach((*link)->ifindex); !attached.ok()) {
    return annotate(attached);
  }
  return device;
}

absl::Status NetdevDevice::Attach(int ifindex) {
  exclusion_.reset();
  ifindex_ = 0;
  ExcludeHost(ifindex);  // first, so that the host sees none of the frames that the switch sees
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = ifindex;
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    exclusion_.reset();
    return absl::ErrnoToStatus(errno, "bind of a packet socket");
  }
  packet_mreq membership{};
  membership.mr_ifindex = ifindex;
  membership.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof(membership)) != 0) {
    exclusion_.reset();
    return absl::ErrnoToStatus(errno, "making the interface promiscuous");
  }
  ifindex_ = ifindex;
  return absl::OkStatus();
}

void NetdevDevice::ExcludeHost(int ifindex) {
  if (options_.shared_with_host) return HostExclusion::Mend(netns_, ifindex);
  auto excluded = HostExclusion::Apply(netns_, ifindex);
  if (excluded.ok()) {
    exclusion_ = *std::move(excluded);
    return;
  }
  spdlog::warn(
      "port {}: the host's network stack cannot be kept out and receives the same frames ({}); "
      "take "
      "the interface's addresses away, or say host=shared if that is meant",
      options_.name, std::string(excluded.status().message()));
}

absl::StatusOr<LinkEvent> NetdevDevice::Query(LinkMonitor& monitor) {
  const auto netns = monitor.Watch(netns_.fd());
  if (!netns.ok()) return netns.status();
  if (ifindex_ != 0) {
    auto link = monitor.Find(*netns, ifindex_);
    if (!absl::IsNotFound(link.status())) return link;
    ifindex_ = 0;
    exclusion_.reset();
  }
  const auto state = FindLink(netns_, options_.name);
  if (!state.ok()) return state.status();
  if (!*state) return absl::NotFoundError("the interface has been deleted");
  absl::Status attached = CheckIsUsable(options_, **state);
  if (attached.ok()) attached = Attach((*state)->ifindex);
  if (!attached.ok()) {
    const std::string why(attached.message());
    spdlog::warn("port {}: it cannot be attached again: {}", options_.name, why);
    return absl::NotFoundError(why);
  }
  return monitor.Find(*netns, ifindex_);
}

uint32_t NetdevDevice::TakeMissed(int socket) {
  tpacket_stats statistics{};
  socklen_t size = sizeof(statistics);
  if (getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) return 0;
  return statistics.tp_drops;
}

}  // namespace tapswitch
