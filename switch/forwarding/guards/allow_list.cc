#include "switch/forwarding/guards/allow_list.h"

#include <algorithm>
#include <optional>

#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint16_t kReverseArp = 0x8035;

// Headers of one kind that are stepped over. No honest frame has as many.
constexpr size_t kMostHeaders = 8;

struct Packet {
  uint16_t type = 0;
  Bytes bytes;
};

// What stands behind all tags, and behind LLC and SNAP (RFC 1042). Nothing when it cannot be told.
std::optional<Packet> PacketOf(const EthernetHeader& header, Bytes frame) {
  Packet packet{header.type_or_length, frame.subspan(header.payload_offset)};
  for (size_t tags = 0; IsVlanTag(static_cast<EtherType>(packet.type)); ++tags) {
    if (tags == kMostHeaders || packet.bytes.size() < kVlanTagSize) return std::nullopt;
    packet.type = LoadBe16(packet.bytes.data() + sizeof(uint16_t));
    packet.bytes = packet.bytes.subspan(kVlanTagSize);
  }
  constexpr uint16_t kMostLength = 1500;
  constexpr uint64_t kSnap = 0xAAAA03000000;
  constexpr size_t kSnapSize = 8;
  const bool is_snap = packet.type <= kMostLength && packet.bytes.size() >= kSnapSize &&
                       LoadBe48(packet.bytes.data()) == kSnap;
  if (!is_snap) return packet;
  packet.type = LoadBe16(packet.bytes.data() + kSnapSize - sizeof(uint16_t));
  packet.bytes = packet.bytes.subspan(kSnapSize);
  return packet;
}

Ipv6Number LoadIpv6(const std::byte* at) {
  const auto half = [at](size_t offset) {
    return (uint64_t{LoadBe32(at + offset)} << 32U) | LoadBe32(at + offset + 4);
  };
  return {half(0), half(8)};
}

Ipv6Number LinkLocalOf(MacAddress address) {
  constexpr uint64_t kPrefix = uint64_t{0xFE80} << 48U;
  const uint64_t number = address.number() ^ (uint64_t{0x02} << 40U);  // the U/L bit is inverted
  return {kPrefix, ((number >> 24U) << 40U) | (uint64_t{0xFFFE} << 24U) | (number & 0xFFFFFFU)};
}

bool MayUse(const AllowedStation& station, Ipv4Number address) {
  return !station.is_bound() || address == 0 ||
         std::binary_search(station.ipv4.begin(), station.ipv4.end(), address);
}

bool MayUse(const AllowedStation& station, const Ipv6Number& address) {
  return !station.is_bound() || address == Ipv6Number{} ||
         address == LinkLocalOf(station.address) ||
         std::binary_search(station.ipv6.begin(), station.ipv6.end(), address);
}

bool AllowsIpv4(const AllowedStation& from, Bytes packet) {
  constexpr size_t kSource = 12;
  if (!from.is_bound()) return true;
  return packet.size() >= ipv4::kMinHeaderSize && MayUse(from, LoadBe32(packet.data() + kSource));
}

// The upper layer of an IPv6 packet; of a fragment, or of a packet without one, nothing is behind
// it.
struct UpperLayer {
  uint8_t protocol = 0;
  Bytes bytes;
};

std::optional<UpperLayer> UpperLayerOf(Bytes packet) {
  constexpr uint8_t kHopByHop = 0;
  constexpr uint8_t kRouting = 43;
  constexpr uint8_t kAuthentication = 51;
  constexpr uint8_t kDestination = 60;
  constexpr size_t kLeast = 8;
  // What stands behind the packet is padding. A length of 0 may be that of a jumbogram.
  const size_t length = LoadBe16(packet.data() + ipv6::kPayloadLength);
  UpperLayer layer{LoadByte(packet.data() + ipv6::kNextHeader), packet.subspan(ipv6::kHeaderSize)};
  if (length != 0) layer.bytes = layer.bytes.first(std::min(layer.bytes.size(), length));
  for (size_t headers = 0;; ++headers) {
    const uint8_t kind = layer.protocol;
    const bool is_extension =
        kind == kHopByHop || kind == kRouting || kind == kAuthentication || kind == kDestination;
    if (!is_extension) return layer;
    if (headers == kMostHeaders || layer.bytes.size() < kLeast) return std::nullopt;
    const size_t units = LoadByte(layer.bytes.data() + 1);
    const size_t size = kind == kAuthentication ? (units + 2) * 4 : (units + 1) * 8;
    if (layer.bytes.size() < size) return std::nullopt;
    layer.protocol = LoadByte(layer.bytes.data());
    layer.bytes = layer.bytes.subspan(size);
  }
}

