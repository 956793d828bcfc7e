#include "switch/workers/lane.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <vector>

#include "ports/interface/tap/tap_port.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"

namespace tapswitch::lane_test {
namespace {

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kLast{kMaxPorts - 1};
constexpr MacAddress kStation = MacAddress::FromNumber(0x020000000001);

class StoppedClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return Tick{1000}; }
};

// A lane by itself: nobody keeps its ports and those of the view the same.
class LaneDeathTest : public ::testing::Test {
 protected:
  std::unique_ptr<Port> PortOf(PortId id) {
    return std::make_unique<TapPort>(
        PortIdentity{.id = id, .generation = 1, .name = "vnet", .counters = &lane_.counters(kA)},
        FileDescriptor(), OffloadSet::All(), []() -> absl::StatusOr<LinkEvent> {
          return LinkEvent{.ifindex = 1, .name = "vnet", .up = true, .mtu = 1500};
        });
  }
  void Add(PortId id) {
    auto port = PortOf(id);
    ASSERT_TRUE(lane_.AddPort(port).ok());
  }
  void Remove(PortId id) {
    lane_.RemovePort(id, [](auto) {});
    while (lane_.port(id) != nullptr) {
      lane_.Receive(std::chrono::nanoseconds(0));
      lane_.Recycle();
      lane_.FinishRemovals();
    }
  }
  void SetView(const std::vector<PortForwarding>& ports) { bridge_.SetView(ForwardingView(ports)); }

  // A frame for everybody comes in by kA.
  void Flood() {
    Bytes wire(kVirtioNetHeaderSize);
    const Bytes frame =
        FrameBuilder(kBroadcastAddress, kStation).Type(EtherType::kIpv4).Pad(60).Build();
    wire.insert(wire.end(), frame.begin(), frame.end());
    ring_.Arrive({0}, wire);
    lane_.Receive(std::chrono::nanoseconds(0));
    {
      const LockedBridge bridge(shared_);
      lane_.Decide(bridge);
    }
    lane_.Send();
    lane_.Recycle();
  }

  FakeRing ring_;
  StoppedClock clock_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 5}};
  SharedBridge shared_{bridge_};
  Lane lane_{ring_, clock_};
};

// Whatever is asked of a lane by a port's id is for a port that it has.
TEST_F(LaneDeathTest, APortThatIsNotThereIsNotRemoved) {
  EXPECT_DEATH(lane_.RemovePort(PortId{5}, [](auto) {}), "check failed: .*port");
}

// Two ports of one id would take each other's buffers.
TEST_F(LaneDeathTest, AnIdIsThatOfOnePort) {
  Add(kA);
  auto doubled = PortOf(kA);
  EXPECT_DEATH(static_cast<void>(lane_.AddPort(doubled)), "check failed: .*kMaxPorts");
  auto beyond = PortOf(PortId{kMaxPorts});
  EXPECT_DEATH(static_cast<void>(lane_.AddPort(beyond)), "check failed: .*kMaxPorts");
}

TEST_F(LaneDeathTest, NoFrameLeavesByAPortThatIsInTheViewAndHasGone) {
  Add(kA);
  Add(kB);
  SetView({{.id = kA}, {.id = kB}});
  Flood();
  Remove(kB);
  EXPECT_DEATH(Flood(), "check failed: port\\(id\\) != nullptr");
}

TEST_F(LaneDeathTest, NoFrameLeavesByAPortThatIsInTheViewAndHasNeverBeenThere) {
  Add(kA);
  SetView({{.id = kA}, {.id = kLast}});
  EXPECT_EXIT(Flood(), testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace tapswitch::lane_test
