#include "ports/tap_port.h"

#include <utility>

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

TapPort::TapPort(PortIdentity identity, FileDescriptor file, OffloadSet accepted, LinkQuery query)
    : InterfacePort(std::move(identity), {.file = std::move(file),
                                          .kind = FileKind::kFrames,
                                          .accepted = accepted,
                                          .query = std::move(query)}) {}

absl::StatusOr<std::unique_ptr<TapPort>> OpenTapPort(const PortIdentity& identity,
                                                     const TapOptions& options,
                                                     LinkMonitor& monitor) {
  auto device = OpenTap(options);
  if (!device.ok()) return device.status();
  auto query = [fd = device->file.get(), &monitor] { return QueryLink(fd, monitor); };
  return std::make_unique<TapPort>(identity, std::move(device->file), device->offloads,
                                   std::move(query));
}

}  // namespace tapswitch
