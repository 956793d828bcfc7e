// An interface that exists, attached by a packet socket: the TAP that QEMU opened, one end of a
// veth, a NIC, a vxlan device.
//
// With several queues there is a socket for each, and the kernel deals the frames out to them by
// the hash of their flow (PACKET_FANOUT_HASH). The hash is that of tap_device.h, and so is what is
// said there of order: a flow is always on the same queue here. When the interface is down, its
// sockets cannot form such a group (before Linux 6.13): until it is up, only the first receives.
// And a socket in a group cannot be bound to another interface (net/packet/af_packet.c,
// packet_do_bind): when a deleted interface returns, there are new sockets, and each queue has to
// take its own.
//
// A socket belongs to the namespace that the interface is in when it is attached, and keeps that
// namespace alive. It is bound to the interface, not to its name: renaming changes nothing. Where
// the interface is deleted, the next one of the configured name is attached instead. Where the name
// of its namespace (`netns=`) is deleted or leads elsewhere, all that keeps the old one alive is
// released, and the interface in the next namespace of that name is attached.
//
// Where the kernel is to carry known conversations, all sockets have its filter
// (kernel_attachment.h).
//
// While it is attached the interface is claimed (interface_claim.h): it is no other port's. On
// kernels whose packet sockets do not know segmentation of UDP (packet_offloads.h), the other end
// of a veth pair cuts what it sends meanwhile (peer_segmentation.h).

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "ports/interface/exclusion/host_exclusion.h"
#include "ports/interface/exclusion/switchover.h"
#include "ports/interface/interface_claim.h"
#include "ports/interface/netdev/kernel_attachment.h"
#include "ports/interface/netdev/netdev_options.h"
#include "ports/interface/netdev/peer_segmentation.h"
#include "ports/netlink/link_monitor.h"
#include "ports/netlink/link_state.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/mutex.h"
#include "ports/os/netns.h"
#include "ports/port_handover.h"

namespace tapswitch {

class NetdevDevice {
 public:
  // Opens a socket for each of `queues` (one or more) and attaches the interface, which may be
  // down. Frames are behind a virtio-net header, none is the host's own, and the interface is
  // promiscuous while the sockets are open. Where the host cannot be excluded, the log says so.
  // Requires CAP_NET_RAW; and CAP_NET_ADMIN to exclude the host; and CAP_SYS_ADMIN to work in
  // another namespace.
  //
  // Waits for up to a second for a process to end that has the interface. An interface that is
  // missing is an error, or the sockets are bound to none until Query finds it. Errors are one line
  // that says what to do about it; after one nothing is left.
  //
  // With a `switchover`, the interface may be a port of its master. Then the sockets receive
  // nothing, and the host is not excluded, before that is complete; afterwards a Query is due.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NetdevDevice>> Open(
      const NetdevOptions& options, size_t queues = 1,
      MissingInterface missing = MissingInterface::kRefused,
      std::shared_ptr<Switchover> switchover = nullptr, KernelAccess kernel = {});

