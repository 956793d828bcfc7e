#include "tools/qemu-helper/guest_tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ports/interface/tap/abandoned_tap.h"

namespace tapswitch {
namespace {

// The kernel replaces %d by the lowest number that is free.
constexpr char kNamePattern[] = "tap%d";

absl::Status TapError(const char* what) { return absl::ErrnoToStatus(errno, what); }

FileDescriptor OpenIoctlSocket() {
  return FileDescriptor(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

}  // namespace

absl::StatusOr<GuestTap> MakeGuestTap(FileDescriptor tun, bool with_vnet_header) {
  ifreq request{};
  std::memcpy(request.ifr_name, kNamePattern, sizeof(kNamePattern));
  request.ifr_flags =
      static_cast<short>(IFF_TAP | IFF_NO_PI | (with_vnet_header ? IFF_VNET_HDR : 0));
  if (ioctl(tun.get(), TUNSETIFF, &request) != 0) return TapError("cannot make a TAP");
  GuestTap tap{.file = std::move(tun), .name = request.ifr_name};
  const FileDescriptor socket = OpenIoctlSocket();
  if (ioctl(socket.get(), SIOCGIFINDEX, &request) != 0) return TapError("cannot find the TAP");
  tap.ifindex = request.ifr_ifindex;
  return tap;
}

void KeepHostQuiet(const GuestTap& tap) {
  const std::string path = absl::StrCat("/proc/sys/net/ipv6/conf/", tap.name, "/disable_ipv6");
  const FileDescriptor setting(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (setting.valid() && write(setting.get(), "1", 1) != 1) return;  // then it is not quiet
}

absl::Status Mark(const GuestTap& tap) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
    rtattr attribute;
    std::array<char, RTA_ALIGN(kGuestTapAlias.size())> alias;
  } request{};
  request.attribute.rta_type = IFLA_IFALIAS;
  request.attribute.rta_len = RTA_LENGTH(kGuestTapAlias.size());
  kGuestTapAlias.copy(request.alias.data(), request.alias.size());
  request.link.ifi_index = tap.ifindex;
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_SETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } reply{};
  // The kernel has answered when send() returns; a reply to something else does not come here.
  if (send(socket.get(), &request, sizeof(request), 0) < 0 ||
      recv(socket.get(), &reply, sizeof(reply), MSG_DONTWAIT) < 0) {
    return TapError("cannot mark the TAP");
  }
  errno = -reply.error.error;
  return errno == 0 ? absl::OkStatus() : TapError("cannot mark the TAP");
}

absl::Status BringUp(const GuestTap& tap) {
  const FileDescriptor socket = OpenIoctlSocket();
  ifreq request{};
  tap.name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return TapError("cannot find the TAP");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return TapError("cannot bring the TAP up");
  return absl::OkStatus();
}

absl::Status CheckUnixSocket(int fd) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("--fd: it is the number of an open Unix socket");
}

absl::Status SendFile(int socket, int file) {
  char request = 0;  // QEMU reads one byte, whatever it is
  iovec part{.iov_base = &request, .iov_len = sizeof(request)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(file))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(file));
  std::memcpy(CMSG_DATA(header), &file, sizeof(file));
  // The socket is the caller's, who may have filled it: TAP and port are not to wait for him.
  constexpr std::chrono::seconds kPatience(5);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) return absl::OkStatus();
    if (errno != EINTR && errno != EAGAIN) return TapError("cannot send the TAP to QEMU");
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError("cannot send the TAP to QEMU: nobody reads the socket");
    }
    constexpr int kAtOnceMs = 100;
    pollfd room{.fd = socket, .events = POLLOUT, .revents = 0};
    poll(&room, 1, kAtOnceMs);
  }
}

}  // namespace tapswitch
