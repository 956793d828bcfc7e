#include "ports/netlink/link_settings.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>

#include <memory>
#include <new>
#include <utility>

#include "ports/netlink/route_socket.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using Link = std::unique_ptr<rtnl_link, decltype(&rtnl_link_put)>;

Link NewLink() {
  Link link(rtnl_link_alloc(), rtnl_link_put);
  if (!link) throw std::bad_alloc();
  return link;
}

absl::StatusOr<RouteSocket> OpenIn(const NetworkNamespace& netns) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  return RouteSocket::Open();
}

void SetAddress(rtnl_link* link, MacAddress address) {
  const auto bytes = address.bytes();
  const std::unique_ptr<nl_addr, decltype(&nl_addr_put)> value(
      nl_addr_build(AF_LLC, bytes.data(), bytes.size()), nl_addr_put);
  if (!value) throw std::bad_alloc();
  rtnl_link_set_addr(link, value.get());
}

Link Describe(const LinkChange& change) {
  Link link = NewLink();
  if (change.address) SetAddress(link.get(), *change.address);
  if (change.mtu) rtnl_link_set_mtu(link.get(), *change.mtu);
  if (change.txqueuelen) rtnl_link_set_txqlen(link.get(), *change.txqueuelen);
  if (change.name) rtnl_link_set_name(link.get(), change.name->c_str());
  if (change.netns != nullptr) rtnl_link_set_ns_fd(link.get(), change.netns->fd());
  if (change.up && *change.up) rtnl_link_set_flags(link.get(), IFF_UP);
  if (change.up && !*change.up) rtnl_link_unset_flags(link.get(), IFF_UP);
  return link;
}

}  // namespace

absl::StatusOr<std::optional<LinkState>> FindLink(const NetworkNamespace& netns,
                                                  std::string_view name) {
  auto socket = OpenIn(netns);
  if (!socket.ok()) return socket.status();
  NlMessage request = NewLinkQuestion(0);
  nla_put_string(request.get(), IFLA_IFNAME, std::string(name).c_str());
  std::optional<LinkState> found;
  const absl::Status asked = socket->Transact(
      std::move(request), [&](nlmsghdr& reply) { found = ParseLinkMessage(reply); });
  if (!asked.ok() && !absl::IsNotFound(asked)) return asked;
  return found;
}

absl::StatusOr<std::vector<LinkState>> ListLinks(const NetworkNamespace& netns) {
  // An answer that the kernel interrupted, as interfaces changed under way, is asked for again.
  constexpr int kAttempts = 10;
  absl::Status asked;
  for (int i = 0; i < kAttempts; ++i) {
    auto socket = OpenIn(netns);
    if (!socket.ok()) return socket.status();
    std::vector<LinkState> links;
    asked = socket->Transact(NewLinkQuestion(NLM_F_DUMP), [&](nlmsghdr& reply) {
      if (auto link = ParseLinkMessage(reply)) links.push_back(*std::move(link));
    });
    if (asked.ok()) return links;
    if (!absl::IsUnavailable(asked)) break;
  }
  return asked;
}

absl::Status ChangeLink(const NetworkNamespace& netns, int ifindex, const LinkChange& change) {
  auto socket = OpenIn(netns);
  if (!socket.ok()) return socket.status();
  const Link present = NewLink();
  rtnl_link_set_ifindex(present.get(), ifindex);
  nl_msg* request = nullptr;
  const int error =
      rtnl_link_build_change_request(present.get(), Describe(change).get(), NLM_F_ACK, &request);
  if (error < 0) return absl::InternalError(nl_geterror(error));
  return socket->Transact(NlMessage(request), [](nlmsghdr& /*reply*/) {});
}

absl::Status AddVethPair(const NetworkNamespace& home, const NetworkNamespace& away,
                         std::string_view name) {
  auto socket = OpenIn(home);
  if (!socket.ok()) return socket.status();
  const std::string text(name);
  NlMessage request = NewLinkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  nla_put_string(request.get(), IFLA_IFNAME, text.c_str());
  nlattr* const info = nla_nest_start(request.get(), IFLA_LINKINFO);
  nla_put_string(request.get(), IFLA_INFO_KIND, "veth");
  nlattr* const data = nla_nest_start(request.get(), IFLA_INFO_DATA);
  nlattr* const peer = nla_nest_start(request.get(), VETH_INFO_PEER);
  ifinfomsg header{};
  nlmsg_append(request.get(), &header, sizeof(header), NLMSG_ALIGNTO);
  nla_put_string(request.get(), IFLA_IFNAME, text.c_str());
  nla_put_u32(request.get(), IFLA_NET_NS_FD, static_cast<uint32_t>(away.fd()));
  nla_nest_end(request.get(), peer);
  nla_nest_end(request.get(), data);
  nla_nest_end(request.get(), info);
  return socket->Transact(std::move(request), [](nlmsghdr& /*reply*/) {});
}

void StopIpv6Addresses(const NetworkNamespace& netns, int ifindex) {
  auto socket = OpenIn(netns);
  if (!socket.ok()) return;
  constexpr int kGenerationMode = 8;  // IFLA_INET6_ADDR_GEN_MODE
  constexpr uint8_t kNone = 1;        // IN6_ADDR_GEN_MODE_NONE
  NlMessage request = NewLinkMessage(RTM_SETLINK, NLM_F_ACK, ifindex);
  nlattr* const families = nla_nest_start(request.get(), IFLA_AF_SPEC);
  nlattr* const inet6 = nla_nest_start(request.get(), AF_INET6);
  nla_put_u8(request.get(), kGenerationMode, kNone);
  nla_nest_end(request.get(), inet6);
  nla_nest_end(request.get(), families);
  static_cast<void>(socket->Transact(std::move(request), [](nlmsghdr& /*reply*/) {}));
}

absl::Status SetLinkAlias(int ifindex, const std::string& alias) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  NlMessage request = NewLinkMessage(RTM_SETLINK, NLM_F_ACK, ifindex);
  nla_put(request.get(), IFLA_IFALIAS, static_cast<int>(alias.size()), alias.data());
  return socket->Transact(std::move(request), [](nlmsghdr& /*reply*/) {});
}

absl::Status DeleteLink(const NetworkNamespace& netns, int ifindex) {
  auto socket = OpenIn(netns);
  if (!socket.ok()) return socket.status();
  return socket->Transact(NewLinkMessage(RTM_DELLINK, NLM_F_ACK, ifindex),
                          [](nlmsghdr& /*reply*/) {});
}

absl::Status SendWithoutQueueing(const NetworkNamespace& netns, int ifindex) {
  auto socket = OpenIn(netns);
  if (!socket.ok()) return socket.status();
  NlMessage request = NewNlMessage(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = ifindex;
  header.tcm_parent = TC_H_ROOT;
  nlmsg_append(request.get(), &header, sizeof(header), NLMSG_ALIGNTO);
  nla_put_string(request.get(), TCA_KIND, "noqueue");
  return socket->Transact(std::move(request), [](nlmsghdr& /*reply*/) {});
}

}  // namespace tapswitch
