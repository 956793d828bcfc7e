// A decision that was cacheable is the bridge's own, and stays cacheable, as long as the
// generations of its ports and of the view stand; and what the table answers stands with the
// generations of its VLAN.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/advice/cacheable.h"
#include "switch/forwarding/bridge.h"
#include "switch/forwarding/decision.h"
#include "switch/forwarding/guards/source_checks.h"
#include "tests/support/frame_builder.h"
#include "tests/support/packet_listener.h"
#include "tests/support/random_traffic.h"
#include "tests/support/test_frames.h"

namespace tapswitch::cacheable_property_test {
namespace {

// What somebody remembers who carries out decisions without asking the bridge.
struct CachedDecision {
  std::vector<std::byte> bytes;
  PortId ingress;
  EthernetHeader header;
  Classification as;
  Decision decision;
  DecisionGenerations generations;
  Tick until;
};

// What somebody remembers of a look-up.
struct CachedLookup {
  VlanId vlan;
  MacAddress address;
  std::optional<MacLookup> found;
  PortSet group;
  uint64_t generation = 0;
  uint64_t table_generation = 0;
  Tick until;
};

// A bridge whose table is at times full, and those who remember what it said.
class WatchedBridge {
 public:
  explicit WatchedBridge(uint64_t seed)
      : random_(seed), bridge_({.capacity = 40, .ageing = {500}, .salt = seed}) {
    for (uint16_t id = 0; id < RandomTraffic::kPorts; ++id) egress_.AddPort({id});
    bridge_.protocols().Add(listener_);
    Reconfigure();
  }

  // Most ports let most frames pass, so that conversations come about.
  void Reconfigure() {
    auto ports = random_.Ports();
    for (PortForwarding& port : ports) {
      if (!random_.OneIn(4)) port.state = PortState::kForwarding;
      port.learning = !random_.OneIn(12);
      port.isolated = random_.OneIn(8);
      port.locked = random_.OneIn(12);
      port.mab = random_.OneIn(2);
      port.security.at_limit = static_cast<LimitAction>(random_.Below(kLimitActionNames.size()));
      port.security.max_moves = static_cast<uint32_t>(random_.Below(4));
      port.security.moves_within = Ticks{1000};
      if (random_.OneIn(6)) port.storm.rates[0].per_second = 1;
      bridge_.table().set_replaces_at_limit(port.id,
                                            port.security.at_limit == LimitAction::kReplace);
    }
    Observers observers{.mirrors = {}, .capturing = random_.OneIn(8)};
    if (random_.OneIn(8)) {
      observers.mirrors.push_back(
          {.ports = PortSet::Of({0}), .vlans = {}, .egress = random_.OneIn(2), .destination = {5}});
    }
    bridge_.SetView(ForwardingView(ports, random_.Bridge(), observers));
  }

  void Change() {
    MacTable& table = bridge_.table();
    MacEntry entry = random_.Entry();
    if (random_.OneIn(8))
      entry = {.vlan = kAnyVlan,
               .address = entry.address,
               .port = kBridgePort,
               .state = MacEntryState::kPermanent};
    switch (random_.Below(16)) {
      case 0:
        return static_cast<void>(table.Set(entry, now_));
      case 1:
        entry.state = MacEntryState::kStatic;
        if (entry.port != kBridgePort) static_cast<void>(table.Append(entry, now_));
        return;
      case 2:
        return static_cast<void>(table.Erase(entry.vlan, entry.address));
      case 3:
        return static_cast<void>(table.Erase(entry.vlan, entry.address, entry.port));
      case 4:
        return table.set_max_learned(static_cast<uint32_t>(random_.Below(2) * random_.Below(12)));
      case 5:
        return table.set_max_learned(random_.Port(), static_cast<uint32_t>(random_.Below(6)));
      default:
        return ChangeMany();
    }
  }

