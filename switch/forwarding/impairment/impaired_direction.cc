#include "switch/forwarding/impairment/impaired_direction.h"

#include <algorithm>
#include <cstring>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

void FinishHeldChecksum(HeldFrame& frame) {
  const auto bytes = frame.bytes();
  if (frame.offload.needs_checksum) {
    std::byte* const field =
        bytes.data() + frame.offload.checksum_start + frame.offload.checksum_offset;
    if (frame.offload.crc32c) {
      const auto sum = FinishedCrc32c(frame.offload, bytes);
      std::memcpy(field, sum.data(), sum.size());
    } else {
      StoreBe16(field, FinishedChecksum(frame.offload, bytes));
    }
  }
  frame.offload = {};
  frame.needed = {};
  StoreVirtioNetHeader({}, frame.wire.first<kVirtioNetHeaderSize>());
}

}  // namespace

bool CorruptFrame(HeldFrame& frame, uint64_t choice) {
  if (frame.offload.gso != GsoType::kNone) return false;
  const auto header = ParseHeader(frame.bytes());
  if (!header || header->payload_offset >= frame.bytes().size()) return false;
  FinishHeldChecksum(frame);
  const auto payload = frame.bytes().subspan(header->payload_offset);
  const uint64_t bit = choice % (payload.size() * 8);
  payload[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  return true;
}

ImpairedDirection::ImpairedDirection(const ImpairmentPlan& plan, Nanoseconds now)
    : plan_(plan), impairment_(plan, now), held_(HeldLimit(plan)) {}

bool ImpairedDirection::Applies(const EthernetHeader& header, VlanId vlan) const {
  const ImpairmentMatch& match = plan_.match;
  if (match.vlan != kNoVlan) {
    const uint16_t tagged = header.tag ? header.tag->vid() : uint16_t{0};
    if ((vlan == kNoVlan ? VlanId{tagged} : vlan) != match.vlan) return false;
  }
  return match.mac.is_zero() || header.source == match.mac || header.destination == match.mac;
}

AdmittedFrame ImpairedDirection::Admit(const Arrival& frame, Nanoseconds now) {
  AdmittedFrame admitted;
  if (impairment_.IsNextDoubled(now)) {
    admitted.came = 2;
    ++counters_.duplicated;
  }
  for (uint8_t i = 0; i < admitted.came; ++i) Decide(frame, now, i > 0, admitted);
  return admitted;
}

void ImpairedDirection::Decide(const Arrival& frame, Nanoseconds now, bool is_copy,
                               AdmittedFrame& admitted) {
  FrameFate fate = impairment_.Admit(frame.size, held_.has_room(), now);
  HeldFrame* const held = fate.death ? nullptr : Hold(frame, fate, fate.release > now);
  if (!fate.death && held == nullptr) fate.death = FrameDeath::kOverLimit;
  if (fate.death == FrameDeath::kLost) {
    ++counters_.lost;
    ++admitted.lost;
  } else if (fate.death) {
    ++counters_.over_limit;
    ++admitted.over_limit;
  } else {
    ++counters_.passed;
    if (fate.overtakes) ++counters_.reordered;
    if (held->is_changed) admitted.is_corrupt = true;
    held->is_copy = is_copy;
  }
}

HeldFrame* ImpairedDirection::Hold(const Arrival& frame, const FrameFate& fate, bool waits) {
  HeldFrame* const held = held_.Add(kVirtioNetHeaderSize + frame.size, fate.release, waits);
  if (held == nullptr) return nullptr;
  std::byte* end = held->wire.data();
  for (const Piece& piece : frame.pieces) {
    std::memcpy(end, piece.data, piece.size);
    end += piece.size;
  }
  held->needed = frame.needed;
  held->offload = frame.offload;
  held->is_changed = fate.corrupt && CorruptFrame(*held, *fate.corrupt);
  if (held->is_changed) ++counters_.corrupted;
  return held;
}

}  // namespace tapswitch
