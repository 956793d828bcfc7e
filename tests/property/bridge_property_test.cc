// Random frames through random bridges: the core against a naive bridge, and against itself.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/egress/egress_builder.h"
#include "tests/support/naive_bridge.h"
#include "tests/support/random_traffic.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_frames.h"

namespace tapswitch::bridge_property_test {
namespace {

constexpr uint16_t kPorts = RandomTraffic::kPorts;
constexpr Ticks kAgeing{500};

using Delivered = std::map<PortId, NaiveBridge::Bytes>;

// A bridge, and what each frame of a batch left as, by port.
class BridgeUnderTest {
 public:
  explicit BridgeUnderTest(std::span<const PortForwarding> ports, BridgeForwarding bridge = {})
      : bridge_({.capacity = 4096, .ageing = kAgeing, .salt = 42}) {
    for (uint16_t id = 0; id < kPorts; ++id) egress_.AddPort({id});
    Configure(ports, bridge);
  }

  void Configure(std::span<const PortForwarding> ports, BridgeForwarding bridge) {
    bridge_.SetView(ForwardingView(ports, bridge));
  }

  std::vector<Delivered> Process(std::span<const Frame> frames, Tick now) {
    egress_.Clear();
    bridge_.Process(frames, now, egress_);
    std::vector<Delivered> result(frames.size());
    builder_.Begin(frames);
    egress_.used().ForEach([&](PortId port) {
      int previous = -1;
      for (const EgressFrame copy : egress_.of(port)) {
        EXPECT_GT(copy.frame, previous) << "in order of arrival, each frame once";
        previous = copy.frame;
        result[copy.frame][port] = Build(copy);
      }
    });
    return result;
  }

  Bridge& bridge() { return bridge_; }

 private:
  NaiveBridge::Bytes Build(EgressFrame copy) {
    EXPECT_EQ(builder_.Append(copy, {}), EgressBuilder::Result::kAppended);
    const auto wire = Gather(builder_.frames().back());
    builder_.ClearFrames();
    return {wire.begin() + kVirtioNetHeaderSize, wire.end()};
  }

  Bridge bridge_;
  EgressLists egress_;
  EgressBuilder builder_;
};

// Half of them differ from the one before in what is behind their headers only, as frames of one
// conversation do.
std::vector<Frame> RandomFrames(RandomTraffic& random, TestFrames& storage, size_t count) {
  std::vector<Frame> frames;
  PortId ingress{0};
  NaiveBridge::Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    if (i == 0 || random.OneIn(2)) {
      ingress = PortId{static_cast<uint16_t>(random.Below(kPorts))};
      bytes = random.FrameBytes();
    } else if (!bytes.empty()) {
      // Behind the header, so that the decision may be repeated, or somewhere in it.
      const size_t at = random.OneIn(2) ? bytes.size() - 1 : random.Below(bytes.size());
      bytes[random.OneIn(2) ? at : std::min<size_t>(at, 17)] ^= std::byte{1};
    }
    frames.push_back(storage.Plain(ingress, bytes));
  }
  return frames;
}

// What a user may do to the table, or nothing.
void ChangeTable(RandomTraffic& random, MacTable& table, NaiveBridge& naive, Tick now) {
  const MacEntry entry = random.Entry();
  switch (random.Below(8)) {
    case 0:
    case 1:
      EXPECT_TRUE(table.Set(entry, now));
      return naive.Set(entry, now);
    case 2:
      if (entry.port == kBridgePort) return;
      EXPECT_EQ(table.Append(entry, now), naive.Append(entry, now));
      return;
    case 3:
      table.Erase(entry.vlan, entry.address, entry.port);
      return naive.Erase(entry);
    case 4: {
      const auto limit = static_cast<uint32_t>(random.Below(2) * random.Below(20));
      table.set_max_learned(limit);
      return naive.SetLimit(limit);
    }
    case 5: {
      const auto limit = static_cast<uint32_t>(random.Below(2) * random.Below(5));
      if (entry.port == kBridgePort) return;
      table.set_max_learned(entry.port, limit);
      return naive.SetLimit(entry.port, limit);
    }
    default:
      return;
  }
}

class BridgePropertyTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(BridgePropertyTest, AgreesWithTheNaiveBridgeOnEveryFrame) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  auto ports = random.Ports();
  auto bridge = random.Bridge();
  BridgeUnderTest real(ports, bridge);
  NaiveBridge naive(ports, kAgeing);
  naive.SetPorts(ports, bridge);
  Tick now{1};
  for (int batch = 0; batch < Rounds(200); ++batch) {
    TestFrames storage;
    const auto frames = RandomFrames(random, storage, random.Below(FrameBatch::kCapacity) + 1);
    const auto result = real.Process(frames, now);
    for (size_t i = 0; i < frames.size(); ++i) {
      ASSERT_EQ(result[i], naive.Process(frames[i].ingress, frames[i].bytes(), now))
          << "batch " << batch << " frame " << i;
    }
    now = now + Ticks{random.Below(200)};
    if (random.OneIn(5)) {
      ports = random.Ports();
      bridge = random.Bridge();
      real.Configure(ports, bridge);
      naive.SetPorts(ports, bridge);
    }
    if (random.OneIn(2)) {  // one gate of the same view
      PortForwarding& port = ports[random.Below(ports.size())];
      port.state = random.OneIn(2) ? static_cast<PortState>(random.Below(kPortStateNames.size()))
                                   : PortState::kForwarding;
      port.shut_down = port.state == PortState::kDisabled && random.OneIn(2);
      real.bridge().SetGate(port.id, {.state = port.state, .is_shut_down = port.shut_down});
      naive.SetPorts(ports, bridge);
    }
    if (random.OneIn(5)) {
      const PortId gone{static_cast<uint16_t>(random.Below(kPorts))};
      real.bridge().table().FlushPort(gone);
      naive.ForgetPort(gone);
    }
    ChangeTable(random, real.bridge().table(), naive, now);
    if (random.OneIn(3)) real.bridge().table().Sweep(random.Below(2000), now);
  }
}

