// Some frames of a batch, to find conversations that go on. They are judged in the next turn, when
// it is known how they have left.
//
// One thread uses it.

#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/egress/egress_lists.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

struct FlowSample {
  PortId ingress;
  EthernetHeader header{};
  uint16_t frame = 0;  // in its batch
  bool is_small = false;
};

class FlowSamples {
 public:
  // The most frames of a batch that are taken; of fewer, all are.
  static constexpr size_t kMost = 16;
  // With a header, and a payload that is worth less than what handling a frame costs.
  static constexpr size_t kMostSmall = 256;

  // Takes frames here and there in the batch that came in by `ports`: what sends a lot is soon
  // found.
  void Take(std::span<const Frame> frames, const PortSet& ports) {
    Clear();
    const size_t step = frames.size() / kMost + 1;
    for (size_t i = frames.size() % step; i < frames.size() && size_ < kMost; i += step) {
      const Frame& frame = frames[i];
      if (!ports.contains(frame.ingress)) continue;
      const auto header = ParseHeader(frame.bytes());
      if (!header || header->destination.is_multicast()) continue;
      samples_[size_++] = {.ingress = frame.ingress,
                           .header = *header,
                           .frame = static_cast<uint16_t>(i),
                           .is_small = frame.bytes().size() <= kMostSmall};
    }
  }

  // These have left as one.
  void NoteJoined(std::span<const EgressFrame> copies) {
    if (size_ == 0) return;
    for (const EgressFrame& copy : copies) joined_.set(copy.frame);
  }

  [[nodiscard]] std::span<const FlowSample> all() const { return std::span(samples_).first(size_); }
  [[nodiscard]] bool is_joined(const FlowSample& sample) const {
    return sample.is_small && joined_.test(sample.frame);
  }

  void Clear() {
    size_ = 0;
    joined_.reset();
  }

 private:
  std::array<FlowSample, kMost> samples_{};
  size_t size_ = 0;
  std::bitset<FrameBatch::kCapacity> joined_;
};

}  // namespace tapswitch
