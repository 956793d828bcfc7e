#include "ports/interface/tap/abandoned_tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <new>
#include <utility>

#include "ports/netlink/route_socket.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

absl::Status Failed(const LinkState& link, std::string_view what) {
  return absl::ErrnoToStatus(errno, fmt::format("interface {}: {}", link.name, what));
}

FileDescriptor OpenTun() {
  return FileDescriptor(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

absl::Status Delete(const LinkState& link) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  return socket->Transact(NewLinkMessage(RTM_DELLINK, NLM_F_ACK, link.ifindex), [](nlmsghdr&) {});
}

}  // namespace

bool IsGuestTap(const LinkState& link) {
  return link.alias == kGuestTapAlias && link.tun && link.tun->is_tap && !link.tun->multi_queue;
}

bool IsPersistentGuestTap(const LinkState& link) {
  return IsGuestTap(link) && link.tun->persistent;
}

AbandonedTaps::AbandonedTaps() : tun_(OpenTun()) {}

absl::StatusOr<bool> AbandonedTaps::RemoveIfAbandoned(const LinkState& link) {
  if (!tun_.valid()) tun_ = OpenTun();
  if (!tun_.valid()) return Failed(link, "it cannot be deleted without /dev/net/tun");
  ifreq request{};
  link.name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(tun_.get(), TUNSETIFF, &request) != 0) {
    if (errno == EBUSY) return false;  // its holder lives
    return Failed(link, "it cannot be had, to delete it");
  }
  // Another one may have got the name meanwhile; one that was made by this call goes with the file.
  const bool is_meant = if_nametoindex(request.ifr_name) == static_cast<unsigned>(link.ifindex);
  const absl::Status deleted = is_meant ? Delete(link) : absl::OkStatus();
  if (is_meant && deleted.ok()) return true;  // and the file is free again
  tun_ = OpenTun();
  return deleted.ok() ? absl::StatusOr<bool>(false) : deleted;
}

}  // namespace tapswitch
