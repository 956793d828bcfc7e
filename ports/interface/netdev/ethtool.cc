#include "ports/interface/netdev/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

bool CallEthtool(int ifindex, void* argument) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if (!socket.valid() || if_indextoname(static_cast<unsigned>(ifindex),
                                        static_cast<char*>(request.ifr_name)) == nullptr) {
    return false;
  }
  request.ifr_data = static_cast<char*>(argument);
  return ioctl(socket.get(), SIOCETHTOOL, &request) == 0;
}

uint32_t ReadLinkSpeed(const NetworkNamespace& netns, int ifindex) {
  constexpr uint32_t kUnknown = 0xFFFFFFFF;  // SPEED_UNKNOWN
  constexpr uint32_t kUnknown16 = 0xFFFF;    // of older drivers
  const auto scope = NetnsScope::Enter(netns);
  ethtool_cmd settings{.cmd = ETHTOOL_GSET};
  if (!scope.ok() || !CallEthtool(ifindex, &settings)) return 0;
  const uint32_t speed = ethtool_cmd_speed(&settings);
  return speed == kUnknown || speed == kUnknown16 ? 0 : speed;
}

}  // namespace tapswitch
