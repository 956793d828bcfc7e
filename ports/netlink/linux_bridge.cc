#include "ports/netlink/linux_bridge.h"

#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "ports/netlink/bridge_attributes.h"
#include "ports/netlink/bridge_rules.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/route_socket.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using OnMessage = std::function<void(nlmsghdr&)>;
using Names = std::map<int, std::string>;  // of the bridge and its ports, by index

// A list that changed while the kernel told it is asked for again.
absl::Status Dump(const std::function<NlMessage()>& question, const std::function<void()>& begin,
                  const OnMessage& on_message) {
  constexpr int kAttempts = 10;
  absl::Status asked;
  for (int i = 0; i < kAttempts; ++i) {
    auto socket = RouteSocket::Open();
    if (!socket.ok()) return socket.status();
    begin();
    asked = socket->Transact(question(), on_message);
    if (!absl::IsUnavailable(asked)) return asked;
  }
  return asked;
}

template <typename Header>
NlMessage DumpOf(int type, const Header& header) {
  NlMessage request = NewNlMessage(type, NLM_F_DUMP);
  nlmsg_append(request.get(), const_cast<Header*>(&header), sizeof(header), NLMSG_ALIGNTO);
  return request;
}

uint32_t NumberOf(const nlattr* attribute, const BridgeAttribute& about) {
  if (about.size == 1) return nla_get_u8(attribute);
  if (about.size == 4) return nla_get_u32(attribute);
  const uint16_t number = nla_get_u16(attribute);
  return about.is_big_endian ? ntohs(number) : number;
}

LinuxBridgeSettings SettingsOf(nlattr* container, std::span<const BridgeAttribute> table) {
  LinuxBridgeSettings settings;
  if (container == nullptr) return settings;
  for (const BridgeAttribute& about : table) {
    const nlattr* const found =
        nla_find(static_cast<nlattr*>(nla_data(container)), nla_len(container), about.type);
    if (found == nullptr || nla_len(found) < about.size) continue;
    settings.emplace(about.name, NumberOf(found, about));
  }
  return settings;
}

nlattr* FindIn(nlattr* container, int type) {
  if (container == nullptr) return nullptr;
  return nla_find(static_cast<nlattr*>(nla_data(container)), nla_len(container), type);
}

// The bridge's own settings, and what its ports are.
absl::Status ReadLinks(LinuxBridge& bridge) {
  return Dump([] { return NewLinkQuestion(NLM_F_DUMP); }, [&] { bridge.ports.clear(); },
              [&](nlmsghdr& message) {
                const auto link = ParseLinkMessage(message);
                if (!link) return;
                nlattr* const info = nlmsg_find_attr(&message, sizeof(ifinfomsg), IFLA_LINKINFO);
                if (link->ifindex == bridge.ifindex) {
                  bridge.settings = SettingsOf(FindIn(info, IFLA_INFO_DATA), kBridgeAttributes);
                }
                if (link->master != bridge.ifindex) return;
                bridge.ports.push_back({.name = link->name,
                                        .ifindex = link->ifindex,
                                        .address = link->address,
                                        .carrier = link->carrier,
                                        .settings = SettingsOf(FindIn(info, IFLA_INFO_SLAVE_DATA),
                                                               kBridgePortAttributes),
                                        .vlans = {}});
              });
}

// Calls `visit` for each attribute within `container`, which may be null.
template <typename Visit>
void ForEachIn(nlattr* container, Visit visit) {
  if (container == nullptr) return;
  int left = nla_len(container);
  for (auto* one = static_cast<nlattr*>(nla_data(container)); nla_ok(one, left) != 0;
       one = nla_next(one, &left)) {
    visit(one);
  }
}

