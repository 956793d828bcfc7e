#include "ports/netlink/vxlan_link.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <span>
#include <utility>

#include "ports/netlink/bridge_attributes.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/netlink_dump.h"
#include "ports/netlink/random_address.h"
#include "ports/netlink/route_socket.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr std::string_view kBridgePrefix = "evbr";

absl::Status Request(NlMessage request) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  return socket->Transact(std::move(request), [](nlmsghdr& /*reply*/) {});
}

nlattr* FindWithin(nlattr* container, int type) {
  if (container == nullptr) return nullptr;
  return nla_find(static_cast<nlattr*>(nla_data(container)), nla_len(container), type);
}

std::optional<IpAddress> LocalIn(nlattr* data) {
  const nlattr* const v4 = FindWithin(data, IFLA_VXLAN_LOCAL);
  if (v4 != nullptr && nla_len(v4) == IpAddress::kV4Size) {
    return IpAddress::FromV4(LoadBe32(static_cast<const std::byte*>(nla_data(v4))));
  }
  const nlattr* const v6 = FindWithin(data, IFLA_VXLAN_LOCAL6);
  if (v6 == nullptr || nla_len(v6) != IpAddress::kV6Size) return std::nullopt;
  return IpAddress::FromV6(std::span<const std::byte, IpAddress::kV6Size>(
      static_cast<const std::byte*>(nla_data(v6)), IpAddress::kV6Size));
}

VxlanLink VxlanOf(LinkState link, nlattr* data) {
  const nlattr* const id = FindWithin(data, IFLA_VXLAN_ID);
  const nlattr* const learning = FindWithin(data, IFLA_VXLAN_LEARNING);
  const nlattr* const port = FindWithin(data, IFLA_VXLAN_PORT);
  return {.link = std::move(link),
          .vni = id != nullptr && nla_len(id) == sizeof(uint32_t) ? nla_get_u32(id) : 0,
          .local = LocalIn(data),
          .has_group = FindWithin(data, IFLA_VXLAN_GROUP) != nullptr ||
                       FindWithin(data, IFLA_VXLAN_GROUP6) != nullptr,
          .learning = learning != nullptr && nla_get_u8(learning) != 0,
          .port = port != nullptr && nla_len(port) == sizeof(uint16_t) ? ntohs(nla_get_u16(port))
                                                                       : uint16_t{0}};
}

void StopOwnAddresses(int ifindex) {
  const auto here = NetworkNamespace::Current();
  if (here.ok()) StopIpv6Addresses(*here, ifindex);
}

absl::StatusOr<int> IndexOf(const std::string& name) {
  const unsigned int ifindex = if_nametoindex(name.c_str());
  if (ifindex != 0) return static_cast<int>(ifindex);
  return absl::NotFoundError(fmt::format("interface '{}' has gone", name));
}

nlattr* BeginKind(nl_msg* request, const char* kind) {
  nlattr* const info = nla_nest_start(request, IFLA_LINKINFO);
  nla_put_string(request, IFLA_INFO_KIND, kind);
  return info;
}

}  // namespace

absl::StatusOr<std::optional<VxlanLink>> FindVxlan(std::string_view name) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  NlMessage request = NewLinkQuestion(0);
  nla_put_string(request.get(), IFLA_IFNAME, std::string(name).c_str());
  std::optional<VxlanLink> found;
  const absl::Status asked = socket->Transact(std::move(request), [&](nlmsghdr& reply) {
    auto link = ParseLinkMessage(reply);
    if (!link) return;
    nlattr* const info = nlmsg_find_attr(&reply, sizeof(ifinfomsg), IFLA_LINKINFO);
    found = VxlanOf(*std::move(link), FindWithin(info, IFLA_INFO_DATA));
  });
  if (!asked.ok() && !absl::IsNotFound(asked)) return asked;
  if (found && found->link.kind != "vxlan") {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no vxlan device, but {}: name another one", name,
                    found->link.kind.empty() ? "a plain interface" : "a " + found->link.kind));
  }
  return found;
}

