#include "switch/forwarding/offload/tunnels.h"

#include <algorithm>

#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

constexpr uint8_t kProtocolIpv4 = 4;
constexpr uint8_t kProtocolIpv6 = 41;
constexpr uint8_t kProtocolGre = 47;
constexpr uint8_t kProtocolMpls = 137;

constexpr uint16_t kTypeMpls = 0x8847;
constexpr uint16_t kTypeMplsUpstream = 0x8848;
constexpr uint16_t kTypeEthernet = 0x6558;  // in GRE

using Bytes = std::span<const std::byte>;
using Kind = TunnelLayer::Kind;

// Identifies the IP header at `offset` by its version.
std::optional<NetworkHeader> IpAt(Bytes frame, size_t offset) {
  if (offset >= frame.size()) return std::nullopt;
  const unsigned version = LoadByte(&frame[offset]) >> 4U;
  if (version == 4) return NetworkHeader{.type = EtherType::kIpv4, .offset = offset};
  if (version == 6) return NetworkHeader{.type = EtherType::kIpv6, .offset = offset};
  return std::nullopt;
}

// Skips a stack of MPLS labels (RFC 3032).
std::optional<NetworkHeader> BehindLabels(Bytes frame, size_t offset) {
  constexpr size_t kLabelSize = 4;
  for (bool is_last = false; !is_last; offset += kLabelSize) {
    if (frame.size() < offset + kLabelSize) return std::nullopt;
    is_last = (LoadByte(&frame[offset + 2]) & 1U) != 0;
  }
  return IpAt(frame, offset);
}

std::optional<NetworkHeader> OfType(Bytes frame, uint16_t type, size_t offset) {
  if (type == kTypeMpls || type == kTypeMplsUpstream) return BehindLabels(frame, offset);
  const auto network = IpAt(frame, offset);
  if (!network || static_cast<uint16_t>(network->type) != type) return std::nullopt;
  return network;
}

// Skips the Ethernet header at `offset`.
std::optional<NetworkHeader> BehindEthernet(Bytes frame, size_t offset) {
  if (offset > frame.size()) return std::nullopt;
  const auto network = LocateNetworkHeader(frame.subspan(offset));
  if (!network) return std::nullopt;
  return OfType(frame, static_cast<uint16_t>(network->type), offset + network->offset);
}

// Returns true if the IP packet ends where the frame does. Precondition: its header is in the
// frame.
bool EndsWithFrame(Bytes frame, const NetworkHeader& network, size_t frame_size) {
  const std::byte* const header = &frame[network.offset];
  const size_t size = network.type == EtherType::kIpv4
                          ? LoadBe16(header + ipv4::kTotalLength)
                          : LoadBe16(header + ipv6::kPayloadLength) + ipv6::kHeaderSize;
  return size == frame_size - network.offset;
}

// One walk over the headers, which are the first of a frame of `frame_size` bytes.
class HeaderWalk {
 public:
  HeaderWalk(Bytes headers, size_t frame_size) : headers_(headers), frame_size_(frame_size) {}

  // Finds the layers up to the packet whose upper layer starts at `transport_offset`.
  std::optional<UpperLayer> To(size_t transport_offset, NetworkHeader& inner) {
    auto network = BehindEthernet(headers_, 0);
    while (network) {
      const auto upper = IsWhole(*network) ? LocateUpperLayer(headers_, *network) : std::nullopt;
      if (!upper || upper->offset > transport_offset) return std::nullopt;
      inner = *network;
      if (upper->offset == transport_offset) return upper;
      if (!Add(network->type == EtherType::kIpv4 ? Kind::kIpv4 : Kind::kIpv6, network->offset)) {
        return std::nullopt;
      }
      network = Behind(*upper);
    }
    return std::nullopt;
  }

  [[nodiscard]] TunnelLayout& layout() { return layout_; }

 private:
  bool Add(Kind kind, size_t offset) {
    if (layout_.layer_count == kMaxTunnelLayers) return false;
    layout_.layers[layout_.layer_count++] = {.kind = kind, .offset = static_cast<uint16_t>(offset)};
    return true;
  }

  [[nodiscard]] bool IsWhole(const NetworkHeader& network) const {
    return LocateUpperLayer(headers_, network) && EndsWithFrame(headers_, network, frame_size_);
  }

