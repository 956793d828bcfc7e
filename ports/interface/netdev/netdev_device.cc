#include "ports/interface/netdev/netdev_device.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/interface_usage.h"
#include "ports/interface/netdev/ethtool.h"
#include "ports/interface/netdev/packet_offloads.h"
#include "ports/interface/netdev/packet_socket.h"
#include "ports/interface/netdev/usable_interface.h"
#include "ports/netlink/link_settings.h"
#include "ports/os/netns_name.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

absl::StatusOr<NetworkNamespace> OpenNamespace(const NetdevOptions& options) {
  return options.netns.empty() ? NetworkNamespace::Current()
                               : NetworkNamespace::Open(options.netns);
}

}  // namespace

NetdevDevice::NetdevDevice(NetdevOptions options, NetworkNamespace netns, size_t queues,
                           KernelAccess kernel)
    : options_(std::move(options)),
      queues_(queues),
      netns_(std::move(netns)),
      kernel_(kernel),
      untaken_(queues),
      taken_seats_(queues) {}

absl::StatusOr<std::unique_ptr<NetdevDevice>> NetdevDevice::Open(
    const NetdevOptions& options, size_t queues, MissingInterface missing,
    std::shared_ptr<Switchover> switchover, KernelAccess kernel) {
  const auto annotate = [&](const absl::Status& error) {
    return absl::Status(error.code(),
                        fmt::format("port '{}': {}", options.name, std::string(error.message())));
  };
  auto netns = OpenNamespace(options);
  if (!netns.ok()) return annotate(netns.status());
  const auto link = FindLink(*netns, options.name);
  if (!link.ok()) return annotate(link.status());
  if (!*link && (options.waits || missing == MissingInterface::kAwaited)) {
    std::unique_ptr<NetdevDevice> device(
        new NetdevDevice(options, *std::move(netns), queues, kernel));
    if (absl::Status opened = device->OpenSockets(); !opened.ok()) return annotate(opened);
    return device;
  }
  if (!*link) {
    return annotate(absl::NotFoundError(
        fmt::format("there is no interface '{0}' to attach: make it first, or say "
                    "netdev:{0},wait, or use tap:{0}, which makes a TAP",
                    options.name)));
  }
  const bool may_leave = switchover != nullptr && !switchover->is_complete();
  const bool stays = IsInShadowBridge(*netns, options, **link);
  const int master = stays ? (*link)->master : may_leave ? switchover->master() : 0;
  absl::Status usable = CheckIsUsable(*netns, **link, options.is_layer3, master);
  if (!usable.ok()) return annotate(usable);
  auto claim = InterfaceClaim::TakePatiently(*netns, (*link)->ifindex, options.name);
  if (!claim.ok()) return annotate(InUse(options.name, claim.status()));
  auto warnings = DescribeUse(*netns, **link, options.shared_with_host);
  std::unique_ptr<NetdevDevice> device(
      new NetdevDevice(options, *std::move(netns), queues, kernel));
  device->claim_ = *std::move(claim);
  device->warnings_ = std::move(warnings);
  if ((*link)->master != 0 && !stays) device->switchover_ = std::move(switchover);
  device->was_taken_over_ = device->switchover_ != nullptr;
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
  if (!link.ok() || !*link) return false;
  const int master = IsInShadowBridge(*netns, options, **link) ? (*link)->master : 0;
  return CheckIsUsable(*netns, **link, options.is_layer3, master).ok() &&
         !InterfaceClaim::OwnerOf(*netns, (*link)->ifindex);
}

absl::Status NetdevDevice::OpenSockets() {
  std::vector<FileDescriptor> sockets;
  for (size_t i = 0; i < queues_; ++i) {
    auto socket = OpenPacketSocket(*netns_);
    if (!socket.ok()) return socket.status();
    sockets.push_back(*std::move(socket));
  }
  kernel_.OnNewSockets();
  return KeepSockets(std::move(sockets));
}

// Each is there twice: for this, and for the queue that takes it.
absl::Status NetdevDevice::KeepSockets(std::vector<FileDescriptor> sockets) {
  std::vector<FileDescriptor> untaken;
  for (const FileDescriptor& socket : sockets) {
    untaken.emplace_back(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!untaken.back().valid()) return absl::ErrnoToStatus(errno, "dup of a packet socket");
  }
  sockets_ = std::move(sockets);
  in_group_ = false;
  const MutexLock lock(mutex_);
  untaken_ = std::move(untaken);
  untaken_seat_ = kernel_.seat();
  return absl::OkStatus();
}

