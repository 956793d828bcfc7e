#include "switch/protocol/neighbours/neighbour_message.h"

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"
#include "switch/protocol/neighbours/neighbour_wire.h"

namespace tapswitch {
namespace {

using Bytes = std::span<const std::byte>;

IpAddress Ipv4At(const std::byte* at) { return IpAddress::FromV4(LoadBe32(at)); }

IpAddress Ipv6At(Bytes bytes, size_t at) {
  return IpAddress::FromV6(bytes.subspan(at).first<IpAddress::kV6Size>());
}

NeighbourMessage ReadArp(const EthernetHeader& header, Bytes arp) {
  if (arp.size() < ArpWire::kSize) return {};
  if (LoadBe48(arp.data()) != ArpWire::kEthernetAndIpv4) return {};
  const uint16_t operation = LoadBe16(arp.data() + ArpWire::kOperation);
  if (operation != ArpWire::kRequest && operation != ArpWire::kReply) return {};
  const IpAddress sender = Ipv4At(arp.data() + ArpWire::kSenderIp);
  const IpAddress target = Ipv4At(arp.data() + ArpWire::kTargetIp);
  const bool speaks_of_itself =
      LoadBe48(arp.data() + ArpWire::kSenderMac) == header.source.number();
  if (!speaks_of_itself || !sender.is_station()) return {};

  NeighbourMessage message{.claim = NeighbourClaim{.address = sender}};
  const bool asks_all = operation == ArpWire::kRequest && header.destination.is_multicast();
  // Who asks for itself tells that it is there.
  if (asks_all && target.is_station() && target != sender) {
    message.question = {.target = target, .asker = sender};
  }
  return message;
}

// An ICMPv6 message of this link.
struct OnLinkIcmp {
  Bytes header;   // of IPv6
  Bytes message;  // without padding
};

bool IsIntact(const OnLinkIcmp& icmp) {
  ChecksumSum sum = SumOfPseudoHeader(Ipv6At(icmp.header, ipv6::kAddresses),
                                      Ipv6At(icmp.header, ipv6::kAddresses + ipv6::kAddressSize),
                                      icmp.message.size(), kProtocolIcmpv6);
  sum.Add(icmp.message);
  return sum.Checksum() == 0;
}

// Messages behind extension headers are none that hosts send, and are not looked at (RFC 6980).
std::optional<OnLinkIcmp> FindOnLinkIcmp(Bytes packet) {
  if (packet.size() < ipv6::kHeaderSize || LoadByte(packet.data()) >> 4U != 6) return std::nullopt;
  if (LoadByte(packet.data() + ipv6::kNextHeader) != kProtocolIcmpv6) return std::nullopt;
  if (LoadByte(packet.data() + ipv6::kHopLimit) != NdWire::kOnLink) return std::nullopt;
  const size_t length = LoadBe16(packet.data() + ipv6::kPayloadLength);
  if (length < NdWire::kRouterOptions || length > packet.size() - ipv6::kHeaderSize) {
    return std::nullopt;
  }
  const OnLinkIcmp icmp{.header = packet.first(ipv6::kHeaderSize),
                        .message = packet.subspan(ipv6::kHeaderSize, length)};
  const uint8_t type = LoadByte(icmp.message.data());
  const bool concerns_us = type >= NdWire::kRouterAdvertisement && type <= NdWire::kAdvertisement;
  if (!concerns_us || LoadByte(icmp.message.data() + 1) != 0 || !IsIntact(icmp)) {
    return std::nullopt;
  }
  return icmp;
}

struct LinkAddressOption {
  bool is_sound = true;  // all options could be told apart
  std::optional<MacAddress> address;
};

LinkAddressOption FindLinkAddress(Bytes options, uint8_t type) {
  LinkAddressOption found;
  while (!options.empty()) {
    const size_t size = options.size() < 2 ? 0 : LoadByte(options.data() + 1) * NdWire::kOptionUnit;
    if (size == 0 || size > options.size()) return {.is_sound = false, .address = {}};
    if (LoadByte(options.data()) == type && size == NdWire::kOptionUnit) {
      found.address = MacAddress::FromBytes(options.subspan<2, kMacAddressSize>());
    }
    options = options.subspan(size);
  }
  return found;
}

NeighbourMessage ReadSolicitation(const EthernetHeader& header, const OnLinkIcmp& icmp) {
  const IpAddress source = Ipv6At(icmp.header, ipv6::kAddresses);
  const IpAddress target = Ipv6At(icmp.message, NdWire::kTarget);
  const auto option =
      FindLinkAddress(icmp.message.subspan(NdWire::kOptions), NdWire::kSourceAddress);
  if (!option.is_sound || !source.is_station() || !target.is_station()) return {};
  if (option.address && *option.address != header.source) return {};
  NeighbourMessage message;
  if (option.address) message.claim = NeighbourClaim{.address = source};
  if (header.destination.is_multicast() && source != target) {
    message.question = {.target = target, .asker = source};
  }
  return message;
}

NeighbourMessage ReadAdvertisement(const EthernetHeader& header, const OnLinkIcmp& icmp) {
  const IpAddress target = Ipv6At(icmp.message, NdWire::kTarget);
  const auto option =
      FindLinkAddress(icmp.message.subspan(NdWire::kOptions), NdWire::kTargetAddress);
  if (!option.is_sound || option.address != header.source || !target.is_station()) return {};
  const uint8_t flags = LoadByte(icmp.message.data() + NdWire::kFlags);
  return {.claim = NeighbourClaim{.address = target,
                                  .is_router = (flags & NdWire::kRouter) != 0,
                                  .overrides = (flags & NdWire::kOverride) != 0}};
}

NeighbourMessage ReadRouterAdvertisement(const EthernetHeader& header, const OnLinkIcmp& icmp) {
  const IpAddress source = Ipv6At(icmp.header, ipv6::kAddresses);
  const auto option =
      FindLinkAddress(icmp.message.subspan(NdWire::kRouterOptions), NdWire::kSourceAddress);
  if (!option.is_sound || option.address != header.source || !source.is_station()) return {};
  return {.claim = NeighbourClaim{.address = source, .is_router = true}};
}

NeighbourMessage ReadNeighbourDiscovery(const EthernetHeader& header, Bytes packet) {
  const auto icmp = FindOnLinkIcmp(packet);
  if (!icmp) return {};
  const uint8_t type = LoadByte(icmp->message.data());
  if (type == NdWire::kRouterAdvertisement) return ReadRouterAdvertisement(header, *icmp);
  if (icmp->message.size() < NdWire::kOptions) return {};
  return type == NdWire::kSolicitation ? ReadSolicitation(header, *icmp)
                                       : ReadAdvertisement(header, *icmp);
}

}  // namespace

NeighbourMessage ReadNeighbourMessage(const EthernetHeader& header, Bytes frame) {
  const Bytes payload = frame.subspan(header.payload_offset);
  switch (static_cast<EtherType>(header.type_or_length)) {
    case EtherType::kArp:
      return ReadArp(header, payload);
    case EtherType::kIpv6:
      return ReadNeighbourDiscovery(header, payload);
    default:
      return {};
  }
}

}  // namespace tapswitch