  // Most stations stay behind one port, most of the time.
  void ProcessOne() {
    const MacAddress source = random_.StationAddress();
    const bool roams = random_.OneIn(20);
    const PortId ingress =
        roams ? random_.Port() : PortId{static_cast<uint16_t>(source.number() % kUsedPorts)};
    const auto bytes = random_.OneIn(10) ? random_.FrameBytes() : Conversation(source);
    Process(ingress, bytes);
    const auto header = ParseHeader(bytes);
    if (header.has_value()) Remember(ingress, *header, bytes);
  }

  // Compares all that still stands with what the bridge says now, and forgets the rest.
  void Check() {
    std::erase_if(decisions_, [&](const CachedDecision& cached) { return !Stands(cached); });
    std::erase_if(lookups_, [&](const CachedLookup& cached) { return !Stands(cached); });
    for (const CachedDecision& cached : decisions_) Check(cached);
    for (const CachedLookup& cached : lookups_) Check(cached);
    checked_ += decisions_.size();
  }

  // Has the bridge forward a frame of one of them. That changes nothing.
  void ForwardOne() {
    if (decisions_.empty()) return;
    const CachedDecision cached = decisions_[random_.Below(decisions_.size())];
    const uint64_t before = bridge_.table().generation();
    Process(cached.ingress, cached.bytes);
    EXPECT_EQ(egress_.used(), PortSet::Of(cached.decision.egress));
    EXPECT_EQ(bridge_.table().generation(), before) << "to be seen again is no change";
  }

  [[nodiscard]] uint64_t checked() const { return checked_; }

 private:
  static constexpr size_t kRemembered = 64;
  static constexpr uint16_t kUsedPorts = RandomTraffic::kPorts - 1;

  std::vector<std::byte> Conversation(MacAddress source) {
    FrameBuilder frame(random_.StationAddress(), source);
    if (random_.OneIn(4)) frame.Tag(EtherType::kVlan, random_.Vid());
    return frame.Type(EtherType::kIpv4).Pad(60).Build();
  }

  void ChangeMany() {
    MacTable& table = bridge_.table();
    const MacEntry entry = random_.Entry();
    switch (random_.Below(11)) {
      case 0:
        return table.FlushVlan(entry.vlan);
      case 1:
        return table.FlushPort(random_.Port());
      case 2:
        if (random_.OneIn(4)) table.FlushAll();
        return;
      case 3:
        if (random_.OneIn(4)) static_cast<void>(table.ErasePort(random_.Port(), 4));
        return;
      case 4:
        return table.Hold(entry.vlan, entry.address);
      case 5:
        return static_cast<void>(table.ReleaseHold(entry.vlan, entry.address));
      case 6:
        return table.set_ageing(Ticks{random_.OneIn(3) ? 200U + random_.Below(300) : 500U});
      case 7:
        return static_cast<void>(table.Sweep(1 + random_.Below(table.slots()), now_));
      case 8:
        return bridge_.SetGate(
            random_.Port(), {.state = random_.OneIn(2) ? PortState::kForwarding
                                                       : static_cast<PortState>(random_.Below(5)),
                             .is_shut_down = random_.OneIn(8)});
      case 9:
        listener_.wants = !listener_.wants && random_.OneIn(4);
        return bridge_.TellProtocols();
      default:
        now_ = now_ + Ticks{random_.Below(random_.OneIn(3) ? 600 : 100)};
    }
  }

  void Process(PortId ingress, std::span<const std::byte> bytes) {
    TestFrames storage;
    const Frame frame = storage.Plain(ingress, bytes);
    egress_.Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
    bridge_.port_guards().alarms().Clear();
  }

  void Remember(PortId ingress, const EthernetHeader& header, std::vector<std::byte> bytes) {
    const ForwardingView& view = bridge_.view();
    const MacTable& table = bridge_.table();
    const Classification as = view.Classify(ingress, header);
    RememberLookup(as.vlan, header.destination);
    if (Admit(view, ingress, header).has_value()) return;
    const Decision decision = Decide(view, table, ingress, as, header, now_);
    const Cacheability cacheable =
        Cacheable(view, table, bridge_.protocols(), ingress, as, header, decision, now_);
    if (cacheable.obstacle.has_value() || decisions_.size() == kRemembered) return;
    EXPECT_GT(cacheable.until, now_);
    decisions_.push_back({.bytes = std::move(bytes),
                          .ingress = ingress,
                          .header = header,
                          .as = as,
                          .decision = decision,
                          .generations = bridge_.GenerationsOf(ingress, decision.egress),
                          .until = cacheable.until});
  }

