// TCP and UDP packets as tests describe them, and their bytes.
//
// The reference that checksum completion and segmentation are compared with. It shares nothing with
// them: a segment is not cut from a frame but made anew from its description, and sums are taken
// byte by byte.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

using Bytes = std::vector<std::byte>;

// "45 00 0034" -> bytes; blanks do not count.
[[nodiscard]] inline Bytes FromHex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '\n') digits += c;
  }
  Bytes bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// The sum of RFC 1071, one byte after the other, carries put back at once; not complemented.
[[nodiscard]] inline uint16_t NaiveSum(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += static_cast<unsigned>(bytes[i]) * (i % 2 == 0 ? 256U : 1U);
    if (sum > 0xFFFF) sum -= 0xFFFF;
  }
  return static_cast<uint16_t>(sum);
}

class ByteWriter {
 public:
  ByteWriter& U8(unsigned value) {
    bytes_.push_back(static_cast<std::byte>(value & 0xFFU));
    return *this;
  }
  ByteWriter& U16(size_t value) {
    return U8(static_cast<unsigned>(value >> 8U)).U8(static_cast<unsigned>(value));
  }
  ByteWriter& U32(uint32_t value) { return U16(value >> 16U).U16(value & 0xFFFFU); }
  ByteWriter& Append(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // Writes over the two bytes at `offset`.
  ByteWriter& Put16(size_t offset, unsigned value) {
    bytes_[offset] = static_cast<std::byte>(value >> 8U);
    bytes_[offset + 1] = static_cast<std::byte>(value & 0xFFU);
    return *this;
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// An IPv6 extension header: its type, and what follows its two first octets (8n - 2 bytes).
struct ExtensionHeader {
  uint8_t type = 60;
  Bytes body = Bytes(6);
};

struct IpPacket {
  std::vector<VlanTag> tags{};
  bool is_ipv6 = false;
  bool is_udp = false;
  uint8_t traffic_class = 0;
  uint16_t identification = 0;  // IPv4
  uint16_t fragment = 0x4000;   // IPv4: DF
  Bytes ip_options{};           // IPv4, a multiple of 4 bytes
  std::vector<ExtensionHeader> extensions{};
  Bytes source = Bytes(16, std::byte{10});  // the first 4 bytes for IPv4
  Bytes destination = Bytes(16, std::byte{11});
  Bytes final_destination{};  // the pseudo header's, when it is another (source routing)
  uint16_t source_port = 1000;
  uint16_t destination_port = 2000;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  uint16_t tcp_flags = 0x010;  // NS, then CWR ECE URG ACK PSH RST SYN FIN
  uint16_t window = 0x1000;
  uint16_t urgent = 0;
  Bytes tcp_options{};  // a multiple of 4 bytes
  Bytes payload{};

  [[nodiscard]] size_t network_offset() const { return 14 + 4 * tags.size(); }
  [[nodiscard]] size_t transport_offset() const {
    size_t offset = network_offset() + (is_ipv6 ? 40 : 20 + ip_options.size());
    for (const auto& extension : extensions) offset += 2 + extension.body.size();
    return offset;
  }
  [[nodiscard]] size_t transport_header_size() const {
    return is_udp ? 8 : 20 + tcp_options.size();
  }
  [[nodiscard]] size_t transport_size() const { return transport_header_size() + payload.size(); }
  [[nodiscard]] size_t header_size() const { return transport_offset() + transport_header_size(); }
  [[nodiscard]] uint16_t checksum_offset() const { return is_udp ? 6 : 16; }
};

[[nodiscard]] inline Bytes PseudoHeader(const IpPacket& packet) {
  const size_t address_size = packet.is_ipv6 ? 16 : 4;
  const Bytes& destination =
      packet.final_destination.empty() ? packet.destination : packet.final_destination;
  const unsigned protocol = packet.is_udp ? 17 : 6;
  ByteWriter writer;
  writer.Append(std::span(packet.source).first(address_size));
  writer.Append(std::span(destination).first(address_size));
  if (packet.is_ipv6) {
    writer.U32(static_cast<uint32_t>(packet.transport_size())).U32(protocol);
  } else {
    writer.U16(protocol).U16(packet.transport_size());
  }
  return writer.bytes();
}

// Transport header and payload, with `checksum` in its field.
[[nodiscard]] inline Bytes TransportBytes(const IpPacket& packet, uint16_t checksum) {
  ByteWriter writer;
  writer.U16(packet.source_port).U16(packet.destination_port);
  if (packet.is_udp) {
    writer.U16(packet.transport_size()).U16(checksum);
  } else {
    const size_t words = packet.transport_header_size() / 4;
    writer.U32(packet.sequence).U32(packet.acknowledgment);
    writer.U16((words << 12U) | packet.tcp_flags);
    writer.U16(packet.window).U16(checksum).U16(packet.urgent).Append(packet.tcp_options);
  }
  return writer.Append(packet.payload).bytes();
}

[[nodiscard]] inline Bytes Ipv4Bytes(const IpPacket& packet) {
  const size_t size = 20 + packet.ip_options.size();
  ByteWriter writer;
  writer.U8(static_cast<unsigned>(0x40 + size / 4)).U8(packet.traffic_class);
  writer.U16(size + packet.transport_size());
  writer.U16(packet.identification).U16(packet.fragment);
  writer.U8(64).U8(packet.is_udp ? 17 : 6).U16(0);
  writer.Append(std::span(packet.source).first(4)).Append(std::span(packet.destination).first(4));
  writer.Append(packet.ip_options);
  return writer.Put16(10, 0xFFFFU - NaiveSum(writer.bytes())).bytes();
}

[[nodiscard]] inline Bytes Ipv6Bytes(const IpPacket& packet) {
  ByteWriter chain;
  const unsigned protocol = packet.is_udp ? 17 : 6;
  for (size_t i = 0; i < packet.extensions.size(); ++i) {
    const bool is_last = i + 1 == packet.extensions.size();
    const Bytes& body = packet.extensions[i].body;
    chain.U8(is_last ? protocol : packet.extensions[i + 1].type);
    chain.U8(static_cast<unsigned>((2 + body.size()) / 8 - 1)).Append(body);
  }
  ByteWriter writer;
  writer.U32(0x60000000U | static_cast<uint32_t>(packet.traffic_class) << 20U | 0xABCDEU);
  writer.U16(chain.bytes().size() + packet.transport_size());
  writer.U8(packet.extensions.empty() ? protocol : packet.extensions.front().type).U8(64);
  return writer.Append(packet.source).Append(packet.destination).Append(chain.bytes()).bytes();
}

[[nodiscard]] inline Bytes FrameBytes(const IpPacket& packet, uint16_t transport_checksum) {
  ByteWriter writer;
  writer.U16(0x0200).U32(2).U16(0x0200).U32(1);
  for (const VlanTag& tag : packet.tags) {
    writer.U16(static_cast<uint16_t>(tag.protocol)).U16(tag.control);
  }
  writer.U16(packet.is_ipv6 ? 0x86DD : 0x0800);
  writer.Append(packet.is_ipv6 ? Ipv6Bytes(packet) : Ipv4Bytes(packet));
  return writer.Append(TransportBytes(packet, transport_checksum)).bytes();
}

// The frame as it goes over a wire.
[[nodiscard]] inline Bytes FinishedFrame(const IpPacket& packet) {
  Bytes summed = PseudoHeader(packet);
  const Bytes transport = TransportBytes(packet, 0);
  summed.insert(summed.end(), transport.begin(), transport.end());
  const auto checksum = static_cast<uint16_t>(0xFFFF - NaiveSum(summed));
  return FrameBytes(packet, packet.is_udp && checksum == 0 ? uint16_t{0xFFFF} : checksum);
}

// The frame as a kernel hands it over that leaves the checksum to others.
[[nodiscard]] inline Bytes UnfinishedFrame(const IpPacket& packet) {
  return FrameBytes(packet, NaiveSum(PseudoHeader(packet)));
}

[[nodiscard]] inline VirtioNetHeader ChecksumHeader(const IpPacket& packet) {
  return {.needs_checksum = true,
          .checksum_start = static_cast<uint16_t>(packet.transport_offset()),
          .checksum_offset = packet.checksum_offset()};
}

[[nodiscard]] inline VirtioNetHeader GsoHeader(const IpPacket& packet, uint16_t gso_size) {
  VirtioNetHeader header = ChecksumHeader(packet);
  header.gso = packet.is_udp ? GsoType::kUdpL4 : packet.is_ipv6 ? GsoType::kTcpV6 : GsoType::kTcpV4;
  header.ecn = !packet.is_udp && (packet.tcp_flags & 0x80) != 0;
  header.header_length = static_cast<uint16_t>(packet.header_size());
  header.gso_size = gso_size;
  return header;
}

// The packets that a sender without segmentation offload would have sent.
[[nodiscard]] inline std::vector<IpPacket> NaiveSegments(const IpPacket& packet, size_t gso_size) {
  std::vector<IpPacket> segments;
  for (size_t sent = 0; sent < packet.payload.size(); sent += gso_size) {
    const bool is_last = sent + gso_size >= packet.payload.size();
    const auto rest = std::span(packet.payload).subspan(sent);
    const auto payload = is_last ? rest : rest.first(gso_size);
    IpPacket segment = packet;
    segment.payload.assign(payload.begin(), payload.end());
    segment.identification = static_cast<uint16_t>(packet.identification + segments.size());
    segment.sequence = packet.sequence + static_cast<uint32_t>(sent);
    if (!is_last) segment.tcp_flags &= 0x1F6;   // FIN, PSH
    if (sent != 0) segment.tcp_flags &= 0x17F;  // CWR
    segments.push_back(segment);
  }
  return segments;
}

}  // namespace tapswitch
