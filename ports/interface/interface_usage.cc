#include "ports/interface/interface_usage.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "ports/interface/exclusion/clsact_filter.h"
#include "ports/interface/exclusion/tcx_link.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/netlink_dump.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// So many of a kind are named; of the others their number is told.
constexpr size_t kMostNamed = 4;

using Names = std::vector<std::string>;

std::string Join(const Names& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kMostNamed) text += fmt::format(" and {} more", names.size() - kMostNamed);
  return text;
}

template <typename Header>
NlMessage NewQuestion(int type, const Header& header) {
  NlMessage request = NewNlMessage(type, 0);
  if (nlmsg_append(request.get(), const_cast<Header*>(&header), sizeof(header), NLMSG_ALIGNTO) <
      0) {
    throw std::bad_alloc();
  }
  return request;
}

template <typename Header>
const Header* HeaderOf(nlmsghdr& message) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(Header))) return nullptr;
  return static_cast<const Header*>(nlmsg_data(&message));
}

std::optional<uint32_t> NumberIn(nlmsghdr& message, size_t header, int type) {
  const nlattr* const attribute = nlmsg_find_attr(&message, static_cast<int>(header), type);
  if (attribute == nullptr || nla_len(attribute) < static_cast<int>(sizeof(uint32_t))) {
    return std::nullopt;
  }
  return nla_get_u32(attribute);
}

std::string AddressText(int family, const nlattr* attribute) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  if (attribute == nullptr || nla_len(attribute) < size) return "";
  if (inet_ntop(family, nla_data(attribute), text.data(), text.size()) == nullptr) return "";
  return text.data();
}

Names FindAddresses(int ifindex) {
  Names found;
  ifaddrmsg question{};
  question.ifa_index = static_cast<uint32_t>(ifindex);
  DumpSome(NewQuestion(RTM_GETADDR, question), [&](nlmsghdr& message) {
    const auto* const header = HeaderOf<ifaddrmsg>(message);
    const bool is_one = header != nullptr && message.nlmsg_type == RTM_NEWADDR &&
                        header->ifa_index == static_cast<uint32_t>(ifindex);
    // Every interface that is up has an IPv6 address of its own link.
    if (!is_one || header->ifa_scope == RT_SCOPE_LINK) return true;
    const nlattr* attribute = nlmsg_find_attr(&message, sizeof(*header), IFA_LOCAL);
    if (attribute == nullptr) attribute = nlmsg_find_attr(&message, sizeof(*header), IFA_ADDRESS);
    const std::string text = AddressText(header->ifa_family, attribute);
    if (!text.empty()) found.push_back(fmt::format("{}/{}", text, header->ifa_prefixlen));
    return true;
  });
  return found;
}

// Not those that are there because of an address, nor what the kernel does for all interfaces.
void FindRoutes(int ifindex, unsigned char family, Names& found) {
  rtmsg question{};
  question.rtm_family = family;
  NlMessage request = NewQuestion(RTM_GETROUTE, question);
  nla_put_u32(request.get(), RTA_OIF, static_cast<uint32_t>(ifindex));
  DumpSome(std::move(request), [&](nlmsghdr& message) {
    const auto* const header = HeaderOf<rtmsg>(message);
    const bool is_meant =
        header != nullptr && message.nlmsg_type == RTM_NEWROUTE &&
        header->rtm_type == RTN_UNICAST && header->rtm_protocol != RTPROT_KERNEL &&
        NumberIn(message, sizeof(*header), RTA_OIF) == static_cast<uint32_t>(ifindex);
    if (!is_meant) return true;
    const std::string_view version = family == AF_INET ? "" : "IPv6 ";
    if (header->rtm_dst_len == 0) {
      found.insert(found.begin(), fmt::format("the {}default route", version));
    } else {
      const nlattr* const to = nlmsg_find_attr(&message, sizeof(*header), RTA_DST);
      found.push_back(
          fmt::format("the route to {}/{}", AddressText(family, to), header->rtm_dst_len));
    }
    return true;
  });
}

Names FindRoutes(int ifindex) {
  Names found;
  FindRoutes(ifindex, AF_INET, found);
  FindRoutes(ifindex, AF_INET6, found);
  return found;
}

// VLANs, macvlans, tunnels and the like. Of a pair the other end is told in the same way.
Names FindUppers(int ifindex) {
  Names found;
  DumpSome(NewLinkQuestion(0), [&](nlmsghdr& message) {
    const auto state = ParseLinkMessage(message);
    if (!state || state->ifindex == ifindex) return true;
    const bool is_on_it =
        NumberIn(message, sizeof(ifinfomsg), IFLA_LINK) == static_cast<uint32_t>(ifindex) &&
        !NumberIn(message, sizeof(ifinfomsg), IFLA_LINK_NETNSID);
    if (!is_on_it || state->kind == "veth" || state->kind == "netkit") return true;
    found.push_back(
        fmt::format("{} ({})", state->name, state->kind.empty() ? "a device" : state->kind));
    return true;
  });
  return found;
}

