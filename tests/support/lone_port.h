// A worker with one port, a ring that only reports what the test wants, and a clock that the test
// sets.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/support/fake_ring.h"
#include "tests/support/lone_worker.h"

namespace tapswitch {

class LonePort {
 public:
  static constexpr PortId kId{0};

  [[nodiscard]] PortIdentity identity() {
    return {.id = kId, .generation = 1, .name = "vm1", .counters = &counters()};
  }
  void Add(std::unique_ptr<Port> port) { ASSERT_TRUE(worker_.AddPort(port, {.id = kId}).ok()); }

  // Does one turn. Before it, this many hundredths of a second pass.
  void Turn(uint64_t centiseconds = 0) {
    clock_.now = clock_.now + Ticks{centiseconds};
    worker_.Turn();
  }

  [[nodiscard]] Port& port() { return *worker_.port(kId); }
  [[nodiscard]] PortCounters& counters() { return worker_.lane().counters(kId); }
  [[nodiscard]] Lane& lane() { return worker_.lane(); }
  [[nodiscard]] FakeRing& ring() { return ring_; }

 private:
  class WoundClock final : public Clock {
   public:
    [[nodiscard]] Tick Now() const override { return now; }
    Tick now{1000};
  };

  FakeRing ring_;
  WoundClock clock_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 5}};
  SharedBridge shared_{bridge_};
  LoneWorker worker_{ring_, clock_, bridge_, shared_};
};

}  // namespace tapswitch