std::vector<LinuxBridgeVlan> VlansIn(nlattr* container) {
  std::vector<LinuxBridgeVlan> vlans;
  ForEachIn(container, [&](nlattr* one) {
    const bool is_vlan = nla_type(one) == IFLA_BRIDGE_VLAN_INFO &&
                         nla_len(one) >= static_cast<int>(sizeof(bridge_vlan_info));
    if (!is_vlan) return;
    const auto* const info = static_cast<const bridge_vlan_info*>(nla_data(one));
    vlans.push_back({.vid = info->vid,
                     .pvid = (info->flags & BRIDGE_VLAN_INFO_PVID) != 0,
                     .untagged = (info->flags & BRIDGE_VLAN_INFO_UNTAGGED) != 0});
  });
  return vlans;
}

NlMessage VlanQuestion() {
  constexpr uint32_t kVlansOneByOne = 1U << 1U;  // RTEXT_FILTER_BRVLAN
  NlMessage request = DumpOf(RTM_GETLINK, ifinfomsg{.ifi_family = AF_BRIDGE});
  nla_put_u32(request.get(), IFLA_EXT_MASK, kVlansOneByOne);
  return request;
}

absl::Status ReadVlans(LinuxBridge& bridge) {
  return Dump(
      VlanQuestion, [] {},
      [&](nlmsghdr& message) {
        if (message.nlmsg_type != RTM_NEWLINK) return;
        const int ifindex = static_cast<const ifinfomsg*>(nlmsg_data(&message))->ifi_index;
        auto vlans = VlansIn(nlmsg_find_attr(&message, sizeof(ifinfomsg), IFLA_AF_SPEC));
        if (ifindex == bridge.ifindex) {
          bridge.vlans = std::move(vlans);
          return;
        }
        const auto port = std::find_if(bridge.ports.begin(), bridge.ports.end(),
                                       [&](const auto& one) { return one.ifindex == ifindex; });
        if (port != bridge.ports.end()) port->vlans = std::move(vlans);
      });
}

LinuxEntryState StateOf(const ndmsg& header) {
  if ((header.ndm_state & NUD_PERMANENT) != 0) return LinuxEntryState::kPermanent;
  if ((header.ndm_state & NUD_NOARP) != 0) return LinuxEntryState::kStatic;
  return LinuxEntryState::kLearned;
}

// Addresses that an interface itself takes (`self`) are no entries of the bridge: they name no
// master.
std::optional<LinuxBridgeEntry> ParseEntry(nlmsghdr& message, const LinuxBridge& bridge,
                                           const Names& names) {
  if (message.nlmsg_type != RTM_NEWNEIGH) return std::nullopt;
  const auto* const header = static_cast<const ndmsg*>(nlmsg_data(&message));
  const nlattr* const master = nlmsg_find_attr(&message, sizeof(ndmsg), NDA_MASTER);
  const nlattr* const address = nlmsg_find_attr(&message, sizeof(ndmsg), NDA_LLADDR);
  const auto name = names.find(header->ndm_ifindex);
  const bool is_own = header->ndm_family == AF_BRIDGE && master != nullptr && address != nullptr &&
                      nla_len(address) == kMacAddressSize && name != names.end() &&
                      nla_get_u32(master) == static_cast<uint32_t>(bridge.ifindex);
  if (!is_own) return std::nullopt;
  const nlattr* const vlan = nlmsg_find_attr(&message, sizeof(ndmsg), NDA_VLAN);
  return LinuxBridgeEntry{
      .address = MacAddress::FromBytes(std::span<const std::byte, kMacAddressSize>(
          static_cast<const std::byte*>(nla_data(address)), kMacAddressSize)),
      .port = name->second,
      .vlan = vlan == nullptr ? uint16_t{0} : nla_get_u16(vlan),
      .state = StateOf(*header),
      .sticky = (header->ndm_flags & NTF_STICKY) != 0,
      .extern_learn = (header->ndm_flags & NTF_EXT_LEARNED) != 0};
}

absl::Status ReadEntries(LinuxBridge& bridge) {
  Names names{{bridge.ifindex, bridge.name}};
  for (const LinuxBridgePort& port : bridge.ports) names.emplace(port.ifindex, port.name);
  const auto question = [&] {
    NlMessage request = DumpOf(RTM_GETNEIGH, ndmsg{.ndm_family = AF_BRIDGE});
    nla_put_u32(request.get(), NDA_MASTER, static_cast<uint32_t>(bridge.ifindex));
    return request;
  };
  return Dump(
      question, [&] { bridge.entries.clear(); },
      [&](nlmsghdr& message) {
        if (auto entry = ParseEntry(message, bridge, names)) bridge.entries.push_back(*entry);
      });
}

