#include "ports/netlink/link_event_socket.h"

#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "ports/os/socket_errors.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Room for some hundred announcements, so that bringing up many ports at once loses none.
constexpr int kReceiveBuffer = 1 << 20;

// The kernel makes no announcement larger than this (NLMSG_GOODSIZE and link attributes).
constexpr size_t kMostBytes = 32768;

int NsidOf(msghdr& header) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_NETLINK || c->cmsg_type != NETLINK_LISTEN_ALL_NSID) continue;
    int nsid = NETNSA_NSID_NOT_ASSIGNED;
    std::memcpy(&nsid, CMSG_DATA(c), sizeof(nsid));
    return nsid;
  }
  return NETNSA_NSID_NOT_ASSIGNED;
}

}  // namespace

absl::StatusOr<LinkEventSocket> LinkEventSocket::Open() {
  NlSocket socket(nl_socket_alloc());
  if (!socket) throw std::bad_alloc();
  int error = nl_connect(socket.get(), NETLINK_ROUTE);
  if (error == 0) error = nl_socket_set_nonblocking(socket.get());
  if (error < 0) return absl::UnavailableError(fmt::format("rtnetlink: {}", nl_geterror(error)));

  const int fd = nl_socket_get_fd(socket.get());
  // Without CAP_NET_ADMIN the size stays at the system's default; losing events is provided for.
  static_cast<void>(
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer)));
  constexpr int kOn = 1;
  const bool hears_all =
      setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &kOn, sizeof(kOn)) == 0;
  error =
      nl_socket_add_memberships(socket.get(), RTNLGRP_LINK, RTNLGRP_NSID, RTNLGRP_TC, RTNLGRP_NONE);
  if (error < 0) return absl::UnavailableError(fmt::format("rtnetlink: {}", nl_geterror(error)));
  return LinkEventSocket(std::move(socket), hears_all);
}

int LinkEventSocket::fd() const { return nl_socket_get_fd(socket_.get()); }

bool LinkEventSocket::Receive(const Handler& handler) const {
  alignas(nlmsghdr) std::array<std::byte, kMostBytes> bytes{};
  alignas(cmsghdr) std::array<std::byte, 256> control{};
  bool complete = true;
  for (int errors = 0;;) {
    iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t received = recvmsg(fd(), &header, 0);
    if (received < 0 && errno == EINTR) continue;
    // Whatever the error is, it is told once, and what was received lies behind it.
    if (received < 0 && errno != EAGAIN && ++errors < kMostSocketErrors) {
      complete = false;
      continue;
    }
    if (received <= 0) return complete;
    if ((header.msg_flags & MSG_TRUNC) != 0) complete = false;
    const int nsid = NsidOf(header);
    int left = static_cast<int>(received);
    for (auto* message = reinterpret_cast<nlmsghdr*>(bytes.data()); nlmsg_ok(message, left) != 0;
         message = nlmsg_next(message, &left)) {
      handler(*message, nsid);
    }
  }
}

}  // namespace tapswitch
