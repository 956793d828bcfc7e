#include "switch/forwarding/offload/coalescing.h"

#include <algorithm>

#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

constexpr size_t kMaxIpLength = 65'535;

// Flags that a joined frame may not have, and those that end it.
constexpr unsigned kNeverJoined = tcp::kCwr | tcp::kUrg | tcp::kRst | tcp::kSyn;
constexpr unsigned kEnds = tcp::kFin | tcp::kPsh;

bool Alike(const std::byte* a, const std::byte* b, size_t from, size_t to) {
  return std::memcmp(a + from, b + from, to - from) == 0;
}

}  // namespace

bool Coalescer::Start(const VirtioNetHeader& offload, std::span<const std::byte> frame) {
  const auto transport =
      LocateTransportHeader(frame.first(std::min(frame.size(), kMaxGsoHeaderSize)));
  if (!transport || transport->payload_offset >= frame.size() || offload.tunnelled) return false;
  first_ = frame;
  first_offload_ = offload;
  first_is_right_ = false;
  ended_ = false;
  last_flags_ = 0;
  payload_size_ = frame.size() - transport->payload_offset;
  return StartIp(frame, *transport) && StartTransport(offload);
}

bool Coalescer::StartIp(std::span<const std::byte> frame, const TransportHeader& transport) {
  is_ipv6_ = transport.network.type == EtherType::kIpv6;
  is_udp_ = transport.protocol == kProtocolUdp;
  const size_t size = is_ipv6_ ? ipv6::kHeaderSize : ipv4::kMinHeaderSize;
  if (transport.offset != transport.network.offset + size) return false;
  if (!DoLengthsMatch(transport, frame)) return false;
  network_offset_ = static_cast<uint16_t>(transport.network.offset);
  transport_offset_ = static_cast<uint16_t>(transport.offset);
  header_size_ = static_cast<uint16_t>(transport.payload_offset);

  const std::byte* const header = frame.data() + network_offset_;
  pseudo_sum_ = {};
  pseudo_sum_.AddBe16(transport.protocol);
  if (is_ipv6_) {
    pseudo_sum_.Add({header + ipv6::kAddresses, 2 * ipv6::kAddressSize});
    return true;
  }
  pseudo_sum_.Add({header + ipv4::kAddresses, 2 * ipv4::kAddressSize});
  ipv4_sum_ = ConstantIpv4Sum({header, size});
  ChecksumSum sum = ipv4_sum_;
  sum.AddBe16(LoadBe16(header + ipv4::kTotalLength));
  sum.AddBe16(LoadBe16(header + ipv4::kIdentification));
  if (sum.Checksum() != LoadBe16(header + ipv4::kChecksum)) return false;
  return (LoadBe16(header + ipv4::kFragment) & ~unsigned{ipv4::kDontFragment}) == 0;
}

bool Coalescer::StartTransport(const VirtioNetHeader& offload) {
  const std::byte* const header = first_.data() + transport_offset_;
  if (is_udp_) {
    if (!offload.needs_checksum && LoadBe16(header + udp::kChecksum) == 0) return false;
  } else {
    const unsigned flags = LoadBe16(header + tcp::kDataOffsetAndFlags);
    if ((flags & (kNeverJoined | kEnds)) != 0) return false;
  }
  if (offload.gso == GsoType::kNone) {
    // 65,535 (GSO_BY_FRAGS) is out of reach: IP and transport headers take some of it.
    segment_size_ = static_cast<uint16_t>(payload_size_);
    segments_ = 1;
    return true;
  }
  if (offload.ecn || payload_size_ % offload.gso_size != 0) return false;
  segment_size_ = offload.gso_size;
  segments_ = SegmentsIn(payload_size_);
  return true;
}

bool Coalescer::Join(const VirtioNetHeader& offload, std::span<const std::byte> frame) {
  if (ended_ || frame.size() <= header_size_) return false;
  const size_t payload = frame.size() - header_size_;
  if (!Fits(offload, payload) || !Alike(first_.data(), frame.data(), 0, network_offset_)) {
    return false;
  }
  if (!ContinuesIp(frame)) return false;
  const std::byte* const transport = frame.data() + transport_offset_;
  if (is_udp_ ? !ContinuesUdp(offload, frame) : !ContinuesTcp(transport)) return false;
  if (!IsFirstRight() || !IsChecksumRight(offload, frame)) return false;

  payload_size_ += payload;
  segments_ += SegmentsIn(payload);
  ended_ = payload % segment_size_ != 0;
  if (!is_udp_) {
    last_flags_ = LoadBe16(transport + tcp::kDataOffsetAndFlags) & kEnds;
    ended_ = ended_ || last_flags_ != 0;
  }
  return true;
}

// Compares by size: a frame is one segment, or a GSO frame cut alike.
bool Coalescer::Fits(const VirtioNetHeader& offload, size_t payload) const {
  const size_t size = header_size_ - network_offset_ + payload_size_ + payload;
  if (size > kMaxIpLength) return false;
  if (is_udp_ && segments_ + SegmentsIn(payload) > kMaxJoinedDatagrams) return false;
  if (offload.gso == GsoType::kNone) return payload <= segment_size_;
  return offload.gso_size == segment_size_ && !offload.ecn;
}

