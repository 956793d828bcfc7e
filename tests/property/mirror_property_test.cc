// A mirror never changes what others get: the same random frames through a bridge with mirrors, and
// through one without, whose ports at the place of destinations are disabled.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/random_traffic.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_frames.h"

namespace tapswitch::mirror_property_test {
namespace {

constexpr uint16_t kPorts = RandomTraffic::kPorts;
constexpr size_t kVlans = 4;

// A bridge, and what it sends and counts of one batch.
class Subject {
 public:
  explicit Subject(uint64_t salt) : bridge_({.capacity = 256, .ageing = {500}, .salt = salt}) {
    for (uint16_t id = 0; id < kPorts; ++id) egress_.AddPort({id});
  }
  Bridge& bridge() { return bridge_; }
  const EgressLists& Process(std::span<const Frame> frames, Tick now) {
    egress_.Clear();
    for (uint16_t id = 0; id < kPorts; ++id) bridge_.counters({id}) = {};
    bridge_.Process(frames, now, egress_);
    return egress_;
  }

 private:
  Bridge bridge_;
  EgressLists egress_;
};

std::vector<PortForwarding> RandomPorts(RandomTraffic& random) {
  auto ports = random.Ports();
  for (PortForwarding& port : ports) {
    for (uint16_t vlan = 1; vlan <= kVlans; ++vlan) {
      if (random.OneIn(3)) continue;
      port.vlans.members.insert(VlanId{vlan});
      if (random.OneIn(2)) port.vlans.untagged.insert(VlanId{vlan});
    }
    port.vlans.pvid = VlanId{static_cast<uint16_t>(random.Below(kVlans + 1))};
  }
  return ports;
}

std::vector<std::byte> RandomFrame(RandomTraffic& random) {
  auto bytes = random.FrameBytes();
  // Few VLANs, so that frames meet.
  if (const auto header = ParseHeader(bytes); header && header->tag) {
    bytes[14] = std::byte{0};
    bytes[15] = static_cast<std::byte>(random.Below(kVlans + 1));
  }
  return bytes;
}

// Ports that are copied to are no sources.
Observers RandomObservers(RandomTraffic& random) {
  Observers observers;
  const uint16_t destinations = random.OneIn(2) ? 1 : 2;
  const uint64_t mirrors = random.Below(4);
  for (uint64_t i = 0; i < mirrors; ++i) {
    MirrorForwarding mirror{
        .ingress = !random.OneIn(3),
        .egress = !random.OneIn(3),
        .destination = PortId{static_cast<uint16_t>(random.Below(destinations))}};
    for (uint16_t id = destinations; id < kPorts; ++id) {
      if (random.OneIn(3)) mirror.ports.insert({id});
    }
    for (uint16_t vlan = 1; vlan <= kVlans; ++vlan) {
      if (random.OneIn(4)) mirror.vlans.insert(VlanId{vlan});
    }
    observers.mirrors.push_back(mirror);
  }
  return observers;
}

class MirrorPropertyTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(MirrorPropertyTest, OthersGetWhatTheyWouldGetAnyway) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  RandomTraffic random(GetParam());
  Subject mirrored(GetParam());
  Subject plain(GetParam());
  Tick now{1};
  for (int batch = 0; batch < Rounds(200); ++batch) {
    auto ports = RandomPorts(random);
    const Observers observers = RandomObservers(random);
    const BridgeForwarding forwarding{.vlan_filtering = random.OneIn(2)};
    const PortSet destinations = DestinationsOf(observers.mirrors);
    mirrored.bridge().SetView(ForwardingView(ports, forwarding, observers));
    for (PortForwarding& port : ports) {
      if (destinations.contains(port.id)) port.state = PortState::kDisabled;
    }
    plain.bridge().SetView(ForwardingView(ports, forwarding));

    TestFrames storage;
    std::vector<Frame> frames;
    const uint64_t size = random.Below(FrameBatch::kCapacity) + 1;
    for (uint64_t i = 0; i < size; ++i) {
      frames.push_back(storage.Plain(random.Port(), RandomFrame(random)));
    }
    const EgressLists& with = mirrored.Process(frames, now);
    const EgressLists& without = plain.Process(frames, now);
    for (uint16_t id = 0; id < kPorts; ++id) {
      const auto got = with.of({id});
      const auto expected = without.of({id});
      if (!destinations.contains({id})) {
        ASSERT_TRUE(std::equal(got.begin(), got.end(), expected.begin(), expected.end()))
            << "port " << id << " in batch " << batch;
        ASSERT_EQ(mirrored.bridge().counters({id}), plain.bridge().counters({id}));
        continue;
      }
      ASSERT_TRUE(expected.empty());
      ASSERT_LE(got.size(), 2 * frames.size());
      std::array<int, FrameBatch::kCapacity> copies{};
      int previous = 0;
      for (const EgressFrame& copy : got) {
        ASSERT_GE(copy.frame, previous) << "in order of arrival";
        previous = copy.frame;
        ASSERT_LE(++copies[copy.frame], 2);
        ASSERT_FALSE(destinations.contains(frames[copy.frame].ingress)) << "a mirror of a mirror";
      }
      ASSERT_EQ(mirrored.bridge().counters({id}).forwarded,
                plain.bridge().counters({id}).forwarded);
    }
    now = now + Ticks{random.Below(200)};
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MirrorPropertyTest, ::testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace tapswitch::mirror_property_test
