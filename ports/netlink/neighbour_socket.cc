#include "ports/netlink/neighbour_socket.h"

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "ports/netlink/route_socket.h"
#include "ports/os/socket_errors.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr size_t kMessageBytes = 32768;
// A kernel takes a batch as one datagram; the answers of this many fit into any buffer.
constexpr size_t kBatch = 128;
constexpr int kAnswerPatience = 2000;  // milliseconds

absl::StatusOr<FileDescriptor> OpenSocket(int flags) {
  FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "rtnetlink");
  return socket;
}

template <typename Visit>
void ForEachMessage(std::span<std::byte> bytes, Visit visit) {
  int left = static_cast<int>(bytes.size());
  for (auto* message = reinterpret_cast<nlmsghdr*>(bytes.data()); nlmsg_ok(message, left) != 0;
       message = nlmsg_next(message, &left)) {
    visit(*message);
  }
}

absl::Status Dump(const ndmsg& header, int master, const NeighbourHandler& handler) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  NlMessage request = NewNlMessage(RTM_GETNEIGH, NLM_F_DUMP);
  nlmsg_append(request.get(), const_cast<ndmsg*>(&header), sizeof(header), NLMSG_ALIGNTO);
  if (master != 0) nla_put_u32(request.get(), NDA_MASTER, static_cast<uint32_t>(master));
  const absl::Status listed = socket->Transact(std::move(request), [&](nlmsghdr& message) {
    if (const auto neighbour = ParseNeighbour(message)) handler(*neighbour);
  });
  // It changed meanwhile, which the events tell.
  return absl::IsUnavailable(listed) ? absl::OkStatus() : listed;
}

}  // namespace

absl::StatusOr<NeighbourEvents> NeighbourEvents::Open() {
  auto socket = OpenSocket(SOCK_NONBLOCK);
  if (!socket.ok()) return socket.status();
  static_cast<void>(setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer,
                               sizeof(kReceiveBuffer)));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1U << (RTNLGRP_NEIGH - 1U);
  if (bind(socket->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, "rtnetlink: neighbours");
  }
  return NeighbourEvents(*std::move(socket));
}

NeighbourEvents::Result NeighbourEvents::Receive(size_t max,
                                                 const NeighbourHandler& handler) const {
  alignas(nlmsghdr) std::array<std::byte, kMessageBytes> bytes{};
  Result result;
  int errors = 0;
  for (size_t count = 0; count < max;) {
    sockaddr_nl from{};
    socklen_t size = sizeof(from);
    const ssize_t received = recvfrom(fd(), bytes.data(), bytes.size(), MSG_TRUNC,
                                      reinterpret_cast<sockaddr*>(&from), &size);
    if (received < 0 && errno == EINTR) continue;
    // Whatever the error is, it is told once, and what was received lies behind it.
    if (received < 0 && errno != EAGAIN) {
      result.is_complete = false;
      if (++errors == kMostSocketErrors) break;
      continue;
    }
    if (received <= 0) return result;
    if (from.nl_pid != 0) continue;  // of a process, not of the kernel
    if (static_cast<size_t>(received) > bytes.size()) result.is_complete = false;
    const auto given = std::span(bytes).first(std::min<size_t>(received, bytes.size()));
    ForEachMessage(given, [&](nlmsghdr& message) {
      ++count;
      if (const auto neighbour = ParseNeighbour(message)) handler(*neighbour);
    });
  }
  result.has_more = true;
  return result;
}

absl::StatusOr<NeighbourWriter> NeighbourWriter::Open() {
  auto socket = OpenSocket(0);
  if (!socket.ok()) return socket.status();
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(socket->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, "rtnetlink");
  }
  return NeighbourWriter(*std::move(socket));
}

std::vector<int> NeighbourWriter::Write(std::span<const NeighbourChange> changes) {
  std::vector<int> errors(changes.size(), EIO);
  for (size_t done = 0; done < changes.size();) {
    const size_t count = std::min(kBatch, changes.size() - done);
    // Answers that come too late have numbers that nobody waits for.
    if (Send(changes.subspan(done, count))) {
      static_cast<void>(ReadAnswers(std::span(errors).subspan(done, count)));
    }
    first_ += static_cast<uint32_t>(count);
    done += count;
  }
  return errors;
}

bool NeighbourWriter::Send(std::span<const NeighbourChange> changes) {
  std::string bytes;
  for (size_t i = 0; i < changes.size(); ++i) {
    AppendRequest(changes[i], first_ + static_cast<uint32_t>(i), bytes);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return sendto(socket_.get(), bytes.data(), bytes.size(), 0,
                reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) >= 0;
}

bool NeighbourWriter::ReadAnswers(std::span<int> errors) {
  alignas(nlmsghdr) std::array<std::byte, kMessageBytes> bytes{};
  for (size_t left = errors.size(); left > 0;) {
    pollfd watched{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&watched, 1, kAnswerPatience) <= 0) return false;
    const ssize_t received = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (received <= 0) return false;
    ForEachMessage(std::span(bytes).first(static_cast<size_t>(received)), [&](nlmsghdr& message) {
      const uint32_t index = message.nlmsg_seq - first_;
      const bool is_answer = message.nlmsg_type == NLMSG_ERROR && index < errors.size() &&
                             message.nlmsg_len >= NLMSG_LENGTH(sizeof(nlmsgerr));
      if (!is_answer) return;
      errors[index] = -static_cast<const nlmsgerr*>(nlmsg_data(&message))->error;
      --left;
    });
  }
  return true;
}

absl::Status ListBridgeEntries(int bridge, const NeighbourHandler& handler) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  return Dump(header, bridge, handler);
}

absl::Status ListNeighbours(int ifindex, const NeighbourHandler& handler) {
  const auto of_interface = [&](const KernelNeighbour& neighbour) {
    if (neighbour.ifindex == ifindex) handler(neighbour);
  };
  for (const int family : {AF_INET, AF_INET6}) {
    ndmsg header{};
    header.ndm_family = static_cast<unsigned char>(family);
    if (absl::Status listed = Dump(header, 0, of_interface); !listed.ok()) return listed;
  }
  return absl::OkStatus();
}

}  // namespace tapswitch