FileDescriptor NetdevDevice::TakeSocket(size_t queue) {
  const MutexLock lock(mutex_);
  if (untaken_[queue].valid()) taken_seats_[queue] = untaken_seat_;
  return std::move(untaken_[queue]);
}

FileDescriptor NetdevDevice::TakeBpduSocket() {
  const MutexLock lock(mutex_);
  wants_bpdus_ = true;
  return std::move(untaken_bpdus_);
}

// Without one, BPDUs that find the queue full are lost, as other frames are.
void NetdevDevice::ListenForBpdus() {
  {
    const MutexLock lock(mutex_);
    if (!wants_bpdus_) return;
  }
  if (std::exchange(bpdus_of_, ifindex_) == ifindex_) return;
  auto socket = OpenBpduSocket(*netns_, ifindex_);
  if (!socket.ok()) return;
  const MutexLock lock(mutex_);
  std::swap(untaken_bpdus_, *socket);  // closing one takes time
}

std::shared_ptr<KernelSeat> NetdevDevice::SeatOf(size_t queue) {
  const MutexLock lock(mutex_);
  return taken_seats_[queue];
}

absl::Status NetdevDevice::Attach(const LinkState& link) {
  LeaveInterface();
  ifindex_ = 0;
  // Those that were taken over have counted nothing in their seat.
  const bool are_used_up = in_group_ || (was_there_ && std::exchange(was_taken_over_, false));
  if (are_used_up || sockets_.empty()) {
    if (absl::Status opened = OpenSockets(); !opened.ok()) return opened;
  }
  // First, so that the host sees none of the frames that the switch sees.
  if (absl::Status excluded = ExcludeHost(link.ifindex); !excluded.ok()) return excluded;
  TurnPeerSegmentationOff(link);
  absl::Status bound = AttachToKernel(link.ifindex);
  if (bound.ok()) bound = BindPacketSocket(sockets_[0].get(), link.ifindex, ETH_P_ALL);
  // Protocol 0: for sending only.
  for (size_t i = 1; i < sockets_.size() && bound.ok(); ++i) {
    bound = BindPacketSocket(sockets_[i].get(), link.ifindex, 0);
  }
  packet_mreq membership{};
  membership.mr_ifindex = link.ifindex;
  membership.mr_type = PACKET_MR_PROMISC;
  if (bound.ok() && setsockopt(sockets_[0].get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
                               sizeof(membership)) != 0) {
    bound = absl::ErrnoToStatus(errno, "making the interface promiscuous");
  }
  if (!bound.ok()) {
    kernel_.GiveUp();
    LeaveInterface();
    return bound;
  }
  ifindex_ = link.ifindex;
  was_there_ = true;
  group_is_due_ = sockets_.size() > 1;
  if (link.up) ShareFrames();
  return absl::OkStatus();
}

// The sockets have the filter of a switchover, which is not to be replaced, and no other.
absl::Status NetdevDevice::AttachToKernel(int ifindex) {
  if (switchover_ != nullptr) {
    kernel_.GiveUp();
    return absl::OkStatus();
  }
  return kernel_.Attach(sockets_, ifindex, exclusion_ != nullptr && exclusion_->carries());
}

// To be called when the interface is up.
void NetdevDevice::ShareFrames() {
  if (switchover_ != nullptr && switchover_->is_complete()) switchover_ = nullptr;
  if (!group_is_due_) return;
  group_is_due_ = false;
  const absl::Status formed = FormGroup();
  if (formed.ok()) return;
  spdlog::warn("port {}: all that it receives goes through one queue ({}): add it again to retry",
               options_.name, std::string(formed.message()));
}

// A socket that was bound but not in the group yet would receive each frame once more.
absl::Status NetdevDevice::FormGroup() {
  absl::Status done = Filter(sockets_[0].get());
  if (!done.ok()) return done;
  const auto id = FoundGroup(sockets_[0].get());
  if (!id.ok()) return id.status();
  in_group_ = true;
  for (size_t i = 1; i < sockets_.size(); ++i) {
    const int fd = sockets_[i].get();
    if (switchover_ == nullptr) done = RefuseAll(fd);
    if (done.ok()) done = BindPacketSocket(fd, ifindex_, ETH_P_ALL);
    if (done.ok()) done = JoinGroup(fd, *id);
    if (done.ok()) done = Filter(fd);
    if (!done.ok()) return done;
  }
  return absl::OkStatus();
}

