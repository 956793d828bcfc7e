#include "ports/netlink/linux_bridge_port.h"

#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "ports/netlink/bridge_attributes.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/route_socket.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr uint32_t kForwarding = 3;  // BR_STATE_FORWARDING

NlMessage LinkRequest(int type, unsigned char family, int ifindex) {
  return NewLinkMessage(type, NLM_F_ACK, ifindex, family);
}

absl::Status Send(NlMessage request) {
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  return socket->Transact(std::move(request), [](nlmsghdr& /*reply*/) {});
}

void Put(nl_msg* request, const BridgeAttribute& about, uint32_t value) {
  if (about.size == 1) nla_put_u8(request, about.type, static_cast<uint8_t>(value));
  if (about.size == 2) nla_put_u16(request, about.type, static_cast<uint16_t>(value));
  if (about.size == 4) nla_put_u32(request, about.type, value);
}

absl::Status ChangeVlan(int type, int ifindex, const LinuxBridgeVlan& vlan) {
  NlMessage request = LinkRequest(type, AF_BRIDGE, ifindex);
  nlattr* const nest = nla_nest_start(request.get(), IFLA_AF_SPEC);
  bridge_vlan_info info{};
  info.vid = vlan.vid;
  if (vlan.pvid) info.flags |= BRIDGE_VLAN_INFO_PVID;
  if (vlan.untagged) info.flags |= BRIDGE_VLAN_INFO_UNTAGGED;
  nla_put(request.get(), IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
  nla_nest_end(request.get(), nest);
  return Send(std::move(request));
}

absl::Status RestoreVlans(const LinuxBridgePort& port, uint16_t default_pvid) {
  const bool has_default = std::any_of(port.vlans.begin(), port.vlans.end(),
                                       [&](const auto& one) { return one.vid == default_pvid; });
  if (default_pvid != 0 && !has_default) {
    absl::Status left = ChangeVlan(RTM_DELLINK, port.ifindex, {.vid = default_pvid});
    if (!left.ok() && !absl::IsNotFound(left)) return left;
  }
  for (const LinuxBridgeVlan& vlan : port.vlans) {
    if (absl::Status added = ChangeVlan(RTM_SETLINK, port.ifindex, vlan); !added.ok()) return added;
  }
  return absl::OkStatus();
}

LinuxBridgeSettings Restored(const LinuxBridgeSettings& all) {
  LinuxBridgeSettings some;
  for (const BridgeAttribute& about : kBridgePortAttributes) {
    const auto found = all.find(about.name);
    if (!about.is_restored || found == all.end()) continue;
    // What another program has to provide may be gone.
    if (about.name == "backup_port" && found->second == 0) continue;
    some.insert(*found);
  }
  return some;
}

}  // namespace

// By one message, of which the kernel takes all or nothing.
absl::Status ChangeBridgePort(int ifindex, const LinuxBridgeSettings& settings) {
  NlMessage request = LinkRequest(RTM_SETLINK, AF_BRIDGE, ifindex);
  nlattr* const nest = nla_nest_start(request.get(), IFLA_PROTINFO | NLA_F_NESTED);
  for (const BridgeAttribute& about : kBridgePortAttributes) {
    const auto found = settings.find(about.name);
    if (found != settings.end()) Put(request.get(), about, found->second);
  }
  nla_nest_end(request.get(), nest);
  return Send(std::move(request));
}

absl::Status SetMaster(int ifindex, int master) {
  NlMessage request = LinkRequest(RTM_SETLINK, AF_UNSPEC, ifindex);
  nla_put_u32(request.get(), IFLA_MASTER, static_cast<uint32_t>(master));
  return Send(std::move(request));
}

absl::Status RestorePort(const LinuxBridgePort& port, uint16_t default_pvid) {
  if (absl::Status set = ChangeBridgePort(port.ifindex, Restored(port.settings)); !set.ok())
    return set;
  if (absl::Status set = RestoreVlans(port, default_pvid); !set.ok()) return set;
  const uint32_t state = SettingOr(port.settings, "state", kForwarding);
  // A port without carrier is disabled by that alone.
  if (!port.carrier || state == kForwarding) return absl::OkStatus();
  return ChangeBridgePort(port.ifindex, {{"state", state}});
}

absl::Status RestoreEntry(const LinuxBridgeEntry& entry, int ifindex) {
  NlMessage request = NewNlMessage(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = ifindex;
  header.ndm_flags = NTF_MASTER;
  if (entry.sticky) header.ndm_flags |= NTF_STICKY;
  if (entry.extern_learn) header.ndm_flags |= NTF_EXT_LEARNED;
  header.ndm_state = entry.state == LinuxEntryState::kPermanent ? NUD_PERMANENT
                     : entry.state == LinuxEntryState::kStatic  ? NUD_NOARP
                                                                : NUD_REACHABLE;
  nlmsg_append(request.get(), &header, sizeof(header), NLMSG_ALIGNTO);
  const auto address = entry.address.bytes();
  nla_put(request.get(), NDA_LLADDR, static_cast<int>(address.size()), address.data());
  if (entry.vlan != 0) nla_put_u16(request.get(), NDA_VLAN, entry.vlan);
  return Send(std::move(request));
}

absl::Status RestoreGroup(const LinuxBridgeGroup& group, int ifindex, int master) {
  constexpr int kSetEntry = 1;  // MDBA_SET_ENTRY
  std::array<unsigned char, sizeof(br_mdb_entry)> bytes{};
  if (group.entry.size() != 2 * bytes.size()) return absl::InvalidArgumentError("no group");
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char* const digits = group.entry.data() + 2 * i;
    const auto read = std::from_chars(digits, digits + 2, bytes[i], 16);
    if (read.ptr != digits + 2) return absl::InvalidArgumentError("no group");
  }
  br_mdb_entry entry{};
  std::memcpy(&entry, bytes.data(), bytes.size());
  entry.ifindex = static_cast<uint32_t>(ifindex);
  entry.flags = 0;
  NlMessage request = NewNlMessage(RTM_NEWMDB, NLM_F_ACK | NLM_F_CREATE);
  br_port_msg header{.family = AF_BRIDGE, .ifindex = static_cast<uint32_t>(master)};
  nlmsg_append(request.get(), &header, sizeof(header), NLMSG_ALIGNTO);
  nla_put(request.get(), kSetEntry, sizeof(entry), &entry);
  return Send(std::move(request));
}

absl::Status StopFlooding(int ifindex) {
  return ChangeBridgePort(ifindex, {{"flood", 0}, {"mcast_flood", 0}, {"bcast_flood", 0}});
}

absl::Status PrepareUplink(int ifindex, MacAddress address) {
  const auto here = NetworkNamespace::Current();
  if (!here.ok()) return here.status();
  StopIpv6Addresses(*here, ifindex);
  NlMessage request = LinkRequest(RTM_SETLINK, AF_UNSPEC, ifindex);
  const auto bytes = address.bytes();
  nla_put(request.get(), IFLA_ADDRESS, static_cast<int>(bytes.size()), bytes.data());
  return Send(std::move(request));
}

}  // namespace tapswitch
