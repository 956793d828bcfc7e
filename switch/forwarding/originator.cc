#include "switch/forwarding/originator.h"

#include <algorithm>
#include <array>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/tag_edit.h"

namespace tapswitch {
namespace {

// A copy of a frame, with a tag.
class TaggedFrame {
 public:
  TaggedFrame(std::span<const std::byte> frame, VlanTag tag) : size_(frame.size() + kVlanTagSize) {
    std::byte* const untagged = bytes_.data() + kVlanTagSize;
    std::copy(frame.begin(), frame.end(), untagged);
    EditTag(untagged, TagEdit::kPush, tag);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::array<std::byte, OriginatedFrames::kMaxFrameSize> bytes_{};
  size_t size_;
};

}  // namespace

PortSet Originator::Send(VlanId vlan, std::span<const std::byte> frame, const PortSet& ports,
                         uint16_t priority) {
  const VlanMasks& masks = view_.masks(vlan);
  const PortSet leaves_by = ports & masks.forwarding & view_.gates().forwarding();
  const PortSet untagged = leaves_by & masks.untagged;
  const PortSet tagged = leaves_by - untagged;
  PortSet sent = AppendTo(untagged, frame, vlan);
  const VlanTag tag{.protocol = view_.vlan_protocol(),
                    .control = static_cast<uint16_t>(priority | vlan.value)};
  sent |= AppendTo(tagged, TaggedFrame(frame, tag).bytes(), vlan);
  if (!view_.filters_vlans()) return sent;
  // Without its tag, as a frame of the VLAN is counted wherever it leaves.
  sent.ForEach([&](PortId port) { counters_.of(vlan, port).sent.Add(frame.size()); });
  return sent;
}

bool Originator::SendOnLink(PortId port, std::span<const std::byte> frame) {
  return AppendTo(PortSet::Of(port), frame, kNoVlan).contains(port);
}

PortSet Originator::AppendTo(const PortSet& ports, std::span<const std::byte> frame, VlanId vlan) {
  PortSet sent;
  if (ports.empty()) return sent;
  const auto wire = frames_.Store(frame);
  if (!wire) return sent;
  ports.ForEach([&](PortId port) {
    if (Append(port, *wire, vlan)) sent.insert(port);
  });
  return sent;
}

// With its copies for observers, or not at all.
bool Originator::Append(PortId port, Piece wire, VlanId vlan) {
  const PortSet mirrors = view_.copies_of_sent(port, vlan);
  if (frames_.room() < 1 + mirrors.size()) return false;
  frames_.Append(port, wire);
  mirrors.ForEach([&](PortId mirror) { frames_.Append(mirror, wire); });
  return true;
}

}  // namespace tapswitch