  // Finds the packet in the tunnel whose header is `outer`.
  std::optional<NetworkHeader> Behind(const UpperLayer& outer) {
    switch (outer.protocol) {
      case kProtocolIpv4:
      case kProtocolIpv6:
        return IpAt(headers_, outer.offset);
      case kProtocolMpls:
        return BehindLabels(headers_, outer.offset);
      case kProtocolGre:
        return BehindGre(outer.offset);
      case kProtocolUdp:
        return BehindUdp(outer.offset);
      default:
        return std::nullopt;
    }
  }

  // RFC 2784 and 2890. Numbers of a sequence cannot be told for segments that nobody has counted.
  std::optional<NetworkHeader> BehindGre(size_t offset) {
    constexpr size_t kSize = 4;
    constexpr unsigned kHasChecksum = 0x8000;
    constexpr unsigned kHasKey = 0x2000;
    if (headers_.size() < offset + kSize) return std::nullopt;
    const unsigned flags = LoadBe16(&headers_[offset]);
    if ((flags & ~(kHasChecksum | kHasKey)) != 0) return std::nullopt;
    const uint16_t type = LoadBe16(&headers_[offset + 2]);
    size_t end = offset + kSize;
    if ((flags & kHasChecksum) != 0) {
      if (!Add(Kind::kGreChecksum, offset)) return std::nullopt;
      end += 4;
    }
    if ((flags & kHasKey) != 0) end += 4;
    if (type == kTypeEthernet) return BehindEthernet(headers_, end);
    return OfType(headers_, type, end);
  }

  // The port does not tell for sure which tunnel this is. But only one way to read the header leads
  // to an IP packet that ends with the frame.
  std::optional<NetworkHeader> BehindUdp(size_t offset) {
    const size_t end = offset + udp::kHeaderSize;
    if (headers_.size() <= end) return std::nullopt;
    if (LoadBe16(&headers_[offset + udp::kLength]) != frame_size_ - offset) return std::nullopt;
    if (!Add(Kind::kUdp, offset)) return std::nullopt;
    constexpr size_t kShim = 8;  // of VXLAN, and of Geneve without options
    const unsigned first = LoadByte(&headers_[end]);
    const size_t geneve = end + kShim + size_t{4} * (first & 0x3FU);
    const size_t gue = end + 4 + size_t{4} * (first & 0x1FU);
    for (const auto& inner :
         {BehindEthernet(headers_, end + kShim), BehindEthernet(headers_, geneve),
          IpAt(headers_, end), IpAt(headers_, end + kShim), IpAt(headers_, geneve),
          IpAt(headers_, gue)}) {
      if (inner && IsWhole(*inner)) return inner;
    }
    return std::nullopt;
  }

  Bytes headers_;
  size_t frame_size_;
  TunnelLayout layout_;
};

}  // namespace

std::optional<TunnelLayout> LocateTunnelled(std::span<const std::byte> frame,
                                            size_t transport_offset) {
  const auto headers = frame.first(std::min(frame.size(), kMaxGsoHeaderSize));
  HeaderWalk walk(headers, frame.size());
  TransportHeader inner;
  const auto upper = walk.To(transport_offset, inner.network);
  if (!upper) return std::nullopt;
  const auto size = TransportHeaderSize(headers, *upper);
  if (!size || headers.size() < upper->offset + *size) return std::nullopt;
  inner.protocol = upper->protocol;
  inner.offset = upper->offset;
  inner.payload_offset = upper->offset + *size;
  TunnelLayout layout = walk.layout();
  layout.inner = inner;
  return layout;
}

bool IsSctpHeader(std::span<const std::byte> frame, size_t transport_offset) {
  constexpr uint8_t kProtocolSctp = 132;
  // A frame that needs no more than its checksum may have padding: the outermost header decides.
  const auto network = LocateNetworkHeader(frame);
  const auto upper = network ? LocateUpperLayer(frame, *network) : std::nullopt;
  if (upper && upper->offset == transport_offset) return upper->protocol == kProtocolSctp;
  NetworkHeader inner;
  HeaderWalk walk(frame.first(std::min(frame.size(), kMaxGsoHeaderSize)), frame.size());
  const auto tunnelled = walk.To(transport_offset, inner);
  return tunnelled && tunnelled->protocol == kProtocolSctp;
}

}  // namespace tapswitch
