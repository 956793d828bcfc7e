// A bridge of three ports. The test sets its guards, and shows it single frames.

#pragma once

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/frame_builder.h"
#include "tests/support/test_frames.h"

namespace tapswitch {

inline constexpr PortId kA{0};
inline constexpr PortId kB{1};
inline constexpr PortId kC{2};

[[nodiscard]] constexpr MacAddress GuardedStation(uint64_t n) {
  return MacAddress::FromNumber(0x020000000000 + n);
}

class GuardedBridge : public ::testing::Test {
 protected:
  GuardedBridge() {
    for (const PortId port : {kA, kB, kC}) egress_.AddPort(port);
    SetView();
  }

  void SetView() { bridge_.SetView(ForwardingView(ports_)); }

  // Whether the frame leaves by any port.
  bool Passes(PortId ingress, std::span<const std::byte> bytes) {
    return Passes(frames_.Plain(ingress, bytes));
  }
  bool Passes(const Frame& frame) {
    egress_.Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
    return !egress_.used().empty();
  }
  bool Passes(PortId ingress, MacAddress source, MacAddress destination) {
    return Passes(ingress,
                  FrameBuilder(destination, source).Type(EtherType::kIpv4).Pad(60).Build());
  }
  // Sends `count` such frames, and returns how many leave.
  int CountPassed(int count, PortId ingress, MacAddress source, MacAddress destination) {
    int passed = 0;
    for (int i = 0; i < count; ++i) passed += Passes(ingress, source, destination) ? 1 : 0;
    return passed;
  }

  // Alarms since the last call.
  std::vector<Alarm> TakeAlarms() {
    AlarmLog& log = bridge_.port_guards().alarms();
    std::vector<Alarm> alarms(log.alarms().begin(), log.alarms().end());
    log.Clear();
    return alarms;
  }

  uint64_t Dropped(PortId port, DropReason reason) {
    return bridge_.counters(port).dropped(reason);
  }

  // The port behind which the bridge knows the station.
  std::optional<PortId> Behind(MacAddress station) {
    const auto found = bridge_.table().Lookup(kNoVlan, station, now_);
    return found ? std::optional(found->port) : std::nullopt;
  }

  void Pass(Ticks span) { now_ = now_ + span; }

  TestFrames frames_;
  EgressLists egress_;
  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}};
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
  Tick now_{1000};
};

}  // namespace tapswitch
