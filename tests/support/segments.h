// Builds the segments of a GSO frame.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "switch/forwarding/offload/segmentation.h"
#include "tests/support/ip_packet.h"

namespace tapswitch {

// Precondition: `header` is validated and of a GSO type. Headers are built in memory of exactly
// their size, so that a sanitizer sees a byte too many.
[[nodiscard]] inline std::vector<Bytes> Segments(const VirtioNetHeader& header,
                                                 std::span<const std::byte> frame) {
  std::vector<Bytes> segments;
  const auto plan = PlanSegments(header, frame);
  if (!plan) return segments;
  for (size_t i = 0; i < plan->count; ++i) {
    Bytes segment(plan->header_size);
    BuildSegmentHeaders(header, frame, *plan, i, segment);
    const auto payload = frame.subspan(plan->payload_offset(i), plan->payload_length(i));
    segment.insert(segment.end(), payload.begin(), payload.end());
    segments.push_back(segment);
  }
  return segments;
}

}  // namespace tapswitch
