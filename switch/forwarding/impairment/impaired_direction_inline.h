// The templates of impaired_direction.h.

#pragma once

#include <array>

#include "switch/forwarding/impairment/impaired_direction.h"
#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/validation.h"

namespace tapswitch {

template <typename Each>
bool ImpairedDirection::AdmitSegments(std::span<const std::byte> frame,
                                      const VirtioNetHeader& offload, Nanoseconds now,
                                      const Each& each) {
  const auto plan = PlanSegments(offload, frame);
  if (!plan) return false;
  std::array<std::byte, kVirtioNetHeaderSize + kMaxGsoHeaderSize> headers{};
  const auto behind = std::span(headers).subspan(kVirtioNetHeaderSize, plan->header_size);
  for (size_t i = 0; i < plan->count; ++i) {
    BuildSegmentHeaders(offload, frame, *plan, i, behind);
    const auto payload = frame.subspan(plan->payload_offset(i), plan->payload_length(i));
    const std::array<Piece, 2> pieces{
        {{headers.data(), kVirtioNetHeaderSize + behind.size()}, {payload.data(), payload.size()}}};
    const Arrival segment{
        .pieces = pieces, .size = behind.size() + payload.size(), .needed = {}, .offload = {}};
    each(Admit(segment, now), segment);
  }
  return true;
}

}  // namespace tapswitch
