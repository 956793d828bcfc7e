#include "ports/netlink/route_socket.h"

#include <linux/rtnetlink.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <cerrno>
#include <new>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The state that the callbacks of one receive share.
struct Exchange {
  const std::function<void(nlmsghdr&)>* on_reply = nullptr;
  int error = 0;  // errno of the kernel's refusal
};

int OnValid(nl_msg* message, void* exchange) {
  (*static_cast<Exchange*>(exchange)->on_reply)(*nlmsg_hdr(message));
  return NL_OK;
}

int OnError(sockaddr_nl* /*from*/, nlmsgerr* error, void* exchange) {
  static_cast<Exchange*>(exchange)->error = -error->error;
  return NL_STOP;
}

}  // namespace

void NlMessageDeleter::operator()(nl_msg* message) const { nlmsg_free(message); }
void NlSocketDeleter::operator()(nl_sock* socket) const { nl_socket_free(socket); }

NlMessage NewNlMessage(int type, int flags) {
  NlMessage message(nlmsg_alloc_simple(type, flags));
  if (!message) throw std::bad_alloc();
  return message;
}

NlMessage NewLinkMessage(int type, int flags, int ifindex, unsigned char family) {
  NlMessage message = NewNlMessage(type, flags);
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_index = ifindex;
  if (nlmsg_append(message.get(), &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
    throw std::bad_alloc();
  }
  return message;
}

NlMessage NewLinkQuestion(int flags, int ifindex) {
  return NewLinkMessage(RTM_GETLINK, flags, ifindex);
}

absl::StatusOr<RouteSocket> RouteSocket::Open() {
  NlSocket socket(nl_socket_alloc());
  if (!socket) throw std::bad_alloc();
  if (const int error = nl_connect(socket.get(), NETLINK_ROUTE); error < 0) {
    return absl::UnavailableError(fmt::format("rtnetlink: {}", nl_geterror(error)));
  }
  // With it libnl would ask for an acknowledgement behind each answer, and leave it unread.
  nl_socket_disable_auto_ack(socket.get());
  return RouteSocket(std::move(socket));
}

absl::Status RouteSocket::Transact(NlMessage request,
                                   const std::function<void(nlmsghdr&)>& on_reply) {
  if (const int error = nl_send_auto(socket_.get(), request.get()); error < 0) {
    return absl::UnavailableError(fmt::format("rtnetlink: {}", nl_geterror(error)));
  }
  Exchange exchange{.on_reply = &on_reply};
  const std::unique_ptr<nl_cb, decltype(&nl_cb_put)> callbacks(nl_cb_alloc(NL_CB_DEFAULT),
                                                               nl_cb_put);
  if (!callbacks) throw std::bad_alloc();
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, OnValid, &exchange);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, OnError, &exchange);
  const int result = nl_recvmsgs(socket_.get(), callbacks.get());
  if (exchange.error != 0) return absl::ErrnoToStatus(exchange.error, "rtnetlink");
  if (result < 0) return absl::UnavailableError(fmt::format("rtnetlink: {}", nl_geterror(result)));
  return absl::OkStatus();
}

}  // namespace tapswitch