bool Coalescer::ContinuesIp(std::span<const std::byte> frame) const {
  const std::byte* const first = first_.data() + network_offset_;
  const std::byte* const header = frame.data() + network_offset_;
  const size_t size = frame.size() - network_offset_;
  if (is_ipv6_) {
    return LoadBe16(header + ipv6::kPayloadLength) + ipv6::kHeaderSize == size &&
           Alike(first, header, 0, ipv6::kPayloadLength) &&
           Alike(first, header, ipv6::kNextHeader, ipv6::kHeaderSize);
  }
  const auto identification =
      static_cast<uint16_t>(LoadBe16(first + ipv4::kIdentification) + segments_);
  ChecksumSum sum = ipv4_sum_;
  sum.AddBe16(static_cast<uint16_t>(size));
  sum.AddBe16(identification);
  return LoadBe16(header + ipv4::kTotalLength) == size &&
         LoadBe16(header + ipv4::kIdentification) == identification &&
         LoadBe16(header + ipv4::kChecksum) == sum.Checksum() &&
         Alike(first, header, 0, ipv4::kTotalLength) &&
         Alike(first, header, ipv4::kFragment, ipv4::kChecksum) &&
         Alike(first, header, ipv4::kAddresses, ipv4::kMinHeaderSize);
}

bool Coalescer::ContinuesTcp(const std::byte* header) const {
  const std::byte* const first = first_.data() + transport_offset_;
  const auto sequence = static_cast<uint32_t>(LoadBe32(first + tcp::kSequence) + payload_size_);
  const unsigned changed =
      LoadBe16(first + tcp::kDataOffsetAndFlags) ^ LoadBe16(header + tcp::kDataOffsetAndFlags);
  const auto size = static_cast<size_t>(header_size_ - transport_offset_);
  return LoadBe32(header + tcp::kSequence) == sequence && (changed & ~kEnds) == 0 &&
         Alike(first, header, 0, tcp::kSequence) &&  // ports
         Alike(first, header, tcp::kAcknowledgment, tcp::kDataOffsetAndFlags) &&
         Alike(first, header, tcp::kWindow, tcp::kChecksum) &&
         Alike(first, header, tcp::kUrgentPointer, size);
}

bool Coalescer::ContinuesUdp(const VirtioNetHeader& offload,
                             std::span<const std::byte> frame) const {
  const std::byte* const header = frame.data() + transport_offset_;
  const bool has_checksum = offload.needs_checksum || LoadBe16(header + udp::kChecksum) != 0;
  return has_checksum && LoadBe16(header + udp::kLength) == frame.size() - transport_offset_ &&
         Alike(first_.data() + transport_offset_, header, 0, udp::kLength);
}

// This is done late, because most frames that could be the first of several are not followed by
// such.
bool Coalescer::IsFirstRight() {
  if (first_is_right_) return true;
  first_is_right_ = IsChecksumRight(first_offload_, first_);
  ended_ = !first_is_right_;
  return first_is_right_;
}

// Both values are one's complement sums that cannot be zero, as pseudo headers hold the protocol.
// So equal sums have equal bits.
bool Coalescer::IsChecksumRight(const VirtioNetHeader& offload,
                                std::span<const std::byte> frame) const {
  const auto transport = frame.subspan(transport_offset_);
  const uint16_t place = is_udp_ ? udp::kChecksum : tcp::kChecksum;
  const uint16_t field = LoadBe16(&transport[place]);
  ChecksumSum sum = pseudo_sum_;
  sum.AddBe16(static_cast<uint16_t>(transport.size()));
  if (offload.needs_checksum) {
    return offload.checksum_start == transport_offset_ && offload.checksum_offset == place &&
           field == sum.Folded();
  }
  sum.Add(transport);
  sum.SubtractBe16(field);
  return field == (is_udp_ ? UdpChecksum(sum) : sum.Checksum());
}

OffloadSet Coalescer::needed() const {
  OffloadSet needed;
  needed.insert(Offload::kChecksum);
  if (is_udp_) {
    needed.insert(is_ipv6_ ? Offload::kUdp6 : Offload::kUdp4);
  } else {
    needed.insert(is_ipv6_ ? Offload::kTcp6 : Offload::kTcp4);
  }
  return needed;
}

VirtioNetHeader Coalescer::offload() const {
  const GsoType tcp_type = is_ipv6_ ? GsoType::kTcpV6 : GsoType::kTcpV4;
  return {.needs_checksum = true,
          .gso = is_udp_ ? GsoType::kUdpL4 : tcp_type,
          .header_length = header_size_,
          .gso_size = segment_size_,
          .checksum_start = transport_offset_,
          .checksum_offset = is_udp_ ? udp::kChecksum : tcp::kChecksum};
}

void Coalescer::BuildHeaders(std::span<std::byte> headers) const {
  std::memcpy(headers.data(), first_.data(), header_size_);
  std::byte* const network = headers.data() + network_offset_;
  std::byte* const transport = headers.data() + transport_offset_;
  const auto transport_size =
      static_cast<uint16_t>(header_size_ - transport_offset_ + payload_size_);
  if (is_ipv6_) {
    StoreBe16(network + ipv6::kPayloadLength, transport_size);
  } else {
    const auto size = static_cast<uint16_t>(ipv4::kMinHeaderSize + transport_size);
    ChecksumSum sum = ipv4_sum_;
    sum.AddBe16(size);
    sum.AddBe16(LoadBe16(network + ipv4::kIdentification));
    StoreBe16(network + ipv4::kTotalLength, size);
    StoreBe16(network + ipv4::kChecksum, sum.Checksum());
  }
  ChecksumSum pseudo = pseudo_sum_;
  pseudo.AddBe16(transport_size);
  if (is_udp_) {
    StoreBe16(transport + udp::kLength, transport_size);
    StoreBe16(transport + udp::kChecksum, pseudo.Folded());
  } else {
    const unsigned flags = LoadBe16(transport + tcp::kDataOffsetAndFlags) | last_flags_;
    StoreBe16(transport + tcp::kDataOffsetAndFlags, static_cast<uint16_t>(flags));
    StoreBe16(transport + tcp::kChecksum, pseudo.Folded());
  }
}

}  // namespace tapswitch
