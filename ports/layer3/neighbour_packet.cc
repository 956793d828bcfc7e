#include "ports/layer3/neighbour_packet.h"

#include <algorithm>

#include "switch/forwarding/fdb/group_address.h"
#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"
#include "switch/protocol/neighbours/neighbour_wire.h"

namespace tapswitch {
namespace {

using Bytes = std::span<const std::byte>;
using FrameBytes = std::vector<std::byte>;

constexpr uint8_t kFirstNdType = 133;  // router solicitation
constexpr uint8_t kLastNdType = 137;   // redirect
constexpr size_t kMessageSize = NdWire::kOptions + NdWire::kOptionUnit;

IpAddress V4At(const std::byte* at) { return IpAddress::FromV4(LoadBe32(at)); }
IpAddress V6At(Bytes bytes, size_t at) {
  return IpAddress::FromV6(bytes.subspan(at).first<IpAddress::kV6Size>());
}

// ---- Reading

void ReadArp(Bytes arp, MacAddress source, NeighbourPacket& packet) {
  if (arp.size() < ArpWire::kSize || LoadBe48(arp.data()) != ArpWire::kEthernetAndIpv4) return;
  const uint16_t operation = LoadBe16(&arp[ArpWire::kOperation]);
  const IpAddress sender = V4At(&arp[ArpWire::kSenderIp]);
  const IpAddress target = V4At(&arp[ArpWire::kTargetIp]);
  if (LoadBe48(&arp[ArpWire::kSenderMac]) != source.number()) return;
  if (operation != ArpWire::kRequest && operation != ArpWire::kReply) return;
  if (sender.is_station()) packet.claim = AddressClaim{.address = sender};
  const bool asks = operation == ArpWire::kRequest && target.is_station() && target != sender;
  if (asks && (sender.is_station() || sender.is_unspecified())) {
    packet.question = {.target = target, .asker = sender};
  }
}

bool IsIntact(Bytes packet, Bytes message) {
  ChecksumSum sum = SumOfPseudoHeader(V6At(packet, ipv6::kAddresses),
                                      V6At(packet, ipv6::kAddresses + ipv6::kAddressSize),
                                      message.size(), kProtocolIcmpv6);
  sum.Add(message);
  return sum.Checksum() == 0;
}

// Whether the options can be told apart, and no link-layer address among them is another's.
bool AreOptionsOf(Bytes options, MacAddress source) {
  while (!options.empty()) {
    const size_t size = options.size() < 2 ? 0 : LoadByte(&options[1]) * NdWire::kOptionUnit;
    if (size == 0 || size > options.size()) return false;
    const uint8_t type = LoadByte(options.data());
    const bool is_address = type == NdWire::kSourceAddress || type == NdWire::kTargetAddress;
    if (is_address && LoadBe48(&options[2]) != source.number()) return false;
    options = options.subspan(size);
  }
  return true;
}

void ReadMessage(Bytes ip, Bytes message, MacAddress source, NeighbourPacket& packet) {
  const uint8_t type = LoadByte(message.data());
  const IpAddress sender = V6At(ip, ipv6::kAddresses);
  const IpAddress target = V6At(message, NdWire::kTarget);
  const Bytes options = message.subspan(NdWire::kOptions);
  if (!target.is_station() || !AreOptionsOf(options, source)) return;
  if (type == NdWire::kAdvertisement) {
    const uint8_t flags = LoadByte(&message[NdWire::kFlags]);
    packet.claim = AddressClaim{.address = target, .overrides = (flags & NdWire::kOverride) != 0};
    return;
  }
  const bool asks = type == NdWire::kSolicitation && target != sender &&
                    (sender.is_station() || sender.is_unspecified());
  if (!asks) return;
  packet.question = {.target = target, .asker = sender};
  if (sender.is_station() && !options.empty()) packet.claim = AddressClaim{.address = sender};
}

// Messages behind extension headers are none that hosts send (RFC 6980), and are for the station.
void ReadIpv6(Bytes ip, MacAddress source, NeighbourPacket& packet) {
  if (ip.size() < ipv6::kHeaderSize + 1 || LoadByte(ip.data()) >> 4U != 6) return;
  if (LoadByte(&ip[ipv6::kNextHeader]) != kProtocolIcmpv6) return;
  const uint8_t type = LoadByte(&ip[ipv6::kHeaderSize]);
  if (type < kFirstNdType || type > kLastNdType) return;
  packet.is_neighbour_packet = true;
  const size_t length = LoadBe16(&ip[ipv6::kPayloadLength]);
  const bool is_on_link = LoadByte(&ip[ipv6::kHopLimit]) == NdWire::kOnLink;
  if (!is_on_link || length < NdWire::kOptions || length > ip.size() - ipv6::kHeaderSize) return;
  const Bytes message = ip.subspan(ipv6::kHeaderSize, length);
  if (LoadByte(&message[1]) != 0 || !IsIntact(ip, message)) return;
  ReadMessage(ip, message, source, packet);
}

// ---- Writing

// The contents of a question or an answer, of either family.
struct Saying {
  MacAddress to{};
  IpAddress to_address;  // the IP destination, and the target of ARP
  MacAddress to_mac{};   // the target of ARP; zero in a question
  IpAddress target;      // of neighbour discovery
  bool is_question = false;
  uint8_t flags = 0;  // of an advertisement
};

std::byte* Append(FrameBytes& frame, size_t size) {
  frame.resize(frame.size() + size);
  return frame.data() + frame.size() - size;
}

void AppendHeader(FrameBytes& frame, const StationIdentity& own, MacAddress to, EtherType type) {
  std::byte* const header = Append(frame, kEthernetHeaderSize);
  StoreBe48(header, to.number());
  StoreBe48(header + kMacAddressSize, own.mac.number());
  StoreBe16(header + kTypeOffset, static_cast<uint16_t>(type));
}

FrameBytes MakeArp(const StationIdentity& own, const Saying& saying) {
  FrameBytes frame;
  frame.reserve(kEthernetHeaderSize + ArpWire::kSize);
  AppendHeader(frame, own, saying.to, EtherType::kArp);
  std::byte* const arp = Append(frame, ArpWire::kSize);
  StoreBe48(arp, ArpWire::kEthernetAndIpv4);
  StoreBe16(arp + ArpWire::kOperation, saying.is_question ? ArpWire::kRequest : ArpWire::kReply);
  StoreBe48(arp + ArpWire::kSenderMac, own.mac.number());
  StoreBe32(arp + ArpWire::kSenderIp, own.address.v4());
  StoreBe48(arp + ArpWire::kTargetMac, saying.to_mac.number());
  StoreBe32(arp + ArpWire::kTargetIp, saying.to_address.v4());
  return frame;
}

FrameBytes MakeNd(const StationIdentity& own, const Saying& saying) {
  constexpr uint32_t kVersion6 = 6U << 28U;
  FrameBytes frame;
  frame.reserve(kEthernetHeaderSize + ipv6::kHeaderSize + kMessageSize);
  AppendHeader(frame, own, saying.to, EtherType::kIpv6);
  std::byte* const ip = Append(frame, ipv6::kHeaderSize);
  StoreBe32(ip, kVersion6);
  StoreBe16(ip + ipv6::kPayloadLength, kMessageSize);
  ip[ipv6::kNextHeader] = std::byte{kProtocolIcmpv6};
  ip[ipv6::kHopLimit] = std::byte{NdWire::kOnLink};
  std::ranges::copy(own.address.bytes(), ip + ipv6::kAddresses);
  std::ranges::copy(saying.to_address.bytes(), ip + ipv6::kAddresses + ipv6::kAddressSize);
  std::byte* const message = Append(frame, kMessageSize);
  message[0] = std::byte{saying.is_question ? NdWire::kSolicitation : NdWire::kAdvertisement};
  message[NdWire::kFlags] = std::byte{saying.flags};
  std::ranges::copy(saying.target.bytes(), message + NdWire::kTarget);
  std::byte* const option = message + NdWire::kOptions;
  option[0] = std::byte{saying.is_question ? NdWire::kSourceAddress : NdWire::kTargetAddress};
  option[1] = std::byte{1};
  StoreBe48(option + 2, own.mac.number());
  ChecksumSum sum =
      SumOfPseudoHeader(own.address, saying.to_address, kMessageSize, kProtocolIcmpv6);
  sum.Add({message, kMessageSize});
  StoreBe16(message + NdWire::kChecksum, sum.Checksum());
  return frame;
}

}  // namespace

NeighbourPacket ReadNeighbourPacket(Bytes frame) {
  NeighbourPacket packet;
  if (frame.size() < kEthernetHeaderSize) return packet;
  const MacAddress source = MacAddress::FromNumber(LoadBe48(&frame[kMacAddressSize]));
  const auto type = static_cast<EtherType>(LoadBe16(&frame[kTypeOffset]));
  const Bytes payload = frame.subspan(kEthernetHeaderSize);
  if (type == EtherType::kArp) {
    packet.is_neighbour_packet = true;
    ReadArp(payload, source, packet);
  } else if (type == EtherType::kIpv6) {
    ReadIpv6(payload, source, packet);
  }
  const bool is_station = !source.is_multicast() && !source.is_zero();
  if (!is_station) return {.is_neighbour_packet = packet.is_neighbour_packet};
  return packet;
}

FrameBytes MakeQuestion(const StationIdentity& own, IpAddress target,
                        std::optional<MacAddress> to) {
  if (target.is_v4()) {
    return MakeArp(
        own, {.to = to.value_or(kBroadcastAddress), .to_address = target, .is_question = true});
  }
  const IpAddress group = SolicitedNodeOf(target);
  return MakeNd(own, {.to = to.value_or(MacOfIpGroup(group)),
                      .to_address = to ? target : group,
                      .target = target,
                      .is_question = true});
}

FrameBytes MakeAnswer(const StationIdentity& own, const AddressQuestion& question,
                      MacAddress asker) {
  if (own.address.is_v4()) {
    return MakeArp(own, {.to = asker, .to_address = question.asker, .to_mac = asker});
  }
  // A station that asks whether the address is free has none, so all are told (RFC 4861, 7.2.4).
  const bool is_probe = question.asker.is_unspecified();
  const uint8_t solicited = is_probe ? uint8_t{0} : NdWire::kSolicited;
  return MakeNd(own, {.to = is_probe ? MacOfIpGroup(kAllNodes) : asker,
                      .to_address = is_probe ? kAllNodes : question.asker,
                      .target = own.address,
                      .flags = static_cast<uint8_t>(solicited | NdWire::kOverride)});
}

FrameBytes MakeAnnouncement(const StationIdentity& own) {
  if (own.address.is_v4()) {
    return MakeArp(own, {.to = kBroadcastAddress, .to_address = own.address, .is_question = true});
  }
  return MakeNd(own, {.to = MacOfIpGroup(kAllNodes),
                      .to_address = kAllNodes,
                      .target = own.address,
                      .flags = NdWire::kOverride});
}

}  // namespace tapswitch
