// Conversations from a station at one port to one at another, which are handed to the kernel's real
// programs.

#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/flow_rig.h"
#include "tests/support/frame_builder.h"
#include "tests/support/mac_stations.h"

namespace tapswitch {

inline std::vector<std::byte> FlowFrame(MacAddress source, MacAddress destination,
                                        size_t size = 60) {
  return FrameBuilder(destination, source).Type(EtherType::kIpv4).Pad(size).Build();
}

class FlowOffloadFixture : public testing::Test {
 protected:
  static constexpr PortId kA{0};  // on lo, so that its frames can be run through the programs
  static constexpr PortId kB{1};
  static constexpr PortId kC{2};
  static constexpr MacAddress kSource = Station(1);
  static constexpr MacAddress kDestination = Station(2);
  static constexpr auto kToSwitch = KernelReceipt::Way::kToSwitch;
  static constexpr auto kDropped = KernelReceipt::Way::kDropped;
  static constexpr auto kCarried = KernelReceipt::Way::kCarried;

  void SetUp() override {
    auto made = FlowRig::Make({.capacity = 1024, .ageing = {30000}, .salt = 5});
    if (!made.ok()) GTEST_SKIP() << made.status().ToString();
    rig_ = *std::move(made);
    for (const PortId id : {kA, kB, kC}) {
      rig_->AddPort(id, id == kA ? 1 : 70 + id.value);
      flows().SetPort(rig_->port(id));
    }
    SetView();
    Learn(kSource, kA);
    Learn(kDestination, kB);
  }

  [[nodiscard]] FlowOffload& flows() { return rig_->flows(); }
  [[nodiscard]] KernelForwarding& kernel() { return rig_->kernel(); }
  [[nodiscard]] MacTable& table() { return rig_->bridge().table(); }

  void SetView(const BridgeForwarding& settings = {}) {
    rig_->bridge().SetView(ForwardingView(ports_, settings));
    flows().Follow();
  }
  void Learn(MacAddress station, PortId port) {
    table().Learn(kNoVlan, station, port, rig_->now());
  }
  [[nodiscard]] bool IsKnown(MacAddress station) {
    return table().Lookup(kNoVlan, station, rig_->now()).has_value();
  }

  KernelReceipt::Way Send(MacAddress source = kSource, MacAddress destination = kDestination) {
    return rig_->Receive(kA, FlowFrame(source, destination)).way;
  }
  // So many that the conversation is one to be handed over.
  void SendEnough(MacAddress source = kSource, MacAddress destination = kDestination) {
    for (uint32_t i = 0; i < FlowSightings::kEnough; ++i) {
      rig_->ReceiveBySwitch(kA, FlowFrame(source, destination));
    }
    rig_->Turn();
  }
  void Begin() {
    SendEnough();
    ASSERT_EQ(Send(), kCarried);
  }

  [[nodiscard]] static FlowKey Key(MacAddress source = kSource,
                                   MacAddress destination = kDestination) {
    FlowKey key{.ifindex = 1};
    const auto bytes = FlowFrame(source, destination);
    std::memcpy(key.addresses, bytes.data(), sizeof(key.addresses));
    return key;
  }
  [[nodiscard]] std::optional<Flow> InKernel() { return kernel().Find(Key()); }
  [[nodiscard]] FlowOffload::Explanation Explain() {
    const auto frame = FlowFrame(kSource, kDestination);
    return flows().Explain(kA, *ParseHeader(frame), rig_->now());
  }
  // The kernel has carried frames of the conversation.
  void Hit(uint64_t frames, uint64_t size, const FlowKey& key = Key(),
           EtherType type = EtherType::kIpv4) {
    auto flow = kernel().Find(key);
    ASSERT_TRUE(flow.has_value());
    flow->hits += frames;
    flow->bytes += frames * size;
    flow->type = static_cast<uint16_t>(type);
    flow->state = TAPSWITCH_FLOW_ACTIVE;
    ASSERT_TRUE(kernel().Put(key, *flow).ok());
  }

  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}};
  std::unique_ptr<FlowRig> rig_;
};

}  // namespace tapswitch
