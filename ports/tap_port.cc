#include "ports/tap_port.h"

#include <utility>

#include "ports/shared_link.h"
#include "ports/tap_device.h"

namespace tapswitch {
namespace {

absl::StatusOr<LinkEvent> QueryLink(int fd, LinkMonitor& monitor) {
  // Between the questions it may be moved or renamed; hardly ever more than once.
  constexpr int kAttempts = 3;
  for (int i = 0; i < kAttempts; ++i) {
    const auto location = LocateTap(fd);
    if (!location.ok()) return location.status();
    const auto netns = monitor.Watch(location->netns.fd());
    if (!netns.ok()) return netns.status();
    auto link = monitor.Find(*netns, location->name);
    if (link.ok()) return link;
  }
  return absl::UnavailableError("it is not where the kernel says it is");
}

}  // namespace

TapPort::TapPort(PortIdentity identity, FileDescriptor file, OffloadSet accepted, LinkQuery query,
                 QueueRole role)
    : InterfacePort(std::move(identity), {.file = std::move(file),
                                          .kind = FileKind::kFrames,
                                          .role = role,
                                          .accepted = accepted,
                                          .query = std::move(query)}) {}

absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenTapPort(
    std::span<const PortIdentity> identities, const TapOptions& options, LinkMonitor& monitor) {
  auto device = OpenTap(options, identities.size());
  if (!device.ok()) return device.status();
  const SharedLinkQueries queries =
      ShareLink([fd = device->file.get(), &monitor] { return QueryLink(fd, monitor); });
  std::vector<std::unique_ptr<Port>> ports;
  ports.push_back(std::make_unique<TapPort>(identities[0], std::move(device->file),
                                            device->offloads, queries.first));
  for (FileDescriptor& file : device->more_queues) {
    ports.push_back(std::make_unique<TapPort>(identities[ports.size()], std::move(file),
                                              device->offloads, queries.others,
                                              QueueRole::kFollower));
  }
  return ports;
}

}  // namespace tapswitch
