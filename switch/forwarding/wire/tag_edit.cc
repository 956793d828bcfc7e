#include "switch/forwarding/wire/tag_edit.h"

#include <cstring>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

constexpr size_t kAddresses = 2 * kMacAddressSize;

void StoreTag(std::byte* at, VlanTag tag) {
  StoreBe16(at, static_cast<uint16_t>(tag.protocol));
  StoreBe16(at + sizeof(uint16_t), tag.control);
}

}  // namespace

std::byte* EditTag(std::byte* frame, TagEdit edit, VlanTag tag) {
  switch (edit) {
    case TagEdit::kKeep:
      break;
    case TagEdit::kPush:
      std::memmove(frame - kVlanTagSize, frame, kAddresses);
      frame -= kVlanTagSize;
      StoreTag(frame + kAddresses, tag);
      break;
    case TagEdit::kPop:
      std::memmove(frame + kVlanTagSize, frame, kAddresses);
      frame += kVlanTagSize;
      break;
    case TagEdit::kRetag:
      StoreTag(frame + kAddresses, tag);
      break;
  }
  return frame;
}

}  // namespace tapswitch