// Said without the naive bridge, too: whatever changes between batches, no frame leaves on a VLAN
// that its port is not a member of.
TEST_P(BridgePropertyTest, NoFrameLeavesOnAVlanItsPortIsNotAMemberOf) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  auto ports = random.Ports();
  BridgeForwarding bridge{.vlan_filtering = true};
  BridgeUnderTest real(ports, bridge);
  for (uint64_t batch = 0; batch < Rounds(100U); ++batch) {
    TestFrames storage;
    std::vector<Frame> frames;
    for (size_t i = 0; i < 50; ++i)
      frames.push_back(storage.Plain(random.Port(), random.FrameBytes()));
    const auto result = real.Process(frames, Tick{batch});
    for (size_t i = 0; i < frames.size(); ++i) {
      for (const auto& [port, bytes] : result[i]) {
        const PortVlans& to = ports[port.value].vlans;
        const PortVlans& from = ports[frames[i].ingress.value].vlans;
        const auto in = ParseHeader(frames[i].bytes());
        const bool tells = in->tag && in->tag->protocol == EtherType::kVlan && in->tag->vid() != 0;
        const VlanId vlan = tells ? VlanId{in->tag->vid()} : from.pvid;
        ASSERT_TRUE(from.members.contains(vlan)) << "batch " << batch << " frame " << i;
        ASSERT_TRUE(to.members.contains(vlan)) << "batch " << batch << " frame " << i;
        const auto out = ParseHeader(bytes);
        if (to.untagged.contains(vlan)) continue;
        ASSERT_TRUE(out->tag && out->tag->vid() == vlan.value);
      }
    }
    if (random.OneIn(3)) {
      ports = random.Ports();
      real.Configure(ports, bridge);
    }
  }
}

TEST_P(BridgePropertyTest, SplittingABatchAnywhereChangesNothing) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  const auto ports = random.Ports();
  const auto bridge = random.Bridge();
  TestFrames storage;
  const auto frames = RandomFrames(random, storage, FrameBatch::kCapacity);
  BridgeUnderTest whole(ports, bridge);
  const auto expected = whole.Process(frames, Tick{5});

  BridgeUnderTest split(ports, bridge);
  std::vector<Delivered> result;
  for (size_t at = 0; at < frames.size();) {
    const size_t size =
        std::min<size_t>(random.OneIn(2) ? 1 : random.Below(40) + 1, frames.size() - at);
    const auto part = split.Process(std::span(frames).subspan(at, size), Tick{5});
    result.insert(result.end(), part.begin(), part.end());
    at += size;
  }
  EXPECT_EQ(result, expected);
  for (uint16_t id = 0; id < kPorts; ++id) {
    EXPECT_EQ(split.bridge().counters({id}), whole.bridge().counters({id})) << "port " << id;
    for (uint16_t vlan = 0; vlan < 64; ++vlan) {
      EXPECT_EQ(split.bridge().vlan_counters().Find({vlan}, {id}),
                whole.bridge().vlan_counters().Find({vlan}, {id}))
          << "port " << id << " VLAN " << vlan;
    }
  }
}

TEST_P(BridgePropertyTest, EveryFrameIsForwardedOrDroppedForAReason) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  BridgeUnderTest real(random.Ports(), random.Bridge());
  std::vector<uint64_t> shown(kPorts);
  for (int batch = 0; batch < Rounds(50); ++batch) {
    TestFrames storage;
    std::vector<Frame> frames;
    for (size_t i = 0; i < 100; ++i) {
      const PortId ingress{static_cast<uint16_t>(random.Below(kPorts))};
      ++shown[ingress.value];
      frames.push_back(storage.Plain(ingress, random.FrameBytes()));
    }
    real.Process(frames, Tick{static_cast<uint64_t>(batch)});
  }
  for (uint16_t id = 0; id < kPorts; ++id) {
    const PortCounters& counters = real.bridge().counters({id});
    uint64_t accounted = counters.forwarded;
    for (const uint64_t count : counters.drops) accounted += count;
    EXPECT_EQ(accounted, shown[id]) << "port " << id;
  }
}

TEST_P(BridgePropertyTest, TheSameInputGivesTheSameResult) {
  const auto run = [](uint64_t seed) {
    RandomTraffic random(seed);
    BridgeUnderTest real(random.Ports(), random.Bridge());
    TestFrames storage;
    std::vector<Frame> frames;
    for (size_t i = 0; i < FrameBatch::kCapacity; ++i) {
      frames.push_back(
          storage.Plain({static_cast<uint16_t>(random.Below(kPorts))}, random.FrameBytes()));
    }
    return real.Process(frames, Tick{5});
  };
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  EXPECT_EQ(run(GetParam()), run(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, BridgePropertyTest, ::testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace tapswitch::bridge_property_test
