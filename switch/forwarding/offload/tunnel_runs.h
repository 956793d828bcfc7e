// Joins segments of a tunnel over UDP to runs, which the segmentation of UDP can cut again.
//
// Hardly any port supports the GSO of tunnels, but most support that of UDP (UDP_L4), whose
// segments have the same headers up to the UDP header and any payload. So neighbouring segments
// leave as one frame. Its payload holds the tunnel header, the inner headers and the inner payload
// of each segment, finished as if the segment left alone. The receiver cuts a run into the segments
// that PlanSegments makes, with one exception: an outer checksum that was 0 is filled in, because
// this GSO cannot omit it. It is right, and a receiver has to accept it (RFC 7348, 4.2; RFC 8926,
// 3.3).

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// Returns the offloads that a port needs so that runs can leave by it. Nothing if the frame is not
// tunnelled, or its outermost header is not of IP. Precondition: `header` was returned by
// ValidateOffload for `frame`.
[[nodiscard]] std::optional<OffloadSet> OffloadsOfRuns(const VirtioNetHeader& header,
                                                       std::span<const std::byte> frame);

struct TunnelRuns {
  size_t outer_size = 0;      // of the headers that a run has once: up to and with outer UDP
  size_t segments = 0;        // in each run but the last; two or more
  uint16_t pseudo_sum = 0;    // of the outer UDP header, without the length
  VirtioNetHeader offload{};  // of a run of more than one segment
};

// Plans the runs. Returns nothing if the tunnel is not over UDP, or if two segments exceed a
// packet. Precondition: `plan` was made for `frame`, which is tunnelled.
[[nodiscard]] std::optional<TunnelRuns> PlanRuns(const SegmentPlan& plan,
                                                 std::span<const std::byte> frame);

// Turns the headers of a segment, as BuildSegmentHeaders wrote them, into those of a run that
// starts with this segment and has `run_size` bytes behind its outer headers.
void BuildRunHeaders(const TunnelRuns& runs, const SegmentPlan& plan, size_t run_size,
                     std::span<std::byte> headers);

}  // namespace tapswitch
