#include "ports/interface/netdev/netdev_device.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/interface_usage.h"
#include "ports/interface/netdev/packet_offloads.h"
#include "ports/netlink/link_settings.h"
#include "ports/os/netns_name.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// Newer than some headers (Linux 4.20, uapi linux/if_packet.h).
constexpr int kIgnoreOutgoing = 23;  // PACKET_IGNORE_OUTGOING

// What waits for the switch: some thousand small frames, or a hundred with 64 KiB of TCP. The
// kernel counts whole buffers, and twice what is asked for (socket(7)).
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

absl::Status Bind(int fd, int ifindex, uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = ifindex;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "bind of a packet socket");
}

absl::Status SetFilter(int fd, std::span<const sock_filter> program) {
  const sock_fprog filter{.len = static_cast<uint16_t>(program.size()),
                          .filter = const_cast<sock_filter*>(program.data())};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "SO_ATTACH_FILTER");
}

absl::Status RefuseAll(int fd) {
  constexpr std::array<sock_filter, 1> kProgram{{BPF_STMT(BPF_RET | BPF_K, 0)}};
  return SetFilter(fd, kProgram);
}

// A group does not know PACKET_IGNORE_OUTGOING before Linux 6.2.
absl::Status RefuseOutgoing(int fd) {
  constexpr uint32_t kPacketType = static_cast<uint32_t>(SKF_AD_OFF) + SKF_AD_PKTTYPE;
  constexpr std::array<sock_filter, 4> kProgram{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kPacketType),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  }};
  return SetFilter(fd, kProgram);
}

// Not defragmented by the kernel, which would change the frames.
absl::Status JoinGroup(int fd, uint16_t id, unsigned flags = 0) {
  const auto argument = static_cast<int>(id | ((PACKET_FANOUT_HASH | flags) << 16U));
  return Set(fd, SOL_PACKET, PACKET_FANOUT, argument, "PACKET_FANOUT");
}

absl::StatusOr<uint16_t> FoundGroup(int fd) {
  if (absl::Status joined = JoinGroup(fd, 0, PACKET_FANOUT_FLAG_UNIQUEID); !joined.ok()) {
    return joined;
  }
  int group = 0;
  socklen_t size = sizeof(group);
  if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, &size) != 0) {
    return absl::ErrnoToStatus(errno, "PACKET_FANOUT");
  }
  return static_cast<uint16_t>(group);
}

absl::Status CheckIsUsable(const NetworkNamespace& netns, const LinkState& link) {
  if (!link.is_ethernet) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' does not carry Ethernet frames: attach an interface that does", link.name));
  }
  if (link.master != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "'{0}' is in use as a port of {1}: take it out first: ip link set dev {0} nomaster",
        link.name, DescribeDevice(netns, link.master)));
  }
  return absl::OkStatus();
}

absl::Status InUse(std::string_view name, const absl::Status& claim) {
  if (!absl::IsAlreadyExists(claim)) return claim;
  return absl::AlreadyExistsError(
      fmt::format("interface '{}' is in use by {}: an interface is a port once: remove it there "
                  "first, or attach another one",
                  name, std::string(claim.message())));
}

absl::StatusOr<NetworkNamespace> OpenNamespace(const NetdevOptions& options) {
  return options.netns.empty() ? NetworkNamespace::Current()
                               : NetworkNamespace::Open(options.netns);
}

}  // namespace

NetdevDevice::NetdevDevice(NetdevOptions options, NetworkNamespace netns, size_t queues)
    : options_(std::move(options)), queues_(queues), netns_(std::move(netns)), untaken_(queues) {}

absl::StatusOr<std::unique_ptr<NetdevDevice>> NetdevDevice::Open(const NetdevOptions& options,
                                                                 size_t queues) {
  const auto annotate = [&](const absl::Status& error) {
    return absl::Status(error.code(),
                        fmt::format("port '{}': {}", options.name, std::string(error.message())));
  };
  auto netns = OpenNamespace(options);
  if (!netns.ok()) return annotate(netns.status());
  const auto link = FindLink(*netns, options.name);
  if (!link.ok()) return annotate(link.status());
  if (!*link) {
    return annotate(absl::NotFoundError(
        fmt::format("there is no interface '{0}' to attach: make it first, or use tap:{0}, which "
                    "makes a TAP",
                    options.name)));
  }
  if (absl::Status usable = CheckIsUsable(*netns, **link); !usable.ok()) return annotate(usable);
  auto claim = InterfaceClaim::TakePatiently(*netns, (*link)->ifindex, options.name);
  if (!claim.ok()) return annotate(InUse(options.name, claim.status()));
  auto warnings = DescribeUse(*netns, **link, options.shared_with_host);
  std::unique_ptr<NetdevDevice> device(new NetdevDevice(options, *std::move(netns), queues));
  device->claim_ = *std::move(claim);
  device->warnings_ = std::move(warnings);
  const bool is_guests = (*link)->tun && !options.shared_with_host;
  if (!is_guests) device->first_address_ = (*link)->address;
  absl::Status attached = device->OpenSockets();
  if (attached.ok()) attached = device->Attach(**link);
  if (!attached.ok()) return annotate(attached);
  return device;
}

