// A bridge that snoops, without a switch around it, and hosts that a test speaks for.

#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "switch/protocol/bridge_protocols.h"
#include "tests/support/group_frames.h"
#include "tests/support/test_frames.h"

namespace tapswitch {

// A bridge of four ports that snoops, and asks by itself.
class SnoopingBridge : public ::testing::Test {
 protected:
  static constexpr PortId kA{0};
  static constexpr PortId kB{1};
  static constexpr PortId kC{2};
  static constexpr PortId kD{3};

  static constexpr IpAddress kGroup = V4(0xEF0A0A0A);
  static constexpr IpAddress kGroupV6 = V6(0xFF0E000000000000, 1);
  static constexpr IpAddress kRouter = V4(0xC0000201);
  static constexpr IpAddress kRouterV6 = V6(0xFE80000000000000, 1);
  static constexpr IpAddress kSource = V4(0xC0000205);
  static constexpr IpAddress kOtherSource = V4(0xC0000206);
  static constexpr MacAddress kBridge = MacAddress::FromNumber(0x0200000000BB);

  SnoopingBridge() {
    for (const PortId port : {kA, kB, kC, kD}) egress_.AddPort(port);
    protocols_.multicast().SetAddress(kBridge);
    settings_.snooping = true;
    settings_.bridge.querier = true;
    Apply();
    Wait(1100);  // until hosts have had the time to answer
  }

  void Apply() {
    bridge_.SetView(ForwardingView(ports_));
    protocols_.SetMulticast(settings_, now_);
    bridge_.TellProtocols();
  }

  // Lets time pass, a hundredth of a second after the other.
  void Wait(uint64_t centiseconds) {
    for (uint64_t i = 0; i < centiseconds; ++i) {
      ++now_.centiseconds;
      bridge_.TickProtocols(now_, egress_.originated());
      for (const auto& copy : egress_.originated().copies()) {
        const auto* const bytes = copy.wire.data + kVirtioNetHeaderSize;
        sent_.push_back({copy.egress, {bytes, bytes + copy.wire.size - kVirtioNetHeaderSize}});
      }
      egress_.originated().Clear();
    }
  }

  // Which ports the frame leaves by.
  std::vector<uint16_t> Send(PortId ingress, const WireBytes& bytes) {
    const Frame frame = frames_.Plain(ingress, bytes);
    egress_.Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
    std::vector<uint16_t> ports;
    egress_.used().ForEach([&](PortId port) { ports.push_back(port.value); });
    return ports;
  }
  std::vector<uint16_t> Data(IpAddress group, IpAddress source = kSource) {
    return Send(kA, DataTo(group, source));
  }
  void Join(PortId port, IpAddress group) { Send(port, OldReport(group).Build()); }
  void Leave(PortId port, IpAddress group) { Send(port, OldReport(group, true).Build()); }

  size_t QueriesTo(PortId port, bool is_v4) {
    size_t count = 0;
    for (const auto& sent : sent_) {
      const bool is_meant = sent.port == port &&
                            ParseHeader(sent.bytes)->type_or_length ==
                                static_cast<uint16_t>(is_v4 ? EtherType::kIpv4 : EtherType::kIpv6);
      if (is_meant) ++count;
    }
    return count;
  }

  struct Sent {
    PortId port;
    WireBytes bytes;
  };

  TestFrames frames_;
  EgressLists egress_;
  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}, {.id = kD}};
  Bridge bridge_{{.capacity = 256, .ageing = {30000}, .salt = 7}};
  BridgeProtocols protocols_{bridge_};
  MulticastSettings settings_;
  Tick now_{1000};
  std::vector<Sent> sent_;
};

}  // namespace tapswitch
