#include "switch/forwarding/offload/segmentation.h"

#include <algorithm>

#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

// The checksum field already holds the sum of the pseudo header, with the length of the whole
// frame.
ChecksumSum ConstantTransportSum(const TransportHeader& transport,
                                 std::span<const std::byte> frame) {
  const std::byte* header = frame.data() + transport.offset;
  ChecksumSum sum;
  sum.Add({header, transport.payload_offset - transport.offset});
  sum.SubtractBe16(static_cast<uint16_t>(frame.size() - transport.offset));
  if (transport.protocol == kProtocolTcp) {
    sum.SubtractBe32(LoadBe32(header + tcp::kSequence));
    sum.SubtractBe16(LoadBe16(header + tcp::kDataOffsetAndFlags));
  } else {
    sum.SubtractBe16(LoadBe16(header + udp::kLength));
  }
  return sum;
}

// The lengths of a segment cannot exceed those of the whole, which fit in 16 bits.
uint16_t Length(size_t from, size_t to) { return static_cast<uint16_t>(to - from); }

void PatchIpv4(std::span<std::byte> header, uint16_t total_length, size_t index, ChecksumSum sum) {
  const auto identification =
      static_cast<uint16_t>(LoadBe16(&header[ipv4::kIdentification]) + index);
  sum.AddBe16(total_length);
  sum.AddBe16(identification);
  StoreBe16(&header[ipv4::kTotalLength], total_length);
  StoreBe16(&header[ipv4::kIdentification], identification);
  StoreBe16(&header[ipv4::kChecksum], sum.Checksum());
}

void PatchTcp(std::span<std::byte> header, const SegmentPlan& plan, size_t index, ChecksumSum sum) {
  const auto sequence =
      static_cast<uint32_t>(LoadBe32(&header[tcp::kSequence]) + index * plan.segment_size);
  unsigned flags = LoadBe16(&header[tcp::kDataOffsetAndFlags]);
  if (index != 0) flags &= ~unsigned{tcp::kCwr};
  if (index + 1 != plan.count) flags &= ~unsigned{tcp::kFin | tcp::kPsh};
  sum.AddBe32(sequence);
  sum.AddBe16(static_cast<uint16_t>(flags));
  StoreBe32(&header[tcp::kSequence], sequence);
  StoreBe16(&header[tcp::kDataOffsetAndFlags], static_cast<uint16_t>(flags));
  StoreBe16(&header[tcp::kChecksum], sum.Checksum());
}

void PatchUdp(std::span<std::byte> header, uint16_t length, ChecksumSum sum) {
  sum.AddBe16(length);
  StoreBe16(&header[udp::kLength], length);
  StoreBe16(&header[udp::kChecksum], UdpChecksum(sum));
}

void PatchIpv6(std::span<std::byte> header, uint16_t packet_length) {
  StoreBe16(&header[ipv6::kPayloadLength],
            static_cast<uint16_t>(packet_length - ipv6::kHeaderSize));
}

// The outer UDP header; `rest` runs from it to the payload. Its checksum holds the sum of the
// pseudo header, as an inner one does, or is 0 and stays so.
void PatchOuterUdp(std::span<std::byte> rest, uint16_t old_length, uint16_t length,
                   uint16_t payload_sum) {
  StoreBe16(&rest[udp::kLength], length);
  const uint16_t pseudo_sum = LoadBe16(&rest[udp::kChecksum]);
  if (pseudo_sum == 0) return;
  ChecksumSum sum;
  sum.AddBe16(length);
  sum.SubtractBe16(old_length);
  sum.Add(rest);
  sum.AddBe16(payload_sum);
  StoreBe16(&rest[udp::kChecksum], UdpChecksum(sum));
}

void PatchGreChecksum(std::span<std::byte> rest, uint16_t payload_sum) {
  StoreBe16(&rest[gre::kChecksum], 0);
  ChecksumSum sum;
  sum.Add(rest);
  sum.AddBe16(payload_sum);
  StoreBe16(&rest[gre::kChecksum], sum.Checksum());
}

