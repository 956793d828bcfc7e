// Random ports, frames and table entries, all among a few stations.

#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"
#include "tests/support/frame_builder.h"

namespace tapswitch {

class RandomTraffic {
 public:
  static constexpr uint16_t kPorts = 6;

  explicit RandomTraffic(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  PortId Port() { return {static_cast<uint16_t>(Below(kPorts))}; }
  MacAddress StationAddress() { return MacAddress::FromNumber(0x020000000000 + Below(24)); }

  MacAddress Address() {
    switch (Below(16)) {
      case 0:
        return kBroadcastAddress;
      case 1:
        return MacAddress::FromNumber(0x333300000000 + Below(4));
      case 2:
        return MacAddress::FromNumber(0x0180C2000000 + Below(17));
      case 3:
        return {};
      default:
        return StationAddress();
    }
  }

  std::vector<std::byte> FrameBytes() {
    FrameBuilder frame(Address(), Address());
    while (OneIn(2)) {
      frame.Tag(OneIn(4) ? EtherType::kServiceVlan : EtherType::kVlan,
                static_cast<uint16_t>(Below(16) << 12U | Vid()));
    }
    frame.Type(EtherType::kIpv4).Pad(14 + Below(100));
    auto bytes = frame.Build();
    if (OneIn(50)) bytes.resize(Below(14));
    return bytes;
  }

  // With every state and flag.
  std::vector<PortForwarding> Ports() {
    std::vector<PortForwarding> ports;
    for (uint16_t id = 0; id < kPorts; ++id) {
      ports.push_back({
          .id = {id},
          .state = OneIn(4) ? static_cast<PortState>(Below(5)) : PortState::kForwarding,
          .learning = !OneIn(6),
          .flood = !OneIn(6),
          .mcast_flood = !OneIn(6),
          .bcast_flood = !OneIn(6),
          .isolated = OneIn(3),
          .hairpin = OneIn(6),
          .locked = OneIn(6),
          .group_fwd_mask = OneIn(3) ? static_cast<uint16_t>(Below(0x10000)) : uint16_t{0},
          .vlans = Vlans(),
      });
    }
    return ports;
  }

  // A few VLANs, and those that are special.
  uint16_t Vid() {
    constexpr std::array<uint16_t, 6> kVids{0, 1, 2, 3, 4094, 4095};
    return kVids[Below(kVids.size())];
  }

  PortVlans Vlans() {
    PortVlans vlans;
    for (const uint16_t id : std::array<uint16_t, 4>{1, 2, 3, 4094}) {
      if (OneIn(4)) continue;
      vlans.members.insert({id});
      if (OneIn(2)) vlans.untagged.insert({id});
      if (OneIn(3)) vlans.pvid = {id};
      if (!OneIn(4)) continue;
      vlans.exceptions.push_back(
          {.vlan = {id},
           .state = OneIn(2) ? static_cast<PortState>(Below(5)) : PortState::kForwarding,
           .learning = !OneIn(3),
           .flood = !OneIn(3),
           .mcast_flood = !OneIn(3),
           .bcast_flood = !OneIn(3)});
    }
    return vlans;
  }

  BridgeForwarding Bridge() {
    return {.vlan_filtering = !OneIn(3),
            .vlan_protocol = OneIn(4) ? EtherType::kServiceVlan : EtherType::kVlan,
            .group_fwd_mask = OneIn(3) ? static_cast<uint16_t>(Below(0x10000)) : uint16_t{0}};
  }

  // An entry of any kind that a user may set.
  MacEntry Entry() {
    MacEntry entry{.vlan = {OneIn(2) ? uint16_t{0} : static_cast<uint16_t>(Below(4))},
                   .address = StationAddress(),
                   .port = Port(),
                   .state = OneIn(2) ? MacEntryState::kLearned : MacEntryState::kStatic,
                   .sticky = OneIn(3),
                   .by_user = OneIn(2),
                   .extern_learn = OneIn(4)};
    if (!OneIn(4)) return entry;
    entry.state = MacEntryState::kPermanent;
    if (OneIn(2)) entry.port = kBridgePort;
    return entry;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace tapswitch
