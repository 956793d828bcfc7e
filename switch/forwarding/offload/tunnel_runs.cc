#include "switch/forwarding/offload/tunnel_runs.h"

#include <algorithm>
#include <limits>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

constexpr size_t kMaxIpSize = std::numeric_limits<uint16_t>::max();
// A sender's own bursts (UDP_SEGMENT) have no more before Linux 6.9 (uapi linux/udp.h,
// UDP_MAX_SEGMENTS).
constexpr size_t kMaxSegments = 64;

using Kind = TunnelLayer::Kind;

// Returns the sum of the addresses and the protocol. Returns nothing if another address may count,
// behind options (source routing) and extension headers.
std::optional<uint16_t> PseudoSum(std::span<const std::byte> frame, const TunnelLayer& ip,
                                  size_t transport) {
  const bool is_v4 = ip.kind == Kind::kIpv4;
  if (transport - ip.offset != (is_v4 ? ipv4::kMinHeaderSize : ipv6::kHeaderSize)) {
    return std::nullopt;
  }
  ChecksumSum sum;
  sum.Add(is_v4 ? frame.subspan(ip.offset + ipv4::kAddresses, 2 * ipv4::kAddressSize)
                : frame.subspan(ip.offset + ipv6::kAddresses, 2 * ipv6::kAddressSize));
  sum.AddBe16(kProtocolUdp);
  return sum.Folded();
}

}  // namespace

std::optional<OffloadSet> OffloadsOfRuns(const VirtioNetHeader& header,
                                         std::span<const std::byte> frame) {
  if (!header.tunnelled) return std::nullopt;
  const auto network = LocateNetworkHeader(frame);
  if (!network) return std::nullopt;
  OffloadSet needed;
  needed.insert(Offload::kChecksum);
  if (network->type == EtherType::kIpv4) {
    needed.insert(Offload::kUdp4);
  } else if (network->type == EtherType::kIpv6) {
    needed.insert(Offload::kUdp6);
  } else {
    return std::nullopt;
  }
  return needed;
}

std::optional<TunnelRuns> PlanRuns(const SegmentPlan& plan, std::span<const std::byte> frame) {
  if (plan.layer_count < 2 || plan.layers[1].kind != Kind::kUdp) return std::nullopt;
  const TunnelLayer& ip = plan.layers[0];
  const size_t transport = plan.layers[1].offset;
  TunnelRuns runs{.outer_size = transport + udp::kHeaderSize};
  const size_t segment_size = plan.header_size - runs.outer_size + plan.segment_size;
  runs.segments =
      std::min(kMaxSegments, (kMaxIpSize - (runs.outer_size - ip.offset)) / segment_size);
  if (runs.segments < 2) return std::nullopt;
  // The field holds the sum of the pseudo header with the length of the whole frame, or 0.
  const uint16_t field = LoadBe16(&frame[transport + udp::kChecksum]);
  if (field != 0) {
    ChecksumSum sum;
    sum.AddBe16(field);
    sum.SubtractBe16(LoadBe16(&frame[transport + udp::kLength]));
    runs.pseudo_sum = sum.Folded();
  } else if (const auto sum = PseudoSum(frame, ip, transport)) {
    runs.pseudo_sum = *sum;
  } else {
    return std::nullopt;
  }
  runs.offload = {.needs_checksum = true,
                  .gso = GsoType::kUdpL4,
                  .header_length = static_cast<uint16_t>(runs.outer_size),
                  .gso_size = static_cast<uint16_t>(segment_size),
                  .checksum_start = static_cast<uint16_t>(transport),
                  .checksum_offset = udp::kChecksum};
  return runs;
}

void BuildRunHeaders(const TunnelRuns& runs, const SegmentPlan& plan, size_t run_size,
                     std::span<std::byte> headers) {
  const TunnelLayer& ip = plan.layers[0];
  const auto network = headers.subspan(ip.offset);
  const size_t ip_size = runs.outer_size - ip.offset + run_size;
  if (ip.kind == Kind::kIpv4) {
    const size_t size = (LoadByte(network.data()) & 0x0FU) * size_t{4};
    ChecksumSum sum = ConstantIpv4Sum(network.first(size));
    sum.AddBe16(static_cast<uint16_t>(ip_size));
    sum.AddBe16(LoadBe16(&network[ipv4::kIdentification]));
    StoreBe16(&network[ipv4::kTotalLength], static_cast<uint16_t>(ip_size));
    StoreBe16(&network[ipv4::kChecksum], sum.Checksum());
  } else {
    StoreBe16(&network[ipv6::kPayloadLength], static_cast<uint16_t>(ip_size - ipv6::kHeaderSize));
  }
  const auto transport = headers.subspan(plan.layers[1].offset);
  const auto length = static_cast<uint16_t>(udp::kHeaderSize + run_size);
  ChecksumSum sum;
  sum.AddBe16(runs.pseudo_sum);
  sum.AddBe16(length);
  StoreBe16(&transport[udp::kLength], length);
  StoreBe16(&transport[udp::kChecksum], sum.Folded());
}

}  // namespace tapswitch
