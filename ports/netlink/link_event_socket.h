// The socket on which rtnetlink's announcements of interfaces arrive, from all network namespaces
// that have an id in the switch's own.

#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "ports/netlink/route_socket.h"

namespace tapswitch {

class LinkEventSocket {
 public:
  // `nsid` is the id of the announcing namespace in this socket's namespace. It is
  // NETNSA_NSID_NOT_ASSIGNED (-1) for that namespace itself, as long as it has no id there.
  using Handler = std::function<void(nlmsghdr& message, int nsid)>;

  // Opens a non-blocking socket in the calling thread's namespace.
  [[nodiscard]] static absl::StatusOr<LinkEventSocket> Open();

  [[nodiscard]] int fd() const;

  // Whether other namespaces are heard. This takes CAP_NET_BROADCAST when the socket is opened.
  [[nodiscard]] bool hears_all() const { return hears_all_; }

  // Hands over all waiting announcements. Returns false if the kernel had to drop some (ENOBUFS).
  [[nodiscard]] bool Receive(const Handler& handler) const;

 private:
  LinkEventSocket(NlSocket socket, bool hears_all)
      : socket_(std::move(socket)), hears_all_(hears_all) {}

  NlSocket socket_;
  bool hears_all_;
};

}  // namespace tapswitch