bool NetdevDevice::CanReturn(const NetdevOptions& options) {
  const auto netns = OpenNamespace(options);
  if (!netns.ok()) return false;
  const auto link = FindLink(*netns, options.name);
  return link.ok() && *link && CheckIsUsable(*netns, **link).ok() &&
         !InterfaceClaim::OwnerOf(*netns, (*link)->ifindex);
}

absl::Status NetdevDevice::OpenSockets() {
  std::vector<FileDescriptor> sockets;
  std::vector<FileDescriptor> untaken;
  for (size_t i = 0; i < queues_; ++i) {
    auto socket = OpenSocket(*netns_);
    if (!socket.ok()) return socket.status();
    untaken.emplace_back(fcntl(socket->get(), F_DUPFD_CLOEXEC, 0));
    if (!untaken.back().valid()) return absl::ErrnoToStatus(errno, "dup of a packet socket");
    sockets.push_back(*std::move(socket));
  }
  sockets_ = std::move(sockets);
  in_group_ = false;
  const MutexLock lock(mutex_);
  untaken_ = std::move(untaken);
  return absl::OkStatus();
}

FileDescriptor NetdevDevice::TakeSocket(size_t queue) {
  const MutexLock lock(mutex_);
  return std::move(untaken_[queue]);
}

absl::Status NetdevDevice::Attach(const LinkState& link) {
  LeaveInterface();
  ifindex_ = 0;
  if (in_group_ || sockets_.empty()) {
    if (absl::Status opened = OpenSockets(); !opened.ok()) return opened;
  }
  ExcludeHost(
      link.ifindex);  // first, so that the host sees none of the frames that the switch sees
  TurnPeerSegmentationOff(link);
  absl::Status bound = Bind(sockets_[0].get(), link.ifindex, ETH_P_ALL);
  // Protocol 0: for sending only.
  for (size_t i = 1; i < sockets_.size() && bound.ok(); ++i) {
    bound = Bind(sockets_[i].get(), link.ifindex, 0);
  }
  packet_mreq membership{};
  membership.mr_ifindex = link.ifindex;
  membership.mr_type = PACKET_MR_PROMISC;
  if (bound.ok() && setsockopt(sockets_[0].get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
                               sizeof(membership)) != 0) {
    bound = absl::ErrnoToStatus(errno, "making the interface promiscuous");
  }
  if (!bound.ok()) {
    LeaveInterface();
    return bound;
  }
  ifindex_ = link.ifindex;
  group_is_due_ = sockets_.size() > 1;
  if (link.up) ShareFrames();
  return absl::OkStatus();
}

// To be called when the interface is up.
void NetdevDevice::ShareFrames() {
  if (!group_is_due_) return;
  group_is_due_ = false;
  const absl::Status formed = FormGroup();
  if (formed.ok()) return;
  spdlog::warn("port {}: all that it receives goes through one queue ({}): add it again to retry",
               options_.name, std::string(formed.message()));
}

// A socket that was bound but not in the group yet would receive each frame once more.
absl::Status NetdevDevice::FormGroup() {
  absl::Status done = RefuseOutgoing(sockets_[0].get());
  if (!done.ok()) return done;
  const auto id = FoundGroup(sockets_[0].get());
  if (!id.ok()) return id.status();
  in_group_ = true;
  for (size_t i = 1; i < sockets_.size(); ++i) {
    const int fd = sockets_[i].get();
    done = RefuseAll(fd);
    if (done.ok()) done = Bind(fd, ifindex_, ETH_P_ALL);
    if (done.ok()) done = JoinGroup(fd, *id);
    if (done.ok()) done = RefuseOutgoing(fd);
    if (!done.ok()) return done;
  }
  return absl::OkStatus();
}

