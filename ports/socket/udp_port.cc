#include "ports/socket/udp_port.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "ports/socket/dgram_port.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Some thousand frames, which is what a TAP keeps. The kernel allows it without privileges only
// below net.core.rmem_max.
constexpr int kReceiveBuffer = 4 << 20;

void EnlargeReceiveBuffer(int fd) {
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer)) == 0) {
    return;
  }
  static_cast<void>(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer)));
}

// A full frame and the headers of UDP and IP exceed the MTU of a usual network. So such a datagram
// is sent in fragments, and routers may fragment it, too.
bool AllowFragments(int fd, int family) {
  const bool is_ipv6 = family == AF_INET6;
  constexpr int kNever = IP_PMTUDISC_DONT;
  static_assert(kNever == IPV6_PMTUDISC_DONT);
  return setsockopt(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                    is_ipv6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &kNever, sizeof(kNever)) == 0;
}

absl::Status Failed(const UdpOptions& options, std::string_view step, std::string_view cure) {
  return absl::ErrnoToStatus(errno, fmt::format("port '{}': {}: {}", options.name, step, cure));
}

absl::StatusOr<FileDescriptor> OpenSocket(const UdpOptions& options) {
  const int family = options.local.storage.ss_family;
  FileDescriptor fd(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid() || !AllowFragments(fd.get(), family)) {
    return Failed(options, "socket", "the kernel gives none");
  }
  EnlargeReceiveBuffer(fd.get());
  if (bind(fd.get(), options.local.get(), options.local.size) != 0) {
    return Failed(options, "local=", "give an address of this machine, and a port that is free");
  }
  if (connect(fd.get(), options.remote.get(), options.remote.size) != 0) {
    return Failed(options, "remote=", "give an address that this machine has a route to");
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> OpenUdpPort(const PortIdentity& identity,
                                                  const UdpOptions& options,
                                                  PortHandover* inherited) {
  FileDescriptor handed = inherited != nullptr ? inherited->Take("socket") : FileDescriptor();
  auto socket =
      handed.valid() ? absl::StatusOr<FileDescriptor>(std::move(handed)) : OpenSocket(options);
  if (!socket.ok()) return socket.status();
  return std::make_unique<DgramPort>(identity, *std::move(socket), options.mtu);
}

}  // namespace tapswitch
