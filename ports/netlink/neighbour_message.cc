#include "ports/netlink/neighbour_message.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <array>
#include <span>

namespace tapswitch {
namespace {

constexpr uint8_t kSticky = 0x40;  // NTF_STICKY, newer than some headers
constexpr uint16_t kUsable =
    NUD_REACHABLE | NUD_STALE | NUD_NOARP | NUD_PERMANENT | NUD_DELAY | NUD_PROBE;

std::span<const std::byte> BytesOf(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  return {static_cast<const std::byte*>(nla_data(attribute)),
          static_cast<size_t>(nla_len(attribute))};
}

std::optional<IpAddress> IpIn(std::span<const std::byte> bytes) {
  if (bytes.size() == IpAddress::kV4Size) return IpAddress::FromV4(LoadBe32(bytes.data()));
  if (bytes.size() != IpAddress::kV6Size) return std::nullopt;
  return IpAddress::FromV6(bytes.first<IpAddress::kV6Size>());
}

std::optional<KernelNeighbour::Kind> KindOf(const ndmsg& header) {
  if (header.ndm_family == AF_INET || header.ndm_family == AF_INET6) {
    return KernelNeighbour::Kind::kIp;
  }
  if (header.ndm_family != AF_BRIDGE) return std::nullopt;
  const bool is_own = (header.ndm_flags & NTF_SELF) != 0;
  return is_own ? KernelNeighbour::Kind::kTunnel : KernelNeighbour::Kind::kBridge;
}

template <typename Value>
void Put(int type, const Value& value, std::string& bytes) {
  const nlattr header{.nla_len = static_cast<uint16_t>(NLA_HDRLEN + sizeof(value)),
                      .nla_type = static_cast<uint16_t>(type)};
  bytes.append(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  bytes.resize(NLMSG_ALIGN(bytes.size()));
}

bool IsRemoval(NeighbourChange::Kind kind) {
  using enum NeighbourChange::Kind;
  return kind == kRemovePort || kind == kRemoveTunnel || kind == kRemoveIp;
}

ndmsg HeaderOf(const NeighbourChange& change) {
  using enum NeighbourChange::Kind;
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = change.ifindex;
  switch (change.kind) {
    case kSetPort:
      // The kernel makes no entry that is both learned elsewhere and sticky
      // (net/bridge/br_fdb.c, __br_fdb_add). Neither kind ages.
      header.ndm_state = change.sticky ? NUD_NOARP : NUD_REACHABLE;
      header.ndm_flags = NTF_MASTER;
      header.ndm_flags |= change.sticky ? kSticky : uint8_t{NTF_EXT_LEARNED};
      break;
    case kRemovePort:
      header.ndm_flags = NTF_MASTER;
      break;
    case kRemoveTunnel:
      header.ndm_flags = NTF_SELF;
      break;
    case kSetIp:
    case kRemoveIp:
      header.ndm_family = change.ip.is_v4() ? AF_INET : AF_INET6;
      header.ndm_state = change.kind == kSetIp ? NUD_PERMANENT : 0;
      if (change.router) header.ndm_flags = NTF_ROUTER;
      break;
  }
  return header;
}

}  // namespace

std::optional<KernelNeighbour> ParseNeighbour(nlmsghdr& message) {
  const bool is_one = message.nlmsg_type == RTM_NEWNEIGH || message.nlmsg_type == RTM_DELNEIGH;
  if (!is_one || message.nlmsg_len < NLMSG_LENGTH(sizeof(ndmsg))) return std::nullopt;
  const auto* const header = static_cast<const ndmsg*>(nlmsg_data(&message));
  const auto kind = KindOf(*header);
  if (!kind) return std::nullopt;
  const auto find = [&](int type) {
    return BytesOf(nlmsg_find_attr(&message, sizeof(ndmsg), type));
  };
  const auto mac = find(NDA_LLADDR);
  // A neighbour that is not known any more has no address.
  if (mac.size() != kMacAddressSize && *kind != KernelNeighbour::Kind::kIp) return std::nullopt;
  KernelNeighbour neighbour{.kind = *kind,
                            .removed = message.nlmsg_type == RTM_DELNEIGH,
                            .ifindex = header->ndm_ifindex,
                            .ip = IpIn(find(NDA_DST)),
                            .permanent = (header->ndm_state & NUD_PERMANENT) != 0,
                            .reachable = (header->ndm_state & kUsable) != 0,
                            .sticky = (header->ndm_flags & kSticky) != 0,
                            .extern_learn = (header->ndm_flags & NTF_EXT_LEARNED) != 0,
                            .router = (header->ndm_flags & NTF_ROUTER) != 0};
  if (mac.size() == kMacAddressSize) {
    neighbour.mac = MacAddress::FromBytes(mac.first<kMacAddressSize>());
  }
  if (const auto master = find(NDA_MASTER); master.size() == sizeof(uint32_t)) {
    neighbour.master =
        static_cast<int>(nla_get_u32(nlmsg_find_attr(&message, sizeof(ndmsg), NDA_MASTER)));
  }
  if (const auto vlan = find(NDA_VLAN); vlan.size() == sizeof(uint16_t)) {
    neighbour.vlan = nla_get_u16(nlmsg_find_attr(&message, sizeof(ndmsg), NDA_VLAN));
  }
  return neighbour;
}

void AppendRequest(const NeighbourChange& change, uint32_t sequence, std::string& bytes) {
  const size_t start = bytes.size();
  const bool removes = IsRemoval(change.kind);
  nlmsghdr header{};
  header.nlmsg_type = removes ? RTM_DELNEIGH : RTM_NEWNEIGH;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  if (!removes) header.nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
  header.nlmsg_seq = sequence;
  const ndmsg entry = HeaderOf(change);
  bytes.append(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
  const bool is_ip = entry.ndm_family != AF_BRIDGE;
  if (is_ip && change.ip.is_v4()) {
    std::array<std::byte, IpAddress::kV4Size> ip{};
    StoreBe32(ip.data(), change.ip.v4());
    Put(NDA_DST, ip, bytes);
  } else if (is_ip) {
    Put(NDA_DST, change.ip.bytes(), bytes);
  }
  if (!is_ip || !removes) Put(NDA_LLADDR, change.mac.bytes(), bytes);
  header.nlmsg_len = static_cast<uint32_t>(bytes.size() - start);
  bytes.replace(start, sizeof(header), reinterpret_cast<const char*>(&header), sizeof(header));
}

}  // namespace tapswitch