void NetdevDevice::ExcludeHost(int ifindex) {
  if (options_.shared_with_host) return HostExclusion::Repair(*netns_, ifindex);
  auto excluded = HostExclusion::Apply(*netns_, ifindex);
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

// Packet sockets that cannot hand over what the other end of a veth pair leaves to be cut would
// lose it.
void NetdevDevice::TurnPeerSegmentationOff(const LinkState& link) {
  if (link.kind != "veth" || PacketSocketOffloads().contains(Offload::kUdp4)) return;
  auto off = PeerSegmentationOff::Apply(*netns_, link.ifindex);
  if (off.ok()) {
    peer_segmentation_off_ = *std::move(off);
    return;
  }
  // Another XDP program has the same effect.
  if (absl::IsAlreadyExists(off.status())) return;
  spdlog::warn(
      "port {}: UDP that the other end of {} leaves to be cut is lost, as that cannot be turned "
      "off from here ({}): turn it off where the other end is: ethtool -K PEER "
      "tx-udp-segmentation off, or give the switch CAP_BPF, or use Linux 6.2",
      options_.name, link.name, std::string(off.status().message()));
}

void NetdevDevice::LeaveInterface() {
  exclusion_.reset();
  peer_segmentation_off_.reset();
}

absl::StatusOr<LinkEvent> NetdevDevice::Query(LinkMonitor& monitor) {
  if (absl::Status followed = FollowNamespace(); !followed.ok()) return followed;
  const auto netns = monitor.Watch(*netns_);
  if (!netns.ok()) return netns.status();
  if (ifindex_ != 0) {
    auto link = monitor.Find(*netns, ifindex_);
    if (link.ok() && link->up) ShareFrames();
    if (!absl::IsNotFound(link.status())) return link;
    ifindex_ = 0;
    LeaveInterface();
    claim_ = {};
  }
  if (absl::Status returned = Return(); !returned.ok()) {
    // Nothing is to keep a namespace alive that nothing is attached in.
    if (absl::IsAborted(returned)) ReleaseNamespace();
    return returned;
  }
  return monitor.Find(*netns, ifindex_);
}

// Sees to it that the namespace is the one that its name leads to now.
absl::Status NetdevDevice::FollowNamespace() {
  if (options_.netns.empty()) return absl::OkStatus();
  if (netns_ && WhereLeads(options_.netns, netns_->id()) != NetnsLead::kSame) ReleaseNamespace();
  if (netns_) return absl::OkStatus();
  auto netns = NetworkNamespace::Open(options_.netns);
  if (!netns.ok()) {
    return absl::AbortedError(fmt::format(
        "network namespace '{}' was deleted; the interface is used again when both return",
        options_.netns));
  }
  netns_ = *std::move(netns);
  return absl::OkStatus();
}

// Attaches the interface that has the configured name now.
absl::Status NetdevDevice::Return() {
  const auto state = FindLink(*netns_, options_.name);
  if (!state.ok()) return state.status();
  if (!*state) {
    if (options_.netns.empty()) return absl::NotFoundError("the interface has been deleted");
    return absl::AbortedError(
        fmt::format("interface was deleted; it is used again when it returns to network namespace "
                    "'{}'",
                    options_.netns));
  }
  absl::Status attached = CheckIsUsable(*netns_, **state);
  if (attached.ok()) {
    auto claim = InterfaceClaim::Take(*netns_, (*state)->ifindex, options_.name);
    attached = claim.ok() ? absl::OkStatus() : InUse(options_.name, claim.status());
    if (claim.ok()) claim_ = *std::move(claim);
  }
  if (attached.ok()) attached = Attach(**state);
  if (attached.ok()) return attached;
  return absl::AbortedError(fmt::format("interface is back, but cannot be attached again yet: {}",
                                        std::string(attached.message())));
}

void NetdevDevice::ReleaseNamespace() {
  LeaveInterface();
  ifindex_ = 0;
  claim_ = {};
  sockets_.clear();
  in_group_ = false;
  if (!options_.netns.empty()) netns_.reset();
  const MutexLock lock(mutex_);
  for (FileDescriptor& file : untaken_) file = {};
}

uint32_t NetdevDevice::TakeMissed(int socket) {
  tpacket_stats statistics{};
  socklen_t size = sizeof(statistics);
  if (getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) return 0;
  return statistics.tp_drops;
}

}  // namespace tapswitch
