#include "ports/socket/received_frames.h"

#include <algorithm>
#include <cstring>

#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

void ReceivedFrames::Take(std::span<const std::byte> frame, PortId port, PortCounters& counters,
                          FrameBatch& received) {
  ++count_;
  counters.received.Add(frame.size());
  if (frame.size() < kEthernetHeaderSize) return counters.Drop(DropReason::kRunt);
  const size_t size = kVirtioNetHeaderSize + frame.size();
  std::byte* const at = memory_.data() + used_;
  std::fill_n(at, kVirtioNetHeaderSize, std::byte{0});
  std::memcpy(at + kVirtioNetHeaderSize, frame.data(), frame.size());
  used_ += (size + kAlignment - 1) / kAlignment * kAlignment;
  received.push_back(
      {.wire = {.data = at, .size = size}, .ingress = port, .needed = {}, .offload = {}});
}

}  // namespace tapswitch
