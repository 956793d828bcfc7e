// The frames that leave because of a batch. Those of the batch are grouped by the port they leave
// by, so that each port gets its batch at once. Those that the bridge originates stand apart.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "switch/forwarding/egress/originated_frames.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/tag_edit.h"

namespace tapswitch {

// One copy of a frame that is to leave by a port.
struct EgressFrame {
  uint16_t frame = 0;  // index in the batch
  TagEdit edit = TagEdit::kKeep;
  uint8_t receiver = 0;  // 0: its own destination; else the number of another (EgressLists)
  VlanTag tag{};         // that an edit gives it

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
  // by the port, or, where mirrors copy to it, for one copy as each came and one as it left; and
  // for as many copies to single receivers.
  void AddPort(PortId port) { lists_[port.value].reserve(2 * kRoom); }

  // Precondition: AddPort(port) was called, or the process ends; a frame is appended once to a
  // port, or twice where copies for an observer go. Without the code that lets a list grow, and
  // inline, it takes five percent off the time for a frame.
  [[gnu::always_inline]] void Append(PortId port, EgressFrame frame) {
    std::vector<EgressFrame>& list = lists_[port.value];
    if (list.size() == list.capacity()) [[unlikely]]
      std::abort();
    list.push_back(frame);
    used_.insert(port);
  }

  // Whether a frame may be appended that many times more, each to a receiver of its own.
  [[nodiscard]] bool has_room(PortId port, size_t copies) const {
    return lists_[port.value].size() + copies <= kRoom;
  }
  // Returns the number of a receiver, for copies of this batch; 0: there are too many others.
  [[nodiscard]] uint8_t NumberOf(MacAddress receiver);
  // The receivers; the first has the number 1.
  [[nodiscard]] std::span<const MacAddress> receivers() const { return receivers_; }

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
    receivers_.clear();
  }

 private:
  static constexpr size_t kRoom = 2 * FrameBatch::kCapacity;
  static constexpr size_t kMostReceivers = UINT8_MAX;

  // By port: of all there may be, so that one which was not added has no room.
  std::vector<std::vector<EgressFrame>> lists_ = std::vector<std::vector<EgressFrame>>(kMaxPorts);
  PortSet used_;
  std::vector<MacAddress> receivers_;
  OriginatedFrames originated_;
};

inline uint8_t EgressLists::NumberOf(MacAddress receiver) {
  const auto known = std::find(receivers_.begin(), receivers_.end(), receiver);
  const auto number = static_cast<size_t>(known - receivers_.begin()) + 1;
  if (known != receivers_.end()) return static_cast<uint8_t>(number);
  if (number > kMostReceivers) return 0;
  receivers_.reserve(kMostReceivers);
  receivers_.push_back(receiver);
  return static_cast<uint8_t>(number);
}

}  // namespace tapswitch