  void RememberLookup(VlanId vlan, MacAddress address) {
    if (address.is_multicast() || lookups_.size() == kRemembered) return;
    const MacTable& table = bridge_.table();
    CachedLookup cached{.vlan = vlan,
                        .address = address,
                        .found = table.Lookup(vlan, address, now_),
                        .group = {},
                        .generation = table.generation(vlan),
                        .table_generation = table.generation(),
                        .until = kEndOfTime};
    if (cached.found && cached.found->group != kNoGroup) {
      cached.group = table.group(cached.found->group);
    } else if (cached.found && !cached.found->is_local) {
      const auto standing = table.StandingOf(vlan, address, cached.found->port, now_);
      ASSERT_TRUE(standing.has_value());
      cached.until = standing->until;
    }
    lookups_.push_back(cached);
  }

  [[nodiscard]] bool Stands(const CachedDecision& cached) const {
    return now_ < cached.until &&
           bridge_.GenerationsOf(cached.ingress, cached.decision.egress) == cached.generations;
  }

  [[nodiscard]] bool Stands(const CachedLookup& cached) const {
    const MacTable& table = bridge_.table();
    const bool stands = now_ < cached.until && table.generation(cached.vlan) == cached.generation;
    if (table.generation() == cached.table_generation) {
      EXPECT_EQ(stands, now_ < cached.until);
    }
    return stands;
  }

  void Check(const CachedDecision& cached) const {
    const ForwardingView& view = bridge_.view();
    const MacTable& table = bridge_.table();
    ASSERT_EQ(view.Classify(cached.ingress, cached.header), cached.as);
    EXPECT_EQ(Admit(view, cached.ingress, cached.header), std::nullopt);
    EXPECT_EQ(Decide(view, table, cached.ingress, cached.as, cached.header, now_), cached.decision);
    const VlanMasks& masks = view.masks(cached.as.vlan);
    if (view.learns(masks, cached.ingress)) {
      EXPECT_EQ(table.WouldLearn(cached.as.vlan, cached.header.source, cached.ingress, now_),
                LearnResult::kRefreshed);
    }
    const Cacheability now = Cacheable(view, table, bridge_.protocols(), cached.ingress, cached.as,
                                       cached.header, cached.decision, now_);
    EXPECT_EQ(now.obstacle, std::nullopt);
    EXPECT_GE(now.until, cached.until);
  }

  void Check(const CachedLookup& cached) const {
    const MacTable& table = bridge_.table();
    const auto found = table.Lookup(cached.vlan, cached.address, now_);
    ASSERT_EQ(found, cached.found);
    if (found && found->group != kNoGroup) {
      EXPECT_EQ(table.group(found->group), cached.group);
    }
  }

  RandomTraffic random_;
  PacketListener listener_;
  Bridge bridge_;
  EgressLists egress_;
  Tick now_{1000};
  std::vector<CachedDecision> decisions_;
  std::vector<CachedLookup> lookups_;
  uint64_t checked_ = 0;
};

class CacheablePropertyTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(CacheablePropertyTest, WhatWasCacheableStandsWithItsGenerations) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  WatchedBridge bridge(GetParam());
  for (int step = 0; step < 20000 && !HasFailure(); ++step) {
    if (step % 400 == 0) bridge.Reconfigure();
    if (step % 9 == 0) bridge.Change();
    bridge.Check();
    if (step % 5 == 0) bridge.ForwardOne();
    bridge.ProcessOne();
  }
  EXPECT_GT(bridge.checked(), 3000U) << "the traffic should have led to cacheable decisions";
}

INSTANTIATE_TEST_SUITE_P(Seeds, CacheablePropertyTest, ::testing::Range<uint64_t>(1, 11));

}  // namespace
}  // namespace tapswitch::cacheable_property_test
