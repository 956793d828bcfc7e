#include "ports/netdev_port.h"

#include <utility>

#include "ports/netdev_device.h"

namespace tapswitch {

// All that a virtio-net header can express is accepted: what the device cannot do itself, the kernel
// finishes in front of it (net/core/dev.c, validate_xmit_skb).
NetdevPort::NetdevPort(PortIdentity identity, FileDescriptor file, LinkQuery query,
                       MissedQuery missed)
    : InterfacePort(std::move(identity), {.file = std::move(file),
                                          .kind = FileKind::kPacketSocket,
                                          .accepted = OffloadSet::All(),
                                          .query = std::move(query)}),
      missed_(std::move(missed)) {}

void NetdevPort::RefreshCounters() {
  PortCounters& counters = *identity().counters;
  const uint32_t missed = missed_();
  counters.received.frames += missed;
  counters.Drop(DropReason::kReceiveQueueFull, missed);
}

absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenNetdevPort(
    std::span<const PortIdentity> identities, const NetdevOptions& options, LinkMonitor& monitor) {
  auto opened = NetdevDevice::Open(options);
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<NetdevDevice> device = *std::move(opened);
  FileDescriptor socket = device->TakeSocket();
  auto missed = [fd = socket.get()] { return NetdevDevice::TakeMissed(fd); };
  auto query = [device, &monitor] { return device->Query(monitor); };
  std::vector<std::unique_ptr<Port>> ports;
  ports.push_back(std::make_unique<NetdevPort>(identities[0], std::move(socket), std::move(query),
                                               std::move(missed)));
  return ports;
}

}  // namespace tapswitch