// A message of neighbour discovery (RFC 4861, section 4).
struct NeighbourMessage {
  uint8_t type;
  size_t options;       // where they begin
  uint8_t own_address;  // the option that tells the sender's link-layer address
};

constexpr uint8_t kAdvertisement = 136;
constexpr size_t kTarget = 8;
constexpr std::array kNeighbourMessages{NeighbourMessage{133, 8, 1}, NeighbourMessage{134, 16, 1},
                                        NeighbourMessage{135, 24, 1},
                                        NeighbourMessage{kAdvertisement, 24, 2}};

}  // namespace

const AllowedStation* AllowList::Find(MacAddress address) const {
  const auto found = std::lower_bound(
      stations_.begin(), stations_.end(), address,
      [](const AllowedStation& station, MacAddress wanted) { return station.address < wanted; });
  return found == stations_.end() || found->address != address ? nullptr : &*found;
}

bool AllowList::Allows(const EthernetHeader& header, Bytes frame) const {
  const AllowedStation* const from = Find(header.source);
  if (from == nullptr) return false;
  const auto packet = PacketOf(header, frame);
  if (!packet) return false;
  switch (packet->type) {
    case static_cast<uint16_t>(EtherType::kIpv4):
      return AllowsIpv4(*from, packet->bytes);
    case static_cast<uint16_t>(EtherType::kIpv6):
      return AllowsIpv6(*from, packet->bytes);
    case static_cast<uint16_t>(EtherType::kArp):
    case kReverseArp:
      return AllowsArp(packet->bytes);
    default:
      return true;
  }
}

bool AllowList::AllowsArp(Bytes packet) const {
  constexpr size_t kSize = 28;
  constexpr uint64_t kEthernetAndIpv4 = 0x000108000604;  // the first six bytes (RFC 826)
  constexpr size_t kSenderMac = 8;
  constexpr size_t kSenderIp = 14;
  if (packet.size() < kSize || LoadBe48(packet.data()) != kEthernetAndIpv4) return false;
  const auto mac = MacAddress::FromNumber(LoadBe48(packet.data() + kSenderMac));
  const AllowedStation* const sender = Find(mac);
  return sender != nullptr && MayUse(*sender, LoadBe32(packet.data() + kSenderIp));
}

bool AllowList::AllowsIpv6(const AllowedStation& from, Bytes packet) const {
  constexpr size_t kSource = 8;
  if (packet.size() < ipv6::kHeaderSize) return false;
  const Ipv6Number source = LoadIpv6(packet.data() + kSource);
  if (!MayUse(from, source)) return false;
  const auto layer = UpperLayerOf(packet);
  if (!layer) return false;
  return layer->protocol != kProtocolIcmpv6 || AllowsIcmpv6(from, source, layer->bytes);
}

bool AllowList::AllowsIcmpv6(const AllowedStation& from, const Ipv6Number& source,
                             Bytes message) const {
  if (message.empty()) return false;
  const auto* const kind = std::find_if(
      kNeighbourMessages.begin(), kNeighbourMessages.end(),
      [&](const NeighbourMessage& known) { return known.type == LoadByte(message.data()); });
  if (kind == kNeighbourMessages.end()) return true;
  if (message.size() < kind->options) return false;
  const bool advertises = kind->type == kAdvertisement;
  const Ipv6Number claimed = advertises ? LoadIpv6(message.data() + kTarget) : source;
  const AllowedStation* claimant = &from;
  for (Bytes options = message.subspan(kind->options); !options.empty();) {
    constexpr size_t kOptionUnit = 8;
    if (options.size() < kOptionUnit) return false;
    const size_t size = LoadByte(options.data() + 1) * kOptionUnit;
    if (size == 0 || size > options.size()) return false;
    if (LoadByte(options.data()) == kind->own_address) {
      claimant = Find(MacAddress::FromNumber(LoadBe48(options.data() + 2)));
      if (claimant == nullptr || !MayUse(*claimant, claimed)) return false;
    }
    options = options.subspan(size);
  }
  return MayUse(*claimant, claimed);
}

}  // namespace tapswitch
