// Segments of a tunnel over UDP, joined to runs that the segmentation of UDP cuts again.
//
// Hardly a port takes the GSO of tunnels, but most take that of UDP (UDP_L4): its segments have the
// same headers up to the UDP header, and payload of any kind. So neighbouring segments leave as one
// frame whose payload is the tunnel header, the inner headers and the inner payload of each, finished
// as if it left alone. What is cut from a run is what PlanSegments makes, but for an outer checksum
// that was 0: it is filled in, as this GSO cannot leave it out, and is right. A receiver has to take
// it (RFC 7348, 4.2; RFC 8926, 3.3).

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// What a port has to take so that runs can leave by it. Nothing when the frame is not tunnelled, or its
// outermost header is not of IP. Precondition: `header` was returned by ValidateOffload for `frame`.
[[nodiscard]] std::optional<OffloadSet> OffloadsOfRuns(const VirtioNetHeader& header,
                                                       std::span<const std::byte> frame);

struct TunnelRuns {
  size_t outer_size = 0;      // of the headers that stand once in a run: up to and with outer UDP
  size_t segments = 0;        // in each run but the last; two or more
  uint16_t pseudo_sum = 0;    // of the outer UDP header, without the length
  VirtioNetHeader offload{};  // of a run of more than one segment
};

// Nothing when the tunnel is not one over UDP, or two segments are more than a packet takes.
// Precondition: `plan` was made for `frame`, which is tunnelled.
[[nodiscard]] std::optional<TunnelRuns> PlanRuns(const SegmentPlan& plan,
                                                 std::span<const std::byte> frame);

// Makes of the headers of a segment, as BuildSegmentHeaders has left them, those of a run that starts
// with it and has so many bytes behind its outer headers.
void BuildRunHeaders(const TunnelRuns& runs, const SegmentPlan& plan, size_t run_size,
                     std::span<std::byte> headers);

}  // namespace tapswitch
