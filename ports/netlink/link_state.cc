#include "ports/netlink/link_state.h"

#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <array>
#include <span>
#include <string_view>

namespace tapswitch {
namespace {

// IFF_LOWER_UP is missing in net/if.h; linux/if.h has it, but cannot be included beside it.
constexpr unsigned kLowerUp = 1U << 16U;

// Attributes by type; null where there is none.
template <size_t kMost>
using Attributes = std::array<nlattr*, kMost + 1>;

template <size_t kMost>
Attributes<kMost> ParseNested(nlattr* container) {
  Attributes<kMost> attributes{};
  if (container != nullptr) nla_parse_nested(attributes.data(), kMost, container, nullptr);
  return attributes;
}

uint32_t NumberOrZero(const nlattr* attribute) {
  return attribute != nullptr ? nla_get_u32(attribute) : 0;
}

bool IsSet(const nlattr* attribute) { return attribute != nullptr && nla_get_u8(attribute) != 0; }

std::string TextOrEmpty(const nlattr* attribute) {
  return attribute != nullptr ? nla_get_string(attribute) : std::string();
}

MacAddress AddressOrZero(nlattr* attribute) {
  if (attribute == nullptr || nla_len(attribute) != kMacAddressSize) return {};
  return MacAddress::FromBytes(std::span<const std::byte, kMacAddressSize>(
      static_cast<const std::byte*>(nla_data(attribute)), kMacAddressSize));
}

bool IsQueueing(std::string_view discipline) {
  // noop: of an interface that is down.
  return !discipline.empty() && discipline != "noqueue" && discipline != "noop";
}

TunState ParseTunState(nlattr* data) {
  const auto attributes = ParseNested<IFLA_TUN_MAX>(data);
  const nlattr* const type = attributes[IFLA_TUN_TYPE];
  return {.is_tap = type != nullptr && nla_get_u8(type) == IFF_TAP,
          .multi_queue = IsSet(attributes[IFLA_TUN_MULTI_QUEUE]),
          .persistent = IsSet(attributes[IFLA_TUN_PERSIST]),
          .queues = NumberOrZero(attributes[IFLA_TUN_NUM_QUEUES]) +
                    NumberOrZero(attributes[IFLA_TUN_NUM_DISABLED_QUEUES])};
}

}  // namespace

std::optional<LinkState> ParseLinkMessage(nlmsghdr& message) {
  const bool is_link = message.nlmsg_type == RTM_NEWLINK || message.nlmsg_type == RTM_DELLINK;
  if (!is_link || message.nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return std::nullopt;
  const auto* const header = static_cast<const ifinfomsg*>(nlmsg_data(&message));
  if (header->ifi_family != AF_UNSPEC) return std::nullopt;

  Attributes<IFLA_MAX> attributes{};
  if (nlmsg_parse(&message, sizeof(ifinfomsg), attributes.data(), IFLA_MAX, nullptr) < 0) {
    return std::nullopt;
  }
  const auto info = ParseNested<IFLA_INFO_MAX>(attributes[IFLA_LINKINFO]);
  LinkState state{
      .ifindex = header->ifi_index,
      .name = TextOrEmpty(attributes[IFLA_IFNAME]),
      .kind = TextOrEmpty(info[IFLA_INFO_KIND]),
      .up = (header->ifi_flags & IFF_UP) != 0,
      .carrier = (header->ifi_flags & kLowerUp) != 0,
      .is_ethernet = header->ifi_type == ARPHRD_ETHER,
      .is_layer3 = header->ifi_type == ARPHRD_NONE || header->ifi_type == ARPHRD_RAWIP,
      .master = static_cast<int>(NumberOrZero(attributes[IFLA_MASTER])),
      .address = AddressOrZero(attributes[IFLA_ADDRESS]),
      .mtu = NumberOrZero(attributes[IFLA_MTU]),
      .txqueuelen = NumberOrZero(attributes[IFLA_TXQLEN]),
      .peer_ifindex = static_cast<int>(NumberOrZero(attributes[IFLA_LINK])),
      .has_qdisc = IsQueueing(TextOrEmpty(attributes[IFLA_QDISC])),
      .has_xdp = IsSet(ParseNested<IFLA_XDP_MAX>(attributes[IFLA_XDP])[IFLA_XDP_ATTACHED]),
      .tun = {},
      .alias = TextOrEmpty(attributes[IFLA_IFALIAS])};
  if (state.kind == "tun") state.tun = ParseTunState(info[IFLA_INFO_DATA]);
  return state;
}

}  // namespace tapswitch
