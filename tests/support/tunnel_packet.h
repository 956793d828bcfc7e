// Builds packets inside of tunnels, from the outside in, as a reference for the segmentation of
// tunnelled frames. Each segment is built anew, and sums are computed byte by byte.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/ip_packet.h"

namespace tapswitch {

struct Tunnel {
  enum class Kind : uint8_t { kVxlan, kVxlanGpe, kGeneve, kGue, kFou, kGre, kGretap, kIp, kMpls };
  Kind kind = Kind::kVxlan;
  bool outer_ipv6 = false;
  bool checksum = false;  // the outer UDP header, or GRE, has a checksum
  bool key = false;       // GRE has a key
  Bytes options{};        // options of Geneve, a multiple of 4 bytes
  uint16_t identification = 7;
};

// The tunnelled frame, and where the inner packet's IP header is.
struct TunnelledFrame {
  Bytes bytes;
  size_t inner_offset = 0;
};

namespace tunnel_internal {

[[nodiscard]] inline bool IsUdp(Tunnel::Kind kind) { return kind <= Tunnel::Kind::kFou; }
[[nodiscard]] inline bool HasInnerEthernet(Tunnel::Kind kind) {
  using Kind = Tunnel::Kind;
  return kind == Kind::kVxlan || kind == Kind::kGeneve || kind == Kind::kGretap;
}

inline void PutSum(Bytes& bytes, size_t offset, uint16_t value) {
  bytes[offset] = static_cast<std::byte>(value >> 8U);
  bytes[offset + 1] = static_cast<std::byte>(value & 0xFFU);
}

}  // namespace tunnel_internal

// `inner_frame`: FinishedFrame or UnfinishedFrame of `inner`. `finished`: with the outer checksums
// as on a wire; else as a kernel hands over what is to be cut.
[[nodiscard]] inline TunnelledFrame TunnelFrame(const Tunnel& tunnel, const IpPacket& inner,
                                                const Bytes& inner_frame, bool finished) {
  using Kind = Tunnel::Kind;
  using namespace tunnel_internal;
  const Kind kind = tunnel.kind;
  const size_t inner_type = inner.is_ipv6 ? 0x86DD : 0x0800;
  ByteWriter body;  // of the outer IP packet
  if (IsUdp(kind)) body.U16(40000).U16(12345).U16(0).U16(0);
  if (kind == Kind::kVxlan || kind == Kind::kVxlanGpe) {
    body.U32(kind == Kind::kVxlan ? 0x08000000U : 0x0C000001U).U32(0x700U);
  } else if (kind == Kind::kGeneve) {
    body.U8(static_cast<unsigned>(tunnel.options.size() / 4)).U8(0).U16(0x6558).U32(0x700U);
    body.Append(tunnel.options);
  } else if (kind == Kind::kGue) {
    body.U8(0).U8(inner.is_ipv6 ? 41 : 4).U16(0);
  } else if (kind == Kind::kGre || kind == Kind::kGretap) {
    body.U16((tunnel.checksum ? 0x8000U : 0U) | (tunnel.key ? 0x2000U : 0U));
    body.U16(kind == Kind::kGre ? inner_type : size_t{0x6558});
    if (tunnel.checksum) body.U32(0);
    if (tunnel.key) body.U32(77);
  } else if (kind == Kind::kMpls) {
    body.U32(0x00064040U).U32(0x00065140U);  // two labels, the second at the bottom of the stack
  }
  const size_t shim = body.bytes().size();
  const auto inner_bytes = std::span(inner_frame);
  body.Append(HasInnerEthernet(kind) ? inner_bytes : inner_bytes.subspan(inner.network_offset()));
  Bytes packet = body.bytes();
  const size_t inner_at = shim + (HasInnerEthernet(kind) ? inner.network_offset() : 0);

  unsigned protocol = 17;
  if (kind == Kind::kGre || kind == Kind::kGretap) protocol = 47;
  if (kind == Kind::kIp) protocol = inner.is_ipv6 ? 41 : 4;
  if (kind == Kind::kMpls) protocol = 137;
  ByteWriter pseudo;
  const Bytes source(16, std::byte{20});
  const Bytes destination(16, std::byte{21});
  const size_t address_size = tunnel.outer_ipv6 ? 16 : 4;
  pseudo.Append(std::span(source).first(address_size));
  pseudo.Append(std::span(destination).first(address_size)).U16(protocol).U16(packet.size());
  if (IsUdp(kind)) {
    PutSum(packet, 4, static_cast<uint16_t>(packet.size()));
    if (tunnel.checksum && !finished) PutSum(packet, 6, NaiveSum(pseudo.bytes()));
    if (tunnel.checksum && finished) {
      ByteWriter all = pseudo;
      const auto sum = static_cast<uint16_t>(0xFFFF - NaiveSum(all.Append(packet).bytes()));
      PutSum(packet, 6, sum == 0 ? uint16_t{0xFFFF} : sum);
    }
  } else if (protocol == 47 && tunnel.checksum && finished) {
    PutSum(packet, 4, static_cast<uint16_t>(0xFFFF - NaiveSum(packet)));
  }

  ByteWriter frame;
  frame.U16(0x0200).U32(4).U16(0x0200).U32(3).U16(tunnel.outer_ipv6 ? 0x86DD : 0x0800);
  if (tunnel.outer_ipv6) {
    frame.U32(0x60000000U).U16(packet.size()).U8(protocol).U8(64);
    frame.Append(source).Append(destination);
  } else {
    ByteWriter ip;
    ip.U16(0x4500).U16(20 + packet.size()).U16(tunnel.identification).U16(0).U8(64).U8(protocol);
    ip.U16(0).Append(std::span(source).first(4)).Append(std::span(destination).first(4));
    frame.Append(ip.Put16(10, 0xFFFFU - NaiveSum(ip.bytes())).bytes());
  }
  const size_t outer = frame.bytes().size();
  return {.bytes = frame.Append(packet).bytes(), .inner_offset = outer + inner_at};
}

// The packet in the form in which a kernel leaves it to be cut.
struct UncutTunnel {
  Bytes bytes;
  VirtioNetHeader header;
};

[[nodiscard]] inline UncutTunnel UnfinishedTunnel(const Tunnel& tunnel, const IpPacket& inner,
                                                  uint16_t gso_size) {
  TunnelledFrame frame = TunnelFrame(tunnel, inner, UnfinishedFrame(inner), false);
  VirtioNetHeader header = GsoHeader(inner, gso_size);
  const auto shift = static_cast<uint16_t>(frame.inner_offset - inner.network_offset());
  header.header_length = static_cast<uint16_t>(header.header_length + shift);
  header.checksum_start = static_cast<uint16_t>(header.checksum_start + shift);
  return {.bytes = std::move(frame.bytes), .header = header};
}

// The packets that a sender without the offload would have sent.
[[nodiscard]] inline std::vector<Bytes> NaiveTunnelSegments(const Tunnel& tunnel,
                                                            const IpPacket& inner,
                                                            uint16_t gso_size) {
  std::vector<Bytes> segments;
  Tunnel outer = tunnel;
  for (const IpPacket& segment : NaiveSegments(inner, gso_size)) {
    segments.push_back(TunnelFrame(outer, segment, FinishedFrame(segment), true).bytes);
    ++outer.identification;
  }
  return segments;
}

}  // namespace tapswitch
