// Frames of ports that are impaired, on their way through a lane.

#include <algorithm>
#include <array>
#include <utility>

#include "switch/workers/lane.h"

namespace tapswitch {
namespace {

CapturePoint::Note NoteOf(const AdmittedFrame& admitted) {
  using Note = CapturePoint::Note;
  if (admitted.lost == admitted.came) return Note::kImpairedLoss;
  if (admitted.lost + admitted.over_limit == admitted.came) return Note::kImpairedLimit;
  if (admitted.is_corrupt) return Note::kCorrupted;
  return admitted.came > 1 ? Note::kDuplicated : Note::kNone;
}

CapturePoint::Note NoteOf(const HeldFrame& held) {
  using Note = CapturePoint::Note;
  if (held.is_changed) return Note::kCorrupted;
  return held.is_copy ? Note::kDuplicated : Note::kNone;
}

// Frames that are impaired one by one leave one by one.
void CutFirst(bool keeps_gso, EgressLimits& limits) {
  if (keeps_gso) return;
  limits.join = false;
  for (const Offload cut : {Offload::kTcp4, Offload::kTcp6, Offload::kUdp4, Offload::kUdp6}) {
    limits.accepted.remove(cut);
  }
}

}  // namespace

void Lane::set_impairments(Impairments& all, HeldFramesRole role) {
  impairments_ = &all;
  is_releaser_ = role == HeldFramesRole::kAdmitsAndReleases;
}

// The lane that releases goes on to do so until nothing is held any more.
void Lane::set_impaired(const Impairments::Ports& ports) {
  impaired_ = ports;
  is_impaired_ = !ports.empty() || (is_releaser_ && impairments_->held() != 0);
  releases_held_ = is_impaired_ && is_releaser_;
}

std::optional<std::chrono::nanoseconds> Lane::UntilRelease() {
  const ImpairmentLock lock(*impairments_);
  const Nanoseconds next = impairments_->Sleep();
  if (next == kNoMoment) {
    const bool is_over = impaired_.empty() && !impairments_->has_taken();
    if (is_over) is_impaired_ = releases_held_ = false;
    return std::nullopt;
  }
  const Nanoseconds now = Impairments::Now();
  return std::chrono::nanoseconds(next > now ? next - now : 0);
}

void Lane::HoldReceived(const ForwardingView& view) {
  if (batch_.empty() || impaired_.ingress.empty()) return;
  const ImpairmentLock lock(*impairments_);
  const Nanoseconds now = Impairments::Now();
  batch_.EraseIf([&](const Frame& frame) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!impaired_.ingress.contains(frame.ingress)) return false;
    ImpairedDirection* const impaired = impairments_->Find(frame.ingress, PortDirection::kIngress);
    const auto header = ParseHeader(frame.bytes());
    const bool applies = impaired != nullptr && header &&
                         impaired->Applies(*header, view.Classify(frame.ingress, *header).vlan);
    if (applies) {
      HoldFrame(frame, *impaired, now);
      impairments_->Admitted(*impaired);
    } else if (!captures_.empty()) {
      Capture(frame.ingress, CapturePoint::Direction::kInbound,
              {.pieces = {&frame.wire, 1}, .size = frame.bytes().size()});
    }
    return applies;
  });
}

void Lane::HoldFrame(const Frame& frame, ImpairedDirection& impaired, Nanoseconds now) {
  FrameCounter& received = counters_[frame.ingress.value].received;
  const auto admit = [&](const AdmittedFrame& admitted, const ImpairedDirection::Arrival& one) {
    CountHeld(frame.ingress, admitted, one.size);
    NoteHeld(frame.ingress, CapturePoint::Direction::kInbound, admitted, one);
  };
  received.Remove(frame.bytes().size());
  const bool is_cut = frame.offload.gso != GsoType::kNone && !impaired.keeps_gso() &&
                      impaired.AdmitSegments(frame.bytes(), frame.offload, now, admit);
  if (is_cut) return;
  const ImpairedDirection::Arrival whole{.pieces = {&frame.wire, 1},
                                         .size = frame.bytes().size(),
                                         .needed = frame.needed,
                                         .offload = frame.offload};
  admit(impaired.Admit(whole, now), whole);
}

void Lane::CountHeld(PortId id, const AdmittedFrame& admitted, size_t size) {
  PortCounters& counters = counters_[id.value];
  for (uint8_t i = 0; i < admitted.came; ++i) counters.received.Add(size);
  counters.Drop(DropReason::kImpairedLossIn, admitted.lost);
  counters.Drop(DropReason::kImpairedLimitIn, admitted.over_limit);
}

