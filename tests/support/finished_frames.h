// The frames on the wire that a frame with unfinished work, or several joined ones, lead to.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/coalescing.h"
#include "switch/forwarding/wire/bytes.h"
#include "tests/support/ip_packet.h"
#include "tests/support/segments.h"

namespace tapswitch {

// A frame and its validated header.
struct OffloadedFrame {
  Bytes bytes;
  VirtioNetHeader offload;
};

// Returns the finished frames: the segments of a GSO frame, none if it has no payload.
[[nodiscard]] inline std::vector<Bytes> FinishedFrames(const OffloadedFrame& frame) {
  if (frame.offload.gso != GsoType::kNone) return Segments(frame.offload, frame.bytes);
  Bytes finished = frame.bytes;
  if (frame.offload.needs_checksum) {
    const size_t field = size_t{frame.offload.checksum_start} + frame.offload.checksum_offset;
    StoreBe16(&finished[field], FinishedChecksum(frame.offload, frame.bytes));
  }
  return {finished};
}

// Joins `frames` from the front as far as possible and removes the joined ones. Returns the result,
// which is the first frame unchanged if nothing joined it.
[[nodiscard]] inline OffloadedFrame JoinSome(std::span<const OffloadedFrame>& frames) {
  Coalescer coalescer;
  const OffloadedFrame& first = frames.front();
  size_t count = 1;
  if (coalescer.Start(first.offload, first.bytes)) {
    while (count < frames.size() && MayContinue(first.bytes, frames[count].bytes) &&
           coalescer.Join(frames[count].offload, frames[count].bytes)) {
      ++count;
    }
  }
  OffloadedFrame whole = first;
  if (count > 1) {
    whole = {.bytes = Bytes(coalescer.header_size()), .offload = coalescer.offload()};
    coalescer.BuildHeaders(whole.bytes);
    for (const OffloadedFrame& frame : frames.first(count)) {
      const auto payload = std::span(frame.bytes).subspan(coalescer.header_size());
      whole.bytes.insert(whole.bytes.end(), payload.begin(), payload.end());
    }
  }
  frames = frames.subspan(count);
  return whole;
}

}  // namespace tapswitch
