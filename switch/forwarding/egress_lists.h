// The frames that leave because of a batch. Those of the batch are grouped by the port they leave
// by, so that each port gets its batch at once. Those that the bridge originates stand apart.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/originated_frames.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/wire/tag_edit.h"

namespace tapswitch {

// One copy of a frame that is to leave by a port.
struct EgressFrame {
  uint16_t frame = 0;  // index in the batch
  TagEdit edit = TagEdit::kKeep;
  VlanTag tag{};  // that an edit gives it

  bool operator==(const EgressFrame&) const = default;
};

// The two forms in which the copies of one frame leave.
class TagEdits {
 public:
  TagEdits(const ForwardingView& view, const EthernetHeader& header, Classification as)
      : tag_{.protocol = view.vlan_protocol(), .control = as.vlan.value}, from_(as.tag) {
    constexpr uint16_t kPriorityBits = 0xF000;  // PCP and DEI
    if (as.tag != FrameTag::kPriority) return;
    tag_.control = static_cast<uint16_t>(as.vlan.value | (header.tag->control & kPriorityBits));
  }

  [[nodiscard]] EgressFrame Copy(uint16_t frame, bool untagged) const {
    return {.frame = frame, .edit = TagEditFor(from_, untagged), .tag = tag_};
  }

 private:
  VlanTag tag_;
  FrameTag from_;
};

class EgressLists {
 public:
  // Room is reserved here, so that grouping never allocates: of a batch for the frames that leave
  // by the port, or, where mirrors copy to it, for one copy as each came and one as it left.
  void AddPort(PortId port) {
    if (lists_.size() <= port.value) lists_.resize(port.value + 1U);
    lists_[port.value].reserve(2 * FrameBatch::kCapacity);
  }

  // Precondition: AddPort(port) was called; a frame is appended once to a port, or twice
  // where copies for an observer go.
  void Append(PortId port, EgressFrame frame) {
    lists_[port.value].push_back(frame);
    used_.insert(port);
  }

  // The ports whose list is not empty.
  [[nodiscard]] const PortSet& used() const { return used_; }
  // In the order of arrival.
  [[nodiscard]] std::span<const EgressFrame> of(PortId port) const { return lists_[port.value]; }

  // Frames that the bridge originates. Emptied separately, as their bytes are needed for longer.
  [[nodiscard]] OriginatedFrames& originated() { return originated_; }

  // Clears the lists of the frames of the batch.
  void Clear() {
    used_.ForEach([this](PortId port) { lists_[port.value].clear(); });
    used_ = {};
  }

 private:
  std::vector<std::vector<EgressFrame>> lists_;  // by port
  PortSet used_;
  OriginatedFrames originated_;
};

}  // namespace tapswitch
