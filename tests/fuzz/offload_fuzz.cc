// Input: a virtio-net header (10 bytes), then a frame. Whatever a header claims, what passes
// validation can be finished within the bounds of the frame.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/tunnels.h"
#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {
namespace {

// Segments to build of one frame: enough to see the first, the last and some between.
constexpr size_t kMaxSegments = 64;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Of a tunnelled segment, whose outer lengths have to be right.
std::optional<TransportHeader> LocateInSegment(const VirtioNetHeader& header,
                                               std::span<const std::byte> frame,
                                               const SegmentPlan& plan, size_t index,
                                               const std::vector<std::byte>& headers) {
  std::vector<std::byte> segment = headers;
  const auto payload = frame.subspan(plan.payload_offset(index), plan.payload_length(index));
  segment.insert(segment.end(), payload.begin(), payload.end());
  const auto layout = LocateTunnelled(segment, header.checksum_start);
  return layout ? std::optional(layout->inner) : std::nullopt;
}

void CheckSegments(const VirtioNetHeader& header, std::span<const std::byte> frame) {
  const auto plan = PlanSegments(header, frame);
  Require(plan.has_value() == (frame.size() > header.header_length));
  if (!plan) return;
  Require(plan->count > 0 && plan->header_size <= kMaxGsoHeaderSize);
  const size_t last = plan->count - 1;
  Require(plan->payload_offset(last) + plan->payload_length(last) == frame.size());
  std::vector<std::byte> headers(plan->header_size);
  const auto check = [&](size_t index) {
    Require(plan->payload_length(index) > 0);
    Require(plan->payload_length(index) <= plan->segment_size);
    BuildSegmentHeaders(header, frame, *plan, index, headers);
    const auto transport = header.tunnelled ? LocateInSegment(header, frame, *plan, index, headers)
                                            : LocateTransportHeader(headers);
    Require(transport && transport->payload_offset == headers.size());
    Require(transport->offset == header.checksum_start);
  };
  for (size_t i = 0; i < std::min(plan->count, kMaxSegments); ++i) check(i);
  check(last);
}

void Check(std::span<const std::byte, kVirtioNetHeaderSize> wire,
           std::span<const std::byte> frame) {
  const auto claimed = ParseVirtioNetHeader(wire);
  if (!claimed) return;
  std::vector<std::byte> stored(kVirtioNetHeaderSize);
  StoreVirtioNetHeader(*claimed, std::span(stored).first<kVirtioNetHeaderSize>());
  Require(std::ranges::equal(stored, wire));

  const auto header = ValidateOffload(*claimed, frame);
  if (!header) return;
  Require(ValidateOffload(*header, frame) == header);
  const OffloadSet needed = NeededOffloads(*header, frame);
  Require(needed.contains(Offload::kChecksum) == header->needs_checksum);
  if (header->gso != GsoType::kNone) {
    CheckSegments(*header, frame);
  } else if (header->crc32c) {
    Require(!FinishedCrc32c(*header, frame).empty());
  } else if (header->needs_checksum) {
    const uint16_t checksum = FinishedChecksum(*header, frame);
    Require(header->checksum_offset != 6 || checksum != 0);
  }
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  if (input.size() < tapswitch::kVirtioNetHeaderSize) return 0;
  tapswitch::Check(input.first<tapswitch::kVirtioNetHeaderSize>(),
                   input.subspan(tapswitch::kVirtioNetHeaderSize));
  return 0;
}
