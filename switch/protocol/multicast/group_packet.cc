#include "switch/protocol/multicast/group_packet.h"

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"
#include "switch/protocol/multicast/group_wire.h"

namespace tapswitch {
namespace {

using Bytes = std::span<const std::byte>;

bool IsOfGroups(uint8_t protocol) {
  return protocol == GroupWire::kProtocolIgmp || protocol == kProtocolIcmpv6 ||
         protocol == GroupWire::kProtocolPim;
}

std::optional<GroupPacket> FindInIpv4(Bytes packet) {
  if (packet.size() < ipv4::kMinHeaderSize || LoadByte(packet.data()) >> 4U != 4) {
    return std::nullopt;
  }
  const size_t header_size = (LoadByte(packet.data()) & 0xFU) * size_t{4};
  const size_t total = LoadBe16(packet.data() + ipv4::kTotalLength);
  if (header_size < ipv4::kMinHeaderSize || total <= header_size || total > packet.size()) {
    return std::nullopt;
  }
  if ((LoadBe16(packet.data() + ipv4::kFragment) & ipv4::kIsFragment) != 0) return std::nullopt;
  ChecksumSum sum;
  sum.Add(packet.first(header_size));
  const uint8_t protocol = LoadByte(packet.data() + ipv4::kProtocol);
  if (sum.Checksum() != 0 || !IsOfGroups(protocol)) return std::nullopt;
  const std::byte* const addresses = packet.data() + ipv4::kAddresses;
  return GroupPacket{.is_v4 = true,
                     .protocol = protocol,
                     .source = IpAddress::FromV4(LoadBe32(addresses)),
                     .destination = IpAddress::FromV4(LoadBe32(addresses + ipv4::kAddressSize)),
                     .hops = LoadByte(packet.data() + ipv4::kTtl),
                     .message = packet.subspan(header_size, total - header_size)};
}

// Whether a hop-by-hop header has the option; nothing if its options cannot be told apart.
std::optional<bool> HasRouterAlert(Bytes header) {
  bool has_alert = false;
  for (Bytes options = header.subspan(2); !options.empty();) {
    if (LoadByte(options.data()) == 0) {  // Pad1
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return std::nullopt;
    const size_t size = size_t{2} + LoadByte(options.data() + 1);
    if (size > options.size()) return std::nullopt;
    has_alert |= LoadByte(options.data()) == RouterAlertWire::kOption &&
                 LoadByte(options.data() + 1) == RouterAlertWire::kLength;
    options = options.subspan(size);
  }
  return has_alert;
}

// Moves the message behind the hop-by-hop header.
bool TakeHopByHop(GroupPacket& packet) {
  constexpr size_t kUnit = RouterAlertWire::kUnit;
  if (packet.message.size() < kUnit) return false;
  const size_t size = (size_t{1} + LoadByte(packet.message.data() + 1)) * kUnit;
  if (size >= packet.message.size()) return false;
  const auto alert = HasRouterAlert(packet.message.first(size));
  if (!alert) return false;
  packet.has_router_alert = *alert;
  packet.has_hop_by_hop = true;
  packet.protocol = LoadByte(packet.message.data());
  packet.message = packet.message.subspan(size);
  return true;
}

std::optional<GroupPacket> FindInIpv6(Bytes bytes) {
  if (bytes.size() < ipv6::kHeaderSize || LoadByte(bytes.data()) >> 4U != 6) return std::nullopt;
  const size_t length = LoadBe16(bytes.data() + ipv6::kPayloadLength);
  if (length == 0 || length > bytes.size() - ipv6::kHeaderSize) return std::nullopt;
  const auto addresses = bytes.subspan<ipv6::kAddresses, 2 * ipv6::kAddressSize>();
  GroupPacket packet{.is_v4 = false,
                     .protocol = LoadByte(bytes.data() + ipv6::kNextHeader),
                     .source = IpAddress::FromV6(addresses.first<ipv6::kAddressSize>()),
                     .destination = IpAddress::FromV6(addresses.last<ipv6::kAddressSize>()),
                     .hops = LoadByte(bytes.data() + ipv6::kHopLimit),
                     .message = bytes.subspan(ipv6::kHeaderSize, length)};
  if (packet.protocol == GroupWire::kProtocolHopByHop && !TakeHopByHop(packet)) {
    return std::nullopt;
  }
  return IsOfGroups(packet.protocol) ? std::optional(packet) : std::nullopt;
}

}  // namespace

std::optional<GroupPacket> FindGroupPacket(const ParsedFrame& frame) {
  if (frame.bytes.size() < frame.header.payload_offset) return std::nullopt;
  const Bytes packet = frame.bytes.subspan(frame.header.payload_offset);
  return frame.header.type_or_length == static_cast<uint16_t>(EtherType::kIpv4)
             ? FindInIpv4(packet)
             : FindInIpv6(packet);
}

bool IsIntact(const GroupPacket& packet) {
  ChecksumSum sum;
  if (!packet.is_v4) {
    sum = SumOfPseudoHeader(packet.source, packet.destination, packet.message.size(),
                            packet.protocol);
  }
  sum.Add(packet.message);
  return sum.Checksum() == 0;
}

}  // namespace tapswitch
