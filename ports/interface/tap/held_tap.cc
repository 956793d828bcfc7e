#include "ports/interface/tap/held_tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::StatusOr<FileDescriptor> MakeHeldTap(const std::string& name) {
  constexpr std::chrono::milliseconds kPause(10);
  constexpr int kAttempts = 100;
  FileDescriptor file(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid() && errno == EACCES) {
    return absl::FailedPreconditionError(
        "this user may not open /dev/net/tun: chmod 0666 /dev/net/tun, or have it made by a line "
        "of the --startup file, which comes before --user");
  }
  if (!file.valid()) return absl::ErrnoToStatus(errno, "/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  for (int i = 0; ioctl(file.get(), TUNSETIFF, &request) != 0; ++i) {
    if (errno != EBUSY || i == kAttempts) {
      return absl::ErrnoToStatus(errno, fmt::format("making TAP '{}'", name));
    }
    std::this_thread::sleep_for(kPause);
  }
  return file;
}

}  // namespace tapswitch