// Filters of tc, without one that a switch has put there.
size_t CountFilters(int ifindex) {
  size_t count = 0;
  tcmsg question{};
  question.tcm_ifindex = ifindex;
  question.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
  DumpSome(NewQuestion(RTM_GETTFILTER, question), [&](nlmsghdr& message) {
    const auto* const header = HeaderOf<tcmsg>(message);
    // A chain is announced with a line of its own, whose handle is 0.
    const bool is_one = header != nullptr && message.nlmsg_type == RTM_NEWTFILTER &&
                        header->tcm_handle != 0 && header->tcm_handle != kClsactFilterHandle;
    count += is_one ? 1 : 0;
    return true;
  });
  return count;
}

bool HasXdp(int ifindex) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return false;
  bool found = false;
  static_cast<void>(socket->Transact(NewLinkQuestion(0, ifindex), [&](nlmsghdr& message) {
    nlattr* const xdp = nlmsg_find_attr(&message, sizeof(ifinfomsg), IFLA_XDP);
    if (xdp == nullptr) return;
    const nlattr* const attached =
        nla_find(static_cast<nlattr*>(nla_data(xdp)), nla_len(xdp), IFLA_XDP_ATTACHED);
    found = attached != nullptr && nla_get_u8(attached) != XDP_ATTACHED_NONE;
  }));
  return found;
}

void DescribeWhatIsCutOff(const LinkState& link, std::vector<std::string>& lines) {
  if (const Names addresses = FindAddresses(link.ifindex); !addresses.empty()) {
    lines.push_back(fmt::format(
        "the host has the address {} on {}, where it receives nothing from here on: move it to a "
        "tap port, or say host=shared",
        Join(addresses), link.name));
  }
  if (const Names routes = FindRoutes(link.ifindex); !routes.empty()) {
    lines.push_back(
        fmt::format("{} of the host leads out by {}, where no answer is received from here on: "
                    "move it to a tap "
                    "port, or say host=shared",
                    Join(routes), link.name));
  }
  if (const Names uppers = FindUppers(link.ifindex); !uppers.empty()) {
    lines.push_back(
        fmt::format("on top of {} there is {}, which receives nothing from here on: remove it, or "
                    "make a port of "
                    "it instead, or say host=shared",
                    link.name, Join(uppers)));
  }
}

void DescribeWhatIsBypassed(const NetworkNamespace& netns, const LinkState& link,
                            std::vector<std::string>& lines) {
  const size_t filters = CountFilters(link.ifindex);
  const size_t programs = CountOtherTcxPrograms(netns, link.ifindex);
  if (filters + programs > 0) {
    lines.push_back(fmt::format(
        "{} of tc at the ingress of {} is bypassed, as the switch receives before it (tc filter "
        "show "
        "dev {} ingress; bpftool net): filter at the other end, or use what the switch has (tapctl "
        "help security)",
        filters + programs == 1 ? "a filter"
                                : fmt::format("each of {} filters", filters + programs),
        link.name, link.name));
  }
  if (HasXdp(link.ifindex)) {
    lines.push_back(fmt::format(
        "an XDP program on {} sees all frames before the switch, and may take some: if that is not "
        "meant, ip link set dev {} xdp off",
        link.name, link.name));
  }
}

}  // namespace

std::vector<std::string> DescribeUse(const NetworkNamespace& netns, const LinkState& link,
                                     bool shared_with_host) {
  std::vector<std::string> lines;
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return lines;
  if (!shared_with_host) DescribeWhatIsCutOff(link, lines);
  DescribeWhatIsBypassed(netns, link, lines);
  return lines;
}

std::string DescribeDevice(const NetworkNamespace& netns, int ifindex) {
  std::string text;
  const auto scope = NetnsScope::Enter(netns);
  auto socket = scope.ok() ? RouteSocket::Open() : scope.status();
  if (socket.ok()) {
    static_cast<void>(socket->Transact(NewLinkQuestion(0, ifindex), [&](nlmsghdr& message) {
      if (const auto link = ParseLinkMessage(message)) {
        text = fmt::format("{} '{}'", link->kind.empty() ? "device" : link->kind, link->name);
      }
    }));
  }
  return text.empty() ? fmt::format("device {}", ifindex) : text;
}

}  // namespace tapswitch