// The filter of a socket in a group. That of the kernel's forwarding refuses outgoing frames, too.
// One of a switchover refuses all until then: a group that was formed under traffic would have
// frames of one queue be overtaken by those of another.
absl::Status NetdevDevice::Filter(int socket) const {
  if (switchover_ != nullptr) return absl::OkStatus();
  return kernel_.filters() ? kernel_.SetFilter(socket) : RefuseOutgoing(socket);
}

absl::Status NetdevDevice::ExcludeHost(int ifindex) {
  if (switchover_ != nullptr) {
    auto prepared = switchover_->Prepare(*netns_, ifindex, sockets_);
    if (!prepared.ok()) return prepared.status();
    exclusion_ = *std::move(prepared);
    return absl::OkStatus();
  }
  if (options_.shared_with_host) {
    HostExclusion::Repair(*netns_, ifindex);
    return absl::OkStatus();
  }
  auto excluded = HostExclusion::Apply(*netns_, ifindex, kernel_.CarrierFor(*netns_));
  if (excluded.ok()) {
    exclusion_ = *std::move(excluded);
    return absl::OkStatus();
  }
  spdlog::warn(
      "port {}: the host's network stack cannot be kept out and receives the same frames ({}); "
      "take "
      "the interface's addresses away, or say host=shared if that is meant",
      options_.name, std::string(excluded.status().message()));
  return absl::OkStatus();
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

// The filter may stay on sockets that are bound to no interface.
void NetdevDevice::LeaveInterface() {
  kernel_.Leave();
  exclusion_.reset();
  peer_segmentation_off_.reset();
}

absl::StatusOr<LinkEvent> NetdevDevice::Query(LinkMonitor& monitor) {
  if (absl::Status followed = FollowNamespace(); !followed.ok()) return followed;
  const auto netns = monitor.Watch(*netns_);
  if (!netns.ok()) return netns.status();
  if (ifindex_ != 0) {
    ListenForBpdus();
    auto link = monitor.Find(*netns, ifindex_);
    if (link.ok() && link->up) ShareFrames();
    if (!absl::IsNotFound(link.status())) return WithSpeed(std::move(link));
    ifindex_ = bpdus_of_ = 0;
    LeaveInterface();
    claim_ = {};
  }
  if (options_.is_own) {
    ReleaseNamespace();
    return absl::AbortedError(
        "interface was deleted; the port makes it again when it is added, or "
        "when the network namespace of the other end is made again");
  }
  if (IsAwaited()) return LinkEvent{.netns = *netns, .name = options_.name, .removed = true};
  if (absl::Status returned = Return(); !returned.ok()) {
    // Nothing is to keep a namespace alive that nothing is attached in.
    if (absl::IsAborted(returned)) ReleaseNamespace();
    return returned;
  }
  ListenForBpdus();
  return WithSpeed(monitor.Find(*netns, ifindex_));
}

absl::StatusOr<LinkEvent> NetdevDevice::WithSpeed(absl::StatusOr<LinkEvent> link) const {
  if (link.ok() && !link->removed) link->speed = ReadLinkSpeed(*netns_, link->ifindex);
  return link;
}

// Whether there has been no interface yet, and is none now.
bool NetdevDevice::IsAwaited() const {
  if (was_there_) return false;
  const auto link = FindLink(*netns_, options_.name);
  return link.ok() && !*link;
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
  const int master = IsInShadowBridge(*netns_, options_, **state) ? (*state)->master : 0;
  absl::Status attached = CheckIsUsable(*netns_, **state, options_.is_layer3, master);
  if (attached.ok()) {
    auto claim = InterfaceClaim::Take(*netns_, (*state)->ifindex, options_.name);
    attached = claim.ok() ? absl::OkStatus() : InUse(options_.name, claim.status());
    if (claim.ok()) claim_ = *std::move(claim);
  }
  if (attached.ok()) attached = Attach(**state);
  if (attached.ok() && is_off_) static_cast<void>(SetCarrier(false));
  if (attached.ok()) return attached;
  return absl::AbortedError(fmt::format("interface is back, but cannot be attached again yet: {}",
                                        std::string(attached.message())));
}

void NetdevDevice::ReleaseNamespace() {
  LeaveInterface();
  ifindex_ = bpdus_of_ = 0;
  claim_ = {};
  sockets_.clear();
  in_group_ = false;
  if (!options_.netns.empty()) netns_.reset();
  const MutexLock lock(mutex_);
  for (FileDescriptor& file : untaken_) file = {};
  untaken_bpdus_ = {};
}

uint32_t NetdevDevice::TakeMissed(int socket) {
  tpacket_stats statistics{};
  socklen_t size = sizeof(statistics);
  if (getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) return 0;
  return statistics.tp_drops;
}

}  // namespace tapswitch
