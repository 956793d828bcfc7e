#include "switch/forwarding/offload/validation.h"

#include <algorithm>

#include "switch/forwarding/offload/tunnels.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

constexpr uint16_t kGsoByFragments = 0xFFFF;

std::optional<UpperLayer> BehindIpv4(std::span<const std::byte> frame, size_t offset) {
  if (frame.size() < offset + ipv4::kMinHeaderSize) return std::nullopt;
  const std::byte* header = frame.data() + offset;
  const unsigned version = LoadByte(header) >> 4U;
  const size_t size = (LoadByte(header) & 0x0FU) * size_t{4};
  if (version != 4 || size < ipv4::kMinHeaderSize) return std::nullopt;
  if ((LoadBe16(header + ipv4::kFragment) & ipv4::kIsFragment) != 0) return std::nullopt;
  return UpperLayer{.protocol = LoadByte(header + ipv4::kProtocol), .offset = offset + size};
}

// The extension headers that may stand before the transport header of a whole packet. The fragment
// header is not among them.
bool IsExtensionHeader(uint8_t next_header) {
  constexpr uint8_t kHopByHop = 0;
  constexpr uint8_t kRouting = 43;
  constexpr uint8_t kDestinationOptions = 60;
  return next_header == kHopByHop || next_header == kRouting || next_header == kDestinationOptions;
}

std::optional<UpperLayer> BehindIpv6(std::span<const std::byte> frame, size_t offset) {
  if (frame.size() < offset + ipv6::kHeaderSize) return std::nullopt;
  const std::byte* header = frame.data() + offset;
  if ((LoadByte(header) >> 4U) != 6) return std::nullopt;
  UpperLayer upper{.protocol = LoadByte(header + ipv6::kNextHeader),
                   .offset = offset + ipv6::kHeaderSize};
  while (IsExtensionHeader(upper.protocol)) {
    if (frame.size() < upper.offset + 2) return std::nullopt;
    const std::byte* extension = frame.data() + upper.offset;
    upper.protocol = LoadByte(extension);
    upper.offset += (LoadByte(extension + 1) + size_t{1}) * 8;  // RFC 8200, 4.3: units of 8, less 1
  }
  return upper;
}

bool IsChecksumPlaceValid(const VirtioNetHeader& header, std::span<const std::byte> frame) {
  const auto network = LocateNetworkHeader(frame);
  if (!network || header.checksum_start < network->offset) return false;
  const size_t field = size_t{header.checksum_start} + header.checksum_offset;
  return field + sizeof(uint16_t) <= frame.size();
}

// Returns whether the sum to be filled in is the CRC32c of SCTP (RFC 9260, 6.8), which a virtio-net
// header cannot express.
bool NeedsCrc32c(const VirtioNetHeader& header, std::span<const std::byte> frame) {
  return header.checksum_offset == sctp::kChecksum && IsSctpHeader(frame, header.checksum_start);
}

bool IsOfGsoType(const TransportHeader& transport, GsoType type) {
  switch (type) {
    case GsoType::kNone:
      return false;
    case GsoType::kTcpV4:
      return transport.protocol == kProtocolTcp && transport.network.type == EtherType::kIpv4;
    case GsoType::kTcpV6:
      return transport.protocol == kProtocolTcp && transport.network.type == EtherType::kIpv6;
    case GsoType::kUdpL4:
      return transport.protocol == kProtocolUdp;
  }
  return false;
}

std::optional<VirtioNetHeader> ValidateGso(const VirtioNetHeader& claimed,
                                           std::span<const std::byte> frame) {
  if (!claimed.needs_checksum) return std::nullopt;
  if (claimed.gso_size == 0 || claimed.gso_size == kGsoByFragments) return std::nullopt;
  if (claimed.ecn && claimed.gso == GsoType::kUdpL4) return std::nullopt;

  auto transport = LocateTransportHeader(frame.first(std::min(frame.size(), kMaxGsoHeaderSize)));
  const bool tunnelled = !transport || transport->offset != claimed.checksum_start;
  if (tunnelled) {
    const auto layout = LocateTunnelled(frame, claimed.checksum_start);
    if (!layout) return std::nullopt;
    transport = layout->inner;
  }
  if (!IsOfGsoType(*transport, claimed.gso)) return std::nullopt;
  const auto checksum_offset =
      transport->protocol == kProtocolTcp ? tcp::kChecksum : udp::kChecksum;
  if (claimed.checksum_offset != checksum_offset) return std::nullopt;
  if (!DoLengthsMatch(*transport, frame)) return std::nullopt;
  const size_t payload_size = frame.size() - transport->payload_offset;
  if (claimed.gso == GsoType::kUdpL4 && payload_size > kMaxUdpSegments * claimed.gso_size) {
    return std::nullopt;
  }

  VirtioNetHeader result = claimed;
  result.header_length = static_cast<uint16_t>(transport->payload_offset);
  result.tunnelled = tunnelled;
  return result;
}

}  // namespace

