// What happens to the VLAN tag of a frame on its way out (IEEE 802.1Q, 8.8.10).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

enum class TagEdit : uint8_t {
  kKeep,   // leaves as it came
  kPush,   // gets a tag in front of what it has
  kPop,    // loses its outermost tag
  kRetag,  // its outermost tag gets another VID
};

// For a frame whose VLAN was told by `tag`. A priority tag goes, with its priority, where frames
// leave untagged (net/bridge/br_vlan.c, br_handle_vlan).
[[nodiscard]] constexpr TagEdit TagEditFor(FrameTag tag, bool leaves_untagged) {
  using enum TagEdit;
  constexpr std::array<std::array<TagEdit, 2>, 3> kEdits{{
      {kPush, kKeep},  // FrameTag::kNone
      {kKeep, kPop},   // FrameTag::kTagged
      {kRetag, kPop},  // FrameTag::kPriority
  }};
  return kEdits[static_cast<size_t>(tag)][leaves_untagged ? 1 : 0];
}

// Bytes by which the frame grows.
[[nodiscard]] constexpr int GrowthBy(TagEdit edit) {
  if (edit == TagEdit::kPush) return kVlanTagSize;
  return edit == TagEdit::kPop ? -static_cast<int>(kVlanTagSize) : 0;
}

// Edits the headers of a frame, which begin at `frame`, in place: the addresses move, what is behind
// them stays. kVlanTagSize bytes in front of the frame are there to be used. Returns where the frame
// begins now. Precondition: the frame has the tag that is to be popped or changed.
std::byte* EditTag(std::byte* frame, TagEdit edit, VlanTag tag);

}  // namespace tapswitch
