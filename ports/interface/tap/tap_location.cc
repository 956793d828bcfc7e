#include "ports/interface/tap/tap_location.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

absl::StatusOr<TapIdentity> IdentifyTap(int fd) {
  ifreq answer{};
  if (ioctl(fd, TUNGETIFF, &answer) == 0) {
    return TapIdentity{.name = answer.ifr_name,
                       .persistent = (answer.ifr_flags & IFF_PERSIST) != 0};
  }
  if (errno == EBADFD) return absl::NotFoundError("the device has been deleted");
  return absl::ErrnoToStatus(errno, "TUNGETIFF");
}

absl::StatusOr<TapLocation> LocateTap(int fd) {
  FileDescriptor netns_file(ioctl(fd, TUNGETDEVNETNS));
  const int error = errno;
  // Asked second, so that a device that is deleted in between is noticed.
  const auto tap = IdentifyTap(fd);
  if (!tap.ok()) return tap.status();
  if (!netns_file.valid() && error == EINVAL) {
    return absl::NotFoundError("the network namespace of the device is being deleted");
  }
  if (!netns_file.valid() && error != EPERM) return absl::ErrnoToStatus(error, "TUNGETDEVNETNS");
  auto netns = netns_file.valid()
                   ? NetworkNamespace::FromFile(std::move(netns_file), "TUNGETDEVNETNS")
                   : NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  return TapLocation{.netns = *std::move(netns), .name = tap->name};
}

}  // namespace tapswitch
