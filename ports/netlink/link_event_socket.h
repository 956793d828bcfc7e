// The socket that rtnetlink's announcements of interfaces arrive on, from all network namespaces
// that have an id in the switch's own.

#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "ports/netlink/route_socket.h"

namespace tapswitch {

class LinkEventSocket {
 public:
  // `nsid` tells which namespace announced it: its id in the namespace of this socket, or
  // NETNSA_NSID_NOT_ASSIGNED (-1) for that namespace itself, as long as it has no id there.
  using Handler = std::function<void(nlmsghdr& message, int nsid)>;

  // Opens it, non-blocking, in the namespace that the calling thread is in.
  [[nodiscard]] static absl::StatusOr<LinkEventSocket> Open();

  [[nodiscard]] int fd() const;

  // Whether other namespaces are heard, which takes CAP_NET_BROADCAST when it is opened.
  [[nodiscard]] bool hears_all() const { return hears_all_; }

  // Hands over all announcements there are. False when the kernel had to drop some (ENOBUFS).
  [[nodiscard]] bool Receive(const Handler& handler);

 private:
  LinkEventSocket(NlSocket socket, bool hears_all)
      : socket_(std::move(socket)), hears_all_(hears_all) {}

  NlSocket socket_;
  bool hears_all_;
};

}  // namespace tapswitch
