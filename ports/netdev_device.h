// An interface that exists, attached by a packet socket: the TAP that QEMU opened, one end of a veth,
// a NIC, a vxlan device.
//
// The socket belongs to the namespace that the interface is in when it is attached, and keeps that
// namespace alive. It is bound to the interface, not to its name: renaming changes nothing. Where
// the interface is deleted, the next one of the configured name is attached instead.

#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ports/file_descriptor.h"
#include "ports/host_exclusion.h"
#include "ports/link_monitor.h"
#include "ports/netdev_options.h"
#include "ports/netns.h"

namespace tapswitch {

class NetdevDevice {
 public:
  // Opens a socket and attaches the interface, which may be down. Frames are behind a virtio-net
  // header, none is the host's own, and the interface is promiscuous while the socket is open. Where
  // the host cannot be excluded, the log says so. Requires CAP_NET_RAW; and CAP_NET_ADMIN to
  // exclude the host; and CAP_SYS_ADMIN to work in another namespace.
  //
  // Errors are one line that says what to do about it; after one nothing is left.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NetdevDevice>> Open(
      const NetdevOptions& options);
  ~NetdevDevice() = default;
  NetdevDevice(const NetdevDevice&) = delete;
  NetdevDevice& operator=(const NetdevDevice&) = delete;

  // Non-blocking. To be taken once, by who does the I/O; it stays open as long as the device.
  [[nodiscard]] FileDescriptor TakeSocket() { return std::move(socket_); }

  // The state of the interface. When it is gone, one of the configured name is attached in its place;
  // NotFound when there is none that can be.
  [[nodiscard]] absl::StatusOr<LinkEvent> Query(LinkMonitor& monitor);

  // Frames that were lost for want of room in the socket's queue since the last call.
  [[nodiscard]] static uint32_t TakeMissed(int socket);

 private:
  NetdevDevice(NetdevOptions options, NetworkNamespace netns, FileDescriptor socket);

  [[nodiscard]] absl::Status Attach(int ifindex);
  void ExcludeHost(int ifindex);

  NetdevOptions options_;
  NetworkNamespace netns_;
  FileDescriptor socket_;
  int fd_;           // of the socket, taken or not
  int ifindex_ = 0;  // attached; 0: none
  std::unique_ptr<HostExclusion> exclusion_;
};

}  // namespace tapswitch