std::string HexOf(std::span<const unsigned char> bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// Those of one source alone are asked for again by those who want them.
std::optional<LinuxBridgeGroup> ParseGroup(nlattr* info, const Names& names) {
  constexpr int kSource = 4;  // MDBA_MDB_EATTR_SOURCE
  constexpr int kSize = sizeof(br_mdb_entry);
  if (nla_type(info) != MDBA_MDB_ENTRY_INFO || nla_len(info) < kSize) return std::nullopt;
  const auto* const bytes = static_cast<const unsigned char*>(nla_data(info));
  const auto* const entry = static_cast<const br_mdb_entry*>(nla_data(info));
  const auto port = names.find(static_cast<int>(entry->ifindex));
  if (port == names.end()) return std::nullopt;
  auto* const more = reinterpret_cast<nlattr*>(static_cast<char*>(nla_data(info)) + kSize);
  if (nla_find(more, nla_len(info) - kSize, kSource) != nullptr) return std::nullopt;
  return LinuxBridgeGroup{.port = port->second, .entry = HexOf({bytes, size_t{kSize}})};
}

// A bridge that does not snoop has none.
absl::Status ReadGroups(LinuxBridge& bridge) {
  Names names;
  for (const LinuxBridgePort& port : bridge.ports) names.emplace(port.ifindex, port.name);
  const auto question = [] { return DumpOf(RTM_GETMDB, br_port_msg{.family = AF_BRIDGE}); };
  const absl::Status read = Dump(
      question, [&] { bridge.groups.clear(); },
      [&](nlmsghdr& message) {
        const auto* const header = static_cast<const br_port_msg*>(nlmsg_data(&message));
        const bool is_meant = message.nlmsg_type == RTM_NEWMDB || message.nlmsg_type == RTM_GETMDB;
        if (!is_meant || header->ifindex != static_cast<uint32_t>(bridge.ifindex)) return;
        ForEachIn(nlmsg_find_attr(&message, sizeof(*header), MDBA_MDB), [&](nlattr* group) {
          ForEachIn(group, [&](nlattr* info) {
            if (auto parsed = ParseGroup(info, names)) bridge.groups.push_back(*std::move(parsed));
          });
        });
      });
  // Some kernels do not know of groups.
  return absl::IsUnimplemented(read) ? absl::OkStatus() : read;
}

}  // namespace

uint32_t SettingOr(const LinuxBridgeSettings& settings, std::string_view name, uint32_t otherwise) {
  const auto found = settings.find(name);
  return found == settings.end() ? otherwise : found->second;
}

absl::StatusOr<LinuxBridge> ReadLinuxBridge(const NetworkNamespace& netns, std::string_view name) {
  const auto link = FindLink(netns, name);
  if (!link.ok()) return link.status();
  if (!*link) {
    return absl::NotFoundError(fmt::format(
        "there is no interface '{}' in the network namespace of the switch: see ip -d link show "
        "type bridge",
        name));
  }
  if ((*link)->kind != "bridge") {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no bridge{}: see ip -d link show type bridge", name,
                    (*link)->kind.empty() ? "" : ", but a " + (*link)->kind));
  }
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  LinuxBridge bridge{.name = (*link)->name,
                     .ifindex = (*link)->ifindex,
                     .address = (*link)->address,
                     .mtu = (*link)->mtu,
                     .settings = {},
                     .vlans = {},
                     .ports = {},
                     .entries = {}};
  for (const auto read : {ReadLinks, ReadVlans, ReadEntries, ReadGroups}) {
    if (absl::Status done = read(bridge); !done.ok()) return done;
  }
  bridge.rule_tables = ListBridgeRuleTables();
  return bridge;
}

}  // namespace tapswitch