// The headers of the tunnel. From the inside out, as checksums cover what is further in.
void PatchTunnel(std::span<std::byte> headers, size_t frame_size, const SegmentPlan& plan,
                 size_t index, uint16_t payload_sum) {
  const size_t end = headers.size() + plan.payload_length(index);
  for (size_t i = plan.layer_count; i-- > 0;) {
    const TunnelLayer& layer = plan.layers[i];
    const auto rest = headers.subspan(layer.offset);
    const uint16_t length = Length(layer.offset, end);
    switch (layer.kind) {
      case TunnelLayer::Kind::kIpv4: {
        const size_t size = (LoadByte(rest.data()) & 0x0FU) * size_t{4};
        PatchIpv4(rest, length, index, ConstantIpv4Sum(rest.first(size)));
        break;
      }
      case TunnelLayer::Kind::kIpv6:
        PatchIpv6(rest, length);
        break;
      case TunnelLayer::Kind::kUdp:
        PatchOuterUdp(rest, Length(layer.offset, frame_size), length, payload_sum);
        break;
      case TunnelLayer::Kind::kGreChecksum:
        PatchGreChecksum(rest, payload_sum);
        break;
    }
  }
}

// The headers of the packet that is cut, and of the tunnel it is in.
std::optional<TunnelLayout> Locate(const VirtioNetHeader& header,
                                   std::span<const std::byte> frame) {
  if (header.tunnelled) return LocateTunnelled(frame, header.checksum_start);
  const auto transport = LocateTransportHeader(frame.first(header.header_length));
  if (!transport) return std::nullopt;
  return TunnelLayout{.inner = *transport};
}

}  // namespace

std::optional<SegmentPlan> PlanSegments(const VirtioNetHeader& header,
                                        std::span<const std::byte> frame) {
  const auto layout = Locate(header, frame);
  const TransportHeader* const transport = layout ? &layout->inner : nullptr;
  if (transport == nullptr || frame.size() == header.header_length) return std::nullopt;
  SegmentPlan plan{.header_size = header.header_length,
                   .payload_size = frame.size() - header.header_length,
                   .segment_size = header.gso_size,
                   .network_offset = transport->network.offset,
                   .transport_sum = ConstantTransportSum(*transport, frame),
                   .layers = layout->layers,
                   .layer_count = layout->layer_count};
  plan.count = (plan.payload_size + plan.segment_size - 1) / plan.segment_size;
  if (transport->network.type == EtherType::kIpv4) {
    const size_t size = (LoadByte(&frame[plan.network_offset]) & 0x0FU) * size_t{4};
    plan.ipv4_sum = ConstantIpv4Sum(frame.subspan(plan.network_offset, size));
  }
  return plan;
}

void BuildSegmentHeaders(const VirtioNetHeader& header, std::span<const std::byte> frame,
                         const SegmentPlan& plan, size_t index, std::span<std::byte> headers) {
  std::ranges::copy(frame.first(plan.header_size), headers.begin());
  const auto payload = frame.subspan(plan.payload_offset(index), plan.payload_length(index));
  const size_t end = plan.header_size + payload.size();

  const auto network = headers.subspan(plan.network_offset);
  if ((LoadByte(network.data()) >> 4U) == 4) {
    PatchIpv4(network, Length(plan.network_offset, end), index, plan.ipv4_sum);
  } else {
    PatchIpv6(network, Length(plan.network_offset, end));
  }

  const uint16_t transport_length = Length(header.checksum_start, end);
  ChecksumSum sum = plan.transport_sum;
  sum.AddBe16(transport_length);  // of the pseudo header
  ChecksumSum payload_sum;
  payload_sum.Add(payload);
  sum.AddBe16(payload_sum.Folded());
  const auto transport = headers.subspan(header.checksum_start);
  if (header.gso == GsoType::kUdpL4) {
    PatchUdp(transport, transport_length, sum);
  } else {
    PatchTcp(transport, plan, index, sum);
  }
  if (plan.layer_count != 0) {
    PatchTunnel(headers.first(plan.header_size), frame.size(), plan, index, payload_sum.Folded());
  }
}

}  // namespace tapswitch
