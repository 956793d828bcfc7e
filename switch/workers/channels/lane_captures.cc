// What a lane shows to those who capture.

#include "switch/workers/lane.h"

namespace tapswitch {

// The time is read once a turn: to all frames that came in one system call, it is the same. The
// bridge is not locked, as filters may take long.
void Lane::CaptureReceived() {
  captured_at_ = clock_.RealTime();
  for (CapturePoint* const capture : captures_) {
    for (const Frame& frame : batch_.frames()) {
      if (is_impaired_ && impaired_.ingress.contains(frame.ingress)) continue;  // see HoldFrame
      capture->Take(frame.ingress, CapturePoint::Direction::kInbound, captured_at_,
                    {.pieces = {&frame.wire, 1}, .size = frame.bytes().size()});
    }
  }
}

// Before the frames are on their way: what comes of them is captured later.
void Lane::CaptureSent(PortId by, std::span<const WireFrame> frames) {
  if (is_impaired_ && impaired_.egress.contains(by)) return;  // see HoldSent and SendDue
  for (CapturePoint* const capture : captures_) {
    for (const WireFrame& frame : frames) {
      capture->Take(by, CapturePoint::Direction::kOutbound, captured_at_, frame);
    }
  }
}

void Lane::WakeCaptures() {
  for (CapturePoint* const capture : captures_) capture->WakeReader();
}

void Lane::Capture(PortId port, CapturePoint::Direction direction, const WireFrame& frame,
                   CapturePoint::Note note) {
  for (CapturePoint* const capture : captures_) {
    capture->Take(port, direction, captured_at_, frame, note);
  }
}

}  // namespace tapswitch
