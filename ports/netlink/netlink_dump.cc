#include "ports/netlink/netlink_dump.h"

#include <linux/netlink.h>
#include <netlink/msg.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>

#include "ports/os/file_descriptor.h"

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;

// Newer than some headers (Linux 4.20, uapi linux/netlink.h).
constexpr int kStrictCheck = 12;  // NETLINK_GET_STRICT_CHK

constexpr std::chrono::milliseconds kPatience(250);
constexpr size_t kMostReplies = 4096;

// The maximum that the kernel puts into one message of a dump.
constexpr size_t kBufferSize = 32768;

bool WaitFor(int fd, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  if (left.count() <= 0) return false;
  pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&watched, 1, static_cast<int>(left.count())) > 0;
}

}  // namespace

void DumpSome(NlMessage request, const std::function<bool(nlmsghdr&)>& on_reply) {
  const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return;
  const int on = 1;
  static_cast<void>(setsockopt(socket.get(), SOL_NETLINK, kStrictCheck, &on, sizeof(on)));
  nlmsghdr* const header = nlmsg_hdr(request.get());
  header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
  if (send(socket.get(), header, header->nlmsg_len, 0) < 0) return;
  const auto deadline = Clock::now() + kPatience;
  alignas(nlmsghdr) std::array<std::byte, kBufferSize> buffer{};
  size_t replies = 0;
  while (WaitFor(socket.get(), deadline)) {
    const ssize_t size = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return;
    int left = static_cast<int>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(message, left) != 0;
         message = nlmsg_next(message, &left)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return;
      if (++replies > kMostReplies || !on_reply(*message)) return;
    }
  }
}

}  // namespace tapswitch
