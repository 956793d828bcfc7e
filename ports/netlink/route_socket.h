// Requests to rtnetlink (rtnetlink(7)) and their answers.

#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct nl_msg;  // libnl's types, so that the kernel's headers stay out of ours
struct nl_sock;
struct nlmsghdr;

namespace tapswitch {

struct NlMessageDeleter {
  void operator()(nl_msg* message) const;
};
using NlMessage = std::unique_ptr<nl_msg, NlMessageDeleter>;

struct NlSocketDeleter {
  void operator()(nl_sock* socket) const;
};
using NlSocket = std::unique_ptr<nl_sock, NlSocketDeleter>;

// An empty request of the given type (RTM_...), with the NLM_F_... flags of `flags`.
[[nodiscard]] NlMessage NewNlMessage(int type, int flags);

// A message about an interface (RTM_...LINK), as yet without attributes; zero: none by its index.
[[nodiscard]] NlMessage NewLinkMessage(int type, int flags, int ifindex = 0,
                                       unsigned char family = AF_UNSPEC);

// A request about interfaces (RTM_GETLINK). If `ifindex` is zero, attributes have to name the
// interface, or NLM_F_DUMP among `flags` asks for all.
[[nodiscard]] NlMessage NewLinkQuestion(int flags, int ifindex = 0);

// A socket for requests that are answered at once. It belongs to the namespace of the thread that
// opened it, and keeps that namespace alive.
class RouteSocket {
 public:
  [[nodiscard]] static absl::StatusOr<RouteSocket> Open();

  // Sends `request` and hands each message of the answer to `on_reply`. A request that is answered
  // only by an acknowledgement needs NLM_F_ACK. An error is the kernel's, as absl::ErrnoToStatus
  // maps it.
  [[nodiscard]] absl::Status Transact(NlMessage request,
                                      const std::function<void(nlmsghdr&)>& on_reply);

 private:
  explicit RouteSocket(NlSocket socket) : socket_(std::move(socket)) {}

  NlSocket socket_;
};

}  // namespace tapswitch
