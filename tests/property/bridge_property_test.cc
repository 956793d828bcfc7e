// Random frames through random bridges: the core against a naive bridge, and against itself.

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/frame_builder.h"
#include "tests/support/naive_bridge.h"
#include "tests/support/test_frames.h"

namespace tapswitch {
namespace {

constexpr uint16_t kPorts = 6;
constexpr Ticks kAgeing{500};

class RandomTraffic {
 public:
  explicit RandomTraffic(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  MacAddress Address() {
    switch (Below(16)) {
      case 0:
        return kBroadcastAddress;
      case 1:
        return MacAddress::FromNumber(0x333300000000 + Below(4));
      case 2:
        return MacAddress::FromNumber(0x0180C2000000 + Below(17));
      case 3:
        return MacAddress();
      default:
        return MacAddress::FromNumber(0x020000000000 + Below(24));
    }
  }

  std::vector<std::byte> FrameBytes() {
    FrameBuilder frame(Address(), Address());
    if (OneIn(3)) frame.Tag(EtherType::kVlan, static_cast<uint16_t>(Below(0x10000)));
    frame.Type(EtherType::kIpv4).Pad(14 + Below(100));
    auto bytes = frame.Build();
    if (OneIn(50)) bytes.resize(Below(14));
    return bytes;
  }

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
      });
    }
    return ports;
  }

 private:
  std::mt19937_64 random_;
};

// A bridge, and the ports each frame of a batch left by.
class BridgeUnderTest {
 public:
  explicit BridgeUnderTest(std::span<const PortForwarding> ports)
      : bridge_({.capacity = 1024, .ageing = kAgeing, .salt = 42}) {
    for (uint16_t id = 0; id < kPorts; ++id) egress_.AddPort({id});
    Configure(ports);
  }

  void Configure(std::span<const PortForwarding> ports) { bridge_.SetView(ForwardingView(ports)); }

  std::vector<std::set<PortId>> Process(std::span<const Frame> frames, Tick now) {
    egress_.Clear();
    bridge_.Process(frames, now, egress_);
    std::vector<std::set<PortId>> result(frames.size());
    egress_.used().ForEach([&](PortId port) {
      int previous = -1;
      for (const EgressFrame copy : egress_.of(port)) {
        EXPECT_GT(copy.frame, previous) << "in order of arrival, each frame once";
        previous = copy.frame;
        result[copy.frame].insert(port);
      }
    });
    return result;
  }

  Bridge& bridge() { return bridge_; }

 private:
  Bridge bridge_;
  EgressLists egress_;
};

class BridgePropertyTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(BridgePropertyTest, AgreesWithTheNaiveBridgeOnEveryFrame) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  auto ports = random.Ports();
  BridgeUnderTest real(ports);
  NaiveBridge naive(ports, kAgeing);
  Tick now{1};
  for (int batch = 0; batch < 200; ++batch) {
    TestFrames storage;
    std::vector<Frame> frames;
    const uint64_t size = random.Below(FrameBatch::kCapacity) + 1;
    for (uint64_t i = 0; i < size; ++i) {
      const PortId ingress{static_cast<uint16_t>(random.Below(kPorts))};
      frames.push_back(storage.Plain(ingress, random.FrameBytes()));
    }
    const auto result = real.Process(frames, now);
    for (size_t i = 0; i < frames.size(); ++i) {
      ASSERT_EQ(result[i], naive.Process(frames[i].ingress, frames[i].bytes(), now))
          << "batch " << batch << " frame " << i;
    }
    now = now + Ticks{random.Below(200)};
    if (random.OneIn(5)) {
      ports = random.Ports();
      real.Configure(ports);
      naive.SetPorts(ports);
    }
    if (random.OneIn(5)) {
      const PortId gone{static_cast<uint16_t>(random.Below(kPorts))};
      real.bridge().table().FlushPort(gone);
      naive.ForgetPort(gone);
    }
    if (random.OneIn(3)) real.bridge().table().Sweep(random.Below(2000), now);
  }
}

TEST_P(BridgePropertyTest, SplittingABatchAnywhereChangesNothing) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  const auto ports = random.Ports();
  TestFrames storage;
  std::vector<Frame> frames;
  for (size_t i = 0; i < FrameBatch::kCapacity; ++i) {
    const PortId ingress{static_cast<uint16_t>(random.Below(kPorts))};
    frames.push_back(storage.Plain(ingress, random.FrameBytes()));
  }
  BridgeUnderTest whole(ports);
  const auto expected = whole.Process(frames, Tick{5});

  BridgeUnderTest split(ports);
  std::vector<std::set<PortId>> result;
  for (size_t at = 0; at < frames.size();) {
    const size_t size = std::min<size_t>(random.Below(40) + 1, frames.size() - at);
    const auto part = split.Process(std::span(frames).subspan(at, size), Tick{5});
    result.insert(result.end(), part.begin(), part.end());
    at += size;
  }
  EXPECT_EQ(result, expected);
  for (uint16_t id = 0; id < kPorts; ++id) {
    EXPECT_EQ(split.bridge().counters({id}), whole.bridge().counters({id})) << "port " << id;
  }
}

TEST_P(BridgePropertyTest, EveryFrameIsForwardedOrDroppedForAReason) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  BridgeUnderTest real(random.Ports());
  std::vector<uint64_t> shown(kPorts);
  for (int batch = 0; batch < 50; ++batch) {
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
    BridgeUnderTest real(random.Ports());
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
}  // namespace tapswitch