  // Takes over an interface that another process has attached, with its sockets and whatever keeps
  // the host out. Nothing about it is changed. FailedPrecondition unless it has `queues` sockets.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NetdevDevice>> Inherit(
      const NetdevOptions& options, PortHandover& inherited, size_t queues, KernelAccess kernel);

  // Adds what a successor needs for Inherit; nothing where no interface is attached. To be called
  // by the thread of Query. FailedPrecondition while the interface is still a bridge's.
  [[nodiscard]] absl::Status HandOver(PortHandover& to) const;

  // Whether an interface that was deleted could be attached again now. Any thread may ask; it is
  // for one that does not forward.
  [[nodiscard]] static bool CanReturn(const NetdevOptions& options);
  ~NetdevDevice() = default;
  NetdevDevice(const NetdevDevice&) = delete;
  NetdevDevice& operator=(const NetdevDevice&) = delete;

  // The socket of a queue, non-blocking, where there is one that has not been taken yet: the first
  // time, and after a Query that has found the interface returned. Any thread may call it, also
  // during a Query.
  [[nodiscard]] FileDescriptor TakeSocket(size_t queue = 0);

  // A socket that is given the BPDUs of the interface (OpenBpduSocket), where there is one that has
  // not been taken yet. There is none before this has been called once, and a Query after that. Any
  // thread may call it, also during a Query.
  [[nodiscard]] FileDescriptor TakeBpduSocket();

  // The seat of the socket that was taken last (kernel_attachment.h); null: there is none. Any
  // thread may call it.
  [[nodiscard]] std::shared_ptr<KernelSeat> SeatOf(size_t queue);

  // Whether it was a port of a bridge, or another process had it without the filter of the kernel's
  // forwarding: its sockets have none, either, before the interface returns.
  [[nodiscard]] bool was_taken_over() const { return was_taken_over_; }

  // The uses of the interface when it was opened (interface_usage.h), and the address that it
  // brought to the bridge then. The address is zero if it brought none, as a guest's TAP does.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] MacAddress first_address() const { return first_address_; }

  // The state of the interface, as `removed` while it has not been there yet. When it is gone, one
  // of the configured name is attached in its place; NotFound when there is none. Aborted when
  // there is one that cannot be, or the namespace is gone: then the message is why, and the socket
  // is to be closed.
  [[nodiscard]] absl::StatusOr<LinkEvent> Query(LinkMonitor& monitor);

  // Has the other end of a veth pair see a carrier or none, by setting this end up or down; also
  // when the interface returns. FailedPrecondition for other interfaces says what can be done
  // instead. To be called by the thread of Query.
  [[nodiscard]] absl::Status SetCarrier(bool is_on);

  // Frames that were lost for want of room in the socket's queue since the last call.
  [[nodiscard]] static uint32_t TakeMissed(int socket);

 private:
  NetdevDevice(NetdevOptions options, NetworkNamespace netns, size_t queues, KernelAccess kernel);

  [[nodiscard]] absl::Status OpenSockets();
  [[nodiscard]] absl::Status KeepSockets(std::vector<FileDescriptor> sockets);
  [[nodiscard]] absl::Status TakeOver(PortHandover& inherited);
  [[nodiscard]] absl::Status FollowNamespace();
  [[nodiscard]] absl::StatusOr<LinkEvent> WithSpeed(absl::StatusOr<LinkEvent> link) const;
  [[nodiscard]] bool IsAwaited() const;
  [[nodiscard]] absl::Status Return();
  void ReleaseNamespace();
  [[nodiscard]] absl::Status Attach(const LinkState& link);
  [[nodiscard]] absl::Status ExcludeHost(int ifindex);
  [[nodiscard]] absl::Status AttachToKernel(int ifindex);
  void TurnPeerSegmentationOff(const LinkState& link);
  void LeaveInterface();
  void ShareFrames();
  void ListenForBpdus();
  [[nodiscard]] absl::Status FormGroup();
  [[nodiscard]] absl::Status Filter(int socket) const;

  NetdevOptions options_;
  size_t queues_;
  std::vector<std::string> warnings_;
  MacAddress first_address_{};
  std::optional<NetworkNamespace> netns_;  // nothing while there is none of its name
  InterfaceClaim claim_;                   // of the interface, while it is attached
  std::vector<FileDescriptor> sockets_;    // of the queues
  int ifindex_ = 0;                        // attached; 0: none
  int bpdus_of_ = 0;                       // ifindex that there is a socket for BPDUs of; 0: none
  bool is_off_ = false;                    // by SetCarrier
  bool was_taken_over_ = false;            // see was_taken_over
  bool was_there_ = false;                 // an interface has been attached
  bool in_group_ = false;                  // the sockets, or some of them, are
  bool group_is_due_ = false;              // and all are to be, once the interface is up
  std::unique_ptr<HostExclusion> exclusion_;
  std::shared_ptr<Switchover> switchover_;  // until it is complete
  KernelAttachment kernel_;
  std::unique_ptr<PeerSegmentationOff> peer_segmentation_off_;  // where it is needed

  Mutex mutex_;
  // Other descriptors of the same sockets.
  std::vector<FileDescriptor> untaken_ ABSL_GUARDED_BY(mutex_);
  bool wants_bpdus_ ABSL_GUARDED_BY(mutex_) = false;
  FileDescriptor untaken_bpdus_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<KernelSeat> untaken_seat_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<KernelSeat>> taken_seats_ ABSL_GUARDED_BY(mutex_);  // by queue
};

}  // namespace tapswitch