absl::Status AddVxlan(const NewVxlan& wanted) {
  NlMessage request = NewLinkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  nla_put_string(request.get(), IFLA_IFNAME, wanted.name.c_str());
  nlattr* const info = BeginKind(request.get(), "vxlan");
  nlattr* const data = nla_nest_start(request.get(), IFLA_INFO_DATA);
  nla_put_u32(request.get(), IFLA_VXLAN_ID, wanted.vni);
  nla_put_u32(request.get(), IFLA_VXLAN_LOCAL, htonl(wanted.local.v4()));
  nla_put_u16(request.get(), IFLA_VXLAN_PORT, htons(wanted.port));
  nla_put_u8(request.get(), IFLA_VXLAN_LEARNING, 0);
  nla_nest_end(request.get(), data);
  nla_nest_end(request.get(), info);
  if (absl::Status made = Request(std::move(request)); !made.ok()) return made;
  const auto ifindex = IndexOf(wanted.name);
  if (!ifindex.ok()) return ifindex.status();
  StopOwnAddresses(*ifindex);
  return SetLinkAlias(*ifindex, wanted.alias);
}

absl::Status StopVxlanLearning(int ifindex) {
  NlMessage request = NewLinkMessage(RTM_NEWLINK, NLM_F_ACK, ifindex);
  nlattr* const info = BeginKind(request.get(), "vxlan");
  nlattr* const data = nla_nest_start(request.get(), IFLA_INFO_DATA);
  nla_put_u8(request.get(), IFLA_VXLAN_LEARNING, 0);
  nla_nest_end(request.get(), data);
  nla_nest_end(request.get(), info);
  return Request(std::move(request));
}

std::string ShadowBridgeName(uint32_t vni) { return fmt::format("{}{}", kBridgePrefix, vni); }

bool IsShadowBridge(const LinkState& link) {
  if (link.kind != "bridge" || !link.name.starts_with(kBridgePrefix)) return false;
  const auto digits = std::string_view(link.name).substr(kBridgePrefix.size());
  return !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

absl::Status AddShadowBridge(const std::string& name, const std::string& alias) {
  NlMessage request = NewLinkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  nla_put_string(request.get(), IFLA_IFNAME, name.c_str());
  const auto address = RandomAddress().bytes();
  nla_put(request.get(), IFLA_ADDRESS, static_cast<int>(address.size()), address.data());
  nlattr* const info = BeginKind(request.get(), "bridge");
  nlattr* const data = nla_nest_start(request.get(), IFLA_INFO_DATA);
  nla_put_u8(request.get(), IFLA_BR_MCAST_SNOOPING, 0);
  nla_nest_end(request.get(), data);
  nla_nest_end(request.get(), info);
  if (absl::Status made = Request(std::move(request)); !made.ok()) return made;
  const auto ifindex = IndexOf(name);
  if (!ifindex.ok()) return ifindex.status();
  StopOwnAddresses(*ifindex);
  return SetLinkAlias(*ifindex, alias);
}

LinuxBridgeSettings ReadBridgePortSettings(int ifindex) {
  LinuxBridgeSettings settings;
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return settings;
  static_cast<void>(socket->Transact(NewLinkQuestion(0, ifindex), [&](nlmsghdr& reply) {
    nlattr* const info = nlmsg_find_attr(&reply, sizeof(ifinfomsg), IFLA_LINKINFO);
    nlattr* const port = FindWithin(info, IFLA_INFO_SLAVE_DATA);
    for (const BridgeAttribute& about : kBridgePortAttributes) {
      const nlattr* const found = FindWithin(port, about.type);
      if (found == nullptr || nla_len(found) != 1 || about.size != 1) continue;
      settings.emplace(about.name, nla_get_u8(found));
    }
  }));
  return settings;
}

std::optional<Underlay> FindUnderlay(IpAddress address) {
  int ifindex = 0;
  NlMessage request = NewNlMessage(RTM_GETADDR, 0);
  ifaddrmsg question{};
  question.ifa_family = AF_INET;
  nlmsg_append(request.get(), &question, sizeof(question), NLMSG_ALIGNTO);
  DumpSome(std::move(request), [&](nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWADDR || message.nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg))) {
      return true;
    }
    const nlattr* const local = nlmsg_find_attr(&message, sizeof(ifaddrmsg), IFA_LOCAL);
    if (local == nullptr || nla_len(local) != IpAddress::kV4Size) return true;
    if (ntohl(nla_get_u32(local)) != address.v4()) return true;
    ifindex = static_cast<int>(static_cast<const ifaddrmsg*>(nlmsg_data(&message))->ifa_index);
    return false;
  });
  if (ifindex == 0) return std::nullopt;
  std::optional<Underlay> underlay;
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return std::nullopt;
  static_cast<void>(socket->Transact(NewLinkQuestion(0, ifindex), [&](nlmsghdr& reply) {
    if (const auto link = ParseLinkMessage(reply)) underlay = Underlay{link->name, link->mtu};
  }));
  return underlay;
}

}  // namespace tapswitch