void Lane::NoteHeld(PortId id, CapturePoint::Direction direction, const AdmittedFrame& admitted,
                    const ImpairedDirection::Arrival& frame) {
  if (captures_.empty()) return;
  Capture(id, direction, {.pieces = frame.pieces, .size = frame.size}, NoteOf(admitted));
}

bool Lane::TakeHeld() {
  held_batch_.clear();
  const ImpairmentLock lock(*impairments_);
  ring_.Submit();
  impairments_->FreeTaken();
  impairments_->TakeDue(
      PortDirection::kIngress, Impairments::Now(), [this](PortId id, const HeldFrame& held) {
        held_batch_.push_back(
            {.wire = held.whole, .ingress = id, .needed = held.needed, .offload = held.offload});
        return !held_batch_.full();
      });
  return !held_batch_.empty();
}

void Lane::DecideHeld(const LockedBridge& bridge) {
  bridge->Process(held_batch_.frames(), now_, egress_, counters_);
  joining_ = bridge->view().joining();
}

void Lane::SendHeld() { SendCopies(held_batch_.frames()); }

EgressLimits Lane::LimitsOf(PortId id, const PortStatus& status) const {
  EgressLimits limits{.accepted = status.accepted,
                      .mtu = status.mtu,
                      .join = joins_frames_ && joining_.contains(id)};
  if (is_impaired_ && impaired_.egress.contains(id)) [[unlikely]]
    CutFirst(impaired_.keeping_gso.contains(id), limits);
  return limits;
}

// All of them, unless it matters.
size_t Lane::CopiesOfOneVlan(PortId id, std::span<const EgressFrame> copies) const {
  if (!is_impaired_ || !impaired_.egress.contains(id)) return copies.size();
  const uint16_t vlan = copies.front().tag.vid();
  const auto end = std::ranges::find_if(
      copies, [vlan](const EgressFrame& copy) { return copy.tag.vid() != vlan; });
  return static_cast<size_t>(end - copies.begin());
}

void Lane::HoldSent(Port& port, std::span<const WireFrame> frames, VlanId vlan) {
  const PortId id = port.identity().id;
  const ImpairmentLock lock(*impairments_);
  ImpairedDirection* const impaired = impairments_->Find(id, PortDirection::kEgress);
  if (impaired == nullptr) return SendAdmitted(port, frames);
  const Nanoseconds now = Impairments::Now();
  PortCounters& counters = *port.identity().counters;
  for (const WireFrame& frame : frames) {
    const std::span first(frame.pieces.front().data, frame.pieces.front().size);
    const auto header = ParseHeader(first.subspan(kVirtioNetHeaderSize));
    if (!header || !impaired->Applies(*header, vlan)) {
      CaptureHeld(id, frame, CapturePoint::Note::kNone);
      SendAdmitted(port, {&frame, 1});
      continue;
    }
    const auto offload = ParseVirtioNetHeader(first.first<kVirtioNetHeaderSize>());
    const ImpairedDirection::Arrival arrival{.pieces = frame.pieces,
                                             .size = frame.size,
                                             .needed = {},
                                             .offload = offload.value_or(VirtioNetHeader{})};
    const AdmittedFrame admitted = impaired->Admit(arrival, now);
    counters.Drop(DropReason::kImpairedLoss, admitted.lost);
    counters.Drop(DropReason::kImpairedLimit, admitted.over_limit);
    const bool is_dead = admitted.lost + admitted.over_limit == admitted.came;
    if (is_dead) NoteHeld(id, CapturePoint::Direction::kOutbound, admitted, arrival);
  }
  impairments_->Admitted(*impaired);
}

void Lane::CaptureHeld(PortId by, const WireFrame& frame, CapturePoint::Note note) {
  if (!captures_.empty()) Capture(by, CapturePoint::Direction::kOutbound, frame, note);
}

// The bytes stay in place until what this queues is out.
void Lane::SendDue() {
  constexpr size_t kAtOnce = 64;
  std::array<WireFrame, kAtOnce> frames;
  size_t count = 0;
  PortId to{0};
  const auto send = [&] {
    if (count == 0) return;
    if (Port* const egress = port(to)) {
      SendAdmitted(*egress, std::span(frames).first(count));
    } else {
      counters_[to.value].Drop(DropReason::kLinkDown, count);  // it has been removed since
    }
    count = 0;
  };
  const ImpairmentLock lock(*impairments_);
  impairments_->TakeDue(PortDirection::kEgress, Impairments::Now(),
                        [&](PortId id, const HeldFrame& held) {
                          if (id != to || count == kAtOnce) send();
                          to = id;
                          frames[count] = {.pieces = {&held.whole, 1}, .size = held.bytes().size()};
                          CaptureHeld(id, frames[count], NoteOf(held));
                          ++count;
                          return true;
                        });
  send();
}

}  // namespace tapswitch