std::optional<UpperLayer> LocateUpperLayer(std::span<const std::byte> frame,
                                           const NetworkHeader& network) {
  if (network.type == EtherType::kIpv4) return BehindIpv4(frame, network.offset);
  if (network.type == EtherType::kIpv6) return BehindIpv6(frame, network.offset);
  return std::nullopt;
}

std::optional<size_t> TransportHeaderSize(std::span<const std::byte> frame,
                                          const UpperLayer& upper) {
  if (upper.protocol == kProtocolUdp) return udp::kHeaderSize;
  if (upper.protocol != kProtocolTcp) return std::nullopt;
  if (frame.size() < upper.offset + tcp::kMinHeaderSize) return std::nullopt;
  const uint8_t words = LoadByte(frame.data() + upper.offset + tcp::kDataOffsetAndFlags) >> 4U;
  const size_t size = words * size_t{4};
  return size < tcp::kMinHeaderSize ? std::nullopt : std::optional(size);
}

std::optional<NetworkHeader> LocateNetworkHeader(std::span<const std::byte> frame) {
  constexpr size_t kTypeSize = 2;
  for (size_t offset = kEthernetHeaderSize; offset <= frame.size(); offset += kVlanTagSize) {
    const auto type = static_cast<EtherType>(LoadBe16(frame.data() + offset - kTypeSize));
    if (!IsVlanTag(type)) return NetworkHeader{.type = type, .offset = offset};
  }
  return std::nullopt;
}

std::optional<TransportHeader> LocateTransportHeader(std::span<const std::byte> frame) {
  const auto network = LocateNetworkHeader(frame);
  if (!network) return std::nullopt;
  const auto upper = LocateUpperLayer(frame, *network);
  if (!upper) return std::nullopt;
  const auto size = TransportHeaderSize(frame, *upper);
  if (!size || frame.size() < upper->offset + *size) return std::nullopt;
  return TransportHeader{.network = *network,
                         .protocol = upper->protocol,
                         .offset = upper->offset,
                         .payload_offset = upper->offset + *size};
}

bool DoLengthsMatch(const TransportHeader& transport, std::span<const std::byte> frame) {
  const std::byte* network = frame.data() + transport.network.offset;
  const size_t claimed = transport.network.type == EtherType::kIpv4
                             ? LoadBe16(network + ipv4::kTotalLength)
                             : LoadBe16(network + ipv6::kPayloadLength) + ipv6::kHeaderSize;
  if (claimed != frame.size() - transport.network.offset) return false;
  if (transport.protocol != kProtocolUdp) return true;
  const size_t udp_length = LoadBe16(frame.data() + transport.offset + udp::kLength);
  return udp_length == frame.size() - transport.offset;
}

std::optional<VirtioNetHeader> ValidateOffload(const VirtioNetHeader& claimed,
                                               std::span<const std::byte> frame) {
  if (claimed.gso != GsoType::kNone) return ValidateGso(claimed, frame);
  if (claimed.ecn) return std::nullopt;
  VirtioNetHeader result{.data_valid = claimed.data_valid};
  if (!claimed.needs_checksum) return result;
  if (!IsChecksumPlaceValid(claimed, frame)) return std::nullopt;
  result.needs_checksum = true;
  result.checksum_start = claimed.checksum_start;
  result.checksum_offset = claimed.checksum_offset;
  result.crc32c = NeedsCrc32c(claimed, frame);
  if (result.crc32c && frame.size() < size_t{claimed.checksum_start} + sctp::kHeaderSize) {
    return std::nullopt;
  }
  return result;
}

bool IsBeyondTheSwitch(const VirtioNetHeader& claimed, std::span<const std::byte> frame) {
  if (claimed.gso == GsoType::kNone) return false;
  if (!claimed.needs_checksum || claimed.gso_size == kGsoByFragments) return true;
  const auto transport = LocateTransportHeader(frame);
  if (!transport || transport->offset != claimed.checksum_start) return true;
  const std::byte* const network = &frame[transport->network.offset];
  const bool is_ipv4 = transport->network.type == EtherType::kIpv4;
  return LoadBe16(network + (is_ipv4 ? ipv4::kTotalLength : ipv6::kPayloadLength)) == 0;
}

OffloadSet NeededOffloads(const VirtioNetHeader& header, std::span<const std::byte> frame) {
  OffloadSet needed;
  if (header.needs_checksum) needed.insert(Offload::kChecksum);
  if (header.ecn) needed.insert(Offload::kTcpEcn);
  if (header.crc32c) needed.insert(Offload::kCrc32c);
  if (header.tunnelled) needed.insert(Offload::kTunnel);
  switch (header.gso) {
    case GsoType::kNone:
      break;
    case GsoType::kTcpV4:
      needed.insert(Offload::kTcp4);
      break;
    case GsoType::kTcpV6:
      needed.insert(Offload::kTcp6);
      break;
    case GsoType::kUdpL4: {
      const auto network = LocateNetworkHeader(frame);
      const bool is_ipv4 = network && network->type == EtherType::kIpv4;
      needed.insert(is_ipv4 ? Offload::kUdp4 : Offload::kUdp6);
      break;
    }
  }
  return needed;
}

}  // namespace tapswitch
