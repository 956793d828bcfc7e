// Changes of a frame's VLAN tag at egress (IEEE 802.1Q, 8.8.10).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/frame_tag.h"

namespace tapswitch {

enum class TagEdit : uint8_t {
  kKeep,   // the frame leaves as it came
  kPush,   // a tag is added in front
  kPop,    // the outermost tag is removed
  kRetag,  // the VID of the outermost tag is changed
};

// Returns the edit for a frame whose VLAN was told by `tag`. If frames leave untagged, a priority
// tag is removed together with its priority (net/bridge/br_vlan.c, br_handle_vlan).
[[nodiscard]] constexpr TagEdit TagEditFor(FrameTag tag, bool leaves_untagged) {
  using enum TagEdit;
  constexpr std::array<std::array<TagEdit, 2>, 3> kEdits{{
      {kPush, kKeep},  // FrameTag::kNone
      {kKeep, kPop},   // FrameTag::kTagged
      {kRetag, kPop},  // FrameTag::kPriority
  }};
  return kEdits[static_cast<size_t>(tag)][leaves_untagged ? 1 : 0];
}

// The number of bytes by which the frame grows.
[[nodiscard]] constexpr int GrowthBy(TagEdit edit) {
  if (edit == TagEdit::kPush) return kVlanTagSize;
  return edit == TagEdit::kPop ? -static_cast<int>(kVlanTagSize) : 0;
}

// Edits the headers of a frame, which begin at `frame`, in place: the addresses move, the bytes
// behind them stay. The kVlanTagSize bytes in front of the frame are free for use. Returns the new
// start of the frame. Precondition: the frame has the tag that is to be removed or changed.
std::byte* EditTag(std::byte* frame, TagEdit edit, VlanTag tag);

}  // namespace tapswitch
