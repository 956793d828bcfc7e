#include "switch/forwarding/originator.h"

#include <algorithm>
#include <array>

#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

// The frame with a tag behind its addresses.
struct TaggedFrame {
  TaggedFrame(std::span<const std::byte> frame, VlanTag tag) : size(frame.size() + kVlanTagSize) {
    const auto addresses = frame.first(2 * kMacAddressSize);
    std::copy(addresses.begin(), addresses.end(), bytes.begin());
    StoreBe16(bytes.data() + kTypeOffset, static_cast<uint16_t>(tag.protocol));
    StoreBe16(bytes.data() + kTypeOffset + 2, tag.control);
    const auto rest = frame.subspan(kTypeOffset);
    std::copy(rest.begin(), rest.end(), bytes.begin() + kTypeOffset + kVlanTagSize);
  }

  [[nodiscard]] std::span<const std::byte> span() const { return std::span(bytes).first(size); }

  std::array<std::byte, OriginatedFrames::kMaxFrameSize> bytes;
  size_t size;
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
  sent |= AppendTo(tagged, TaggedFrame(frame, tag).span(), vlan);
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
  const PortSet mirrors = view_.mirrors().sent(port, vlan) & view_.gates().enabled();
  if (frames_.room() < 1 + mirrors.size()) return false;
  frames_.Append(port, wire);
  mirrors.ForEach([&](PortId mirror) { frames_.Append(mirror, wire); });
  return true;
}

}  // namespace tapswitch
