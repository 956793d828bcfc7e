// A primary worker with real ports on a ring that injects faults, and a clock that a test winds.

#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ports/interface/tap/tap_port.h"
#include "switch/workers/primary_worker.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/lone_worker.h"
#include "tests/support/mac_stations.h"

namespace tapswitch {

class WoundClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return now; }
  Tick now{1000};
};

inline std::vector<std::byte> Wire(MacAddress destination, MacAddress source, size_t size = 60) {
  std::vector<std::byte> wire(kVirtioNetHeaderSize);
  const auto frame = FrameBuilder(destination, source).Type(EtherType::kIpv4).Pad(size).Build();
  wire.insert(wire.end(), frame.begin(), frame.end());
  return wire;
}

// A switch of three ports. The slots of a FakeRing are handed out in order, so file n is port n.
class WorkerTest : public ::testing::Test {
 protected:
  static constexpr uint16_t kPorts = 3;

  WorkerTest() {
    for (uint16_t id = 0; id < kPorts; ++id) AddPort(id);
    worker_.Turn();
    ring_.ClearWritten();
  }

  void AddPort(uint16_t id) {
    links_[id] = {.ifindex = id + 1, .name = "vnet", .up = true, .mtu = 1500};
    std::unique_ptr<Port> port = std::make_unique<TapPort>(
        PortIdentity{.id = {id}, .name = "vnet", .counters = &worker_.lane().counters({id})},
        FileDescriptor(), OffloadSet::All(),
        [this, id]() -> absl::StatusOr<LinkEvent> { return links_[id]; });
    ASSERT_TRUE(worker_.AddPort(port, {.id = {id}}).ok());
  }

  // Two turns: one brings frames in, the next carries their copies out.
  void Settle() {
    worker_.Turn();
    worker_.Turn();
  }

  // The ports that were written to, in order.
  std::vector<uint32_t> WrittenTo() {
    std::vector<uint32_t> files;
    for (const auto& written : ring_.written()) files.push_back(written.file.value);
    ring_.ClearWritten();
    return files;
  }

  void SetLink(uint16_t id, bool up) {
    links_[id].up = up;
    worker_.OnLinkChange(links_[id]);
  }

  FakeRing ring_;
  WoundClock clock_;
  Bridge bridge_{{.capacity = 1024, .ageing = {30000}, .salt = 5}};
  std::array<LinkEvent, kPorts> links_;
  SharedBridge shared_{bridge_};
  LoneWorker worker_{ring_, clock_, bridge_, shared_};
};

}  // namespace tapswitch
