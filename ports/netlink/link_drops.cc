#include "ports/netlink/link_drops.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <cstring>

#include "ports/netlink/route_socket.h"

namespace tapswitch {

std::optional<uint64_t> ReadTxDropped(int ifindex) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return std::nullopt;
  std::optional<uint64_t> dropped;
  const absl::Status asked =
      socket->Transact(NewLinkQuestion(0, ifindex), [&dropped](nlmsghdr& reply) {
        const nlattr* const found = nlmsg_find_attr(&reply, sizeof(ifinfomsg), IFLA_STATS64);
        if (found == nullptr) return;
        rtnl_link_stats64 statistics{};
        nla_memcpy(&statistics, found, sizeof(statistics));
        dropped = statistics.tx_dropped;
      });
  return asked.ok() ? dropped : std::nullopt;
}

}  // namespace tapswitch
