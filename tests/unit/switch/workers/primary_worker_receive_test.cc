// The loop with ports that read by themselves, as those on sockets do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "switch/workers/primary_worker.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/lone_worker.h"

namespace tapswitch::primary_worker_receive_test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;

using Bytes = std::vector<std::byte>;

class StillClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return Tick{1000}; }
};

// Brings as many frames as the test says wait, at most a number a turn.
class ReadingPort final : public Port {
 public:
  explicit ReadingPort(PortIdentity identity) : identity_(std::move(identity)) {
    status_.link_up = true;
    wire_.resize(kVirtioNetHeaderSize);
    const Bytes frame = FrameBuilder(kBroadcastAddress, MacAddress::FromNumber(0x020000000001))
                            .Type(EtherType::kIpv4)
                            .Pad(60)
                            .Build();
    wire_.insert(wire_.end(), frame.begin(), frame.end());
  }

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] absl::Status Start(Ring& /*ring*/) override { return absl::OkStatus(); }
  void OnCompletions(std::span<const Completion> completions, FrameBatch& /*received*/) override {
    reported += completions.size();
  }
  [[nodiscard]] bool Receive(FrameBatch& received) override {
    ++calls;
    for (size_t i = 0; i < kMostATurn && waiting > 0 && !received.full(); ++i, --waiting) {
      ++brought;
      received.push_back({.wire = {.data = wire_.data(), .size = wire_.size()},
                          .ingress = identity_.id,
                          .needed = {},
                          .offload = {}});
    }
    return waiting > 0;
  }
  void Send(std::span<const WireFrame> frames) override { sent += frames.size(); }
  void Recycle() override { ++recycled; }
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  void BeginClose() override { closing_ = true; }
  [[nodiscard]] bool closed() const override { return closing_; }
  void Detach() override {}

  static constexpr size_t kMostATurn = 100;
  size_t waiting = 0;
  size_t brought = 0;
  size_t calls = 0;
  size_t reported = 0;
  size_t recycled = 0;
  size_t sent = 0;

 private:
  PortIdentity identity_;
  PortStatus status_;
  Bytes wire_;
  bool closing_ = false;
};

class WorkerReceiveTest : public ::testing::Test {
 protected:
  static constexpr uint16_t kPorts = 4;

  WorkerReceiveTest() {
    for (uint16_t id = 0; id < kPorts; ++id) {
      auto port = std::make_unique<ReadingPort>(
          PortIdentity{.id = {id}, .name = "vm", .counters = &worker_.lane().counters({id})});
      ports_[id] = port.get();
      std::unique_ptr<Port> any = std::move(port);
      EXPECT_TRUE(worker_.AddPort(any, {.id = {id}}).ok());
    }
    worker_.Turn();
  }

  void Report(uint16_t id) {
    ring_.Complete(
        {.tag = {.operation = Operation::kPoll, .port = {id}}, .result = 1, .more = true});
  }

  FakeRing ring_;
  StillClock clock_;
  Bridge bridge_{{.capacity = 1024, .ageing = {0}, .salt = 5}};
  std::array<ReadingPort*, kPorts> ports_{};
  SharedBridge shared_{bridge_};
  LoneWorker worker_{ring_, clock_, bridge_, shared_};
};

TEST_F(WorkerReceiveTest, ReadsOnceWhenThereWasAReport) {
  ports_[0]->waiting = 3;
  worker_.Turn();
  EXPECT_EQ(ports_[0]->calls, 0U);

  Report(0);
  worker_.Turn();

  EXPECT_EQ(ports_[0]->reported, 1U);
  EXPECT_EQ(ports_[0]->calls, 1U);
  EXPECT_EQ(ports_[0]->recycled, 1U);
  EXPECT_EQ(ports_[1]->sent, 3U) << "in the same turn";
  worker_.Turn();
  EXPECT_EQ(ports_[0]->calls, 1U);
}

TEST_F(WorkerReceiveTest, GoesOnWithoutWaitingAsLongAsThereMayBeMore) {
  ports_[0]->waiting = 2 * ReadingPort::kMostATurn + 1;
  Report(0);
  for (int i = 0; i < 3; ++i) {
    worker_.Turn();
    EXPECT_EQ(ring_.timeouts().back().has_value(), i > 0);
  }
  EXPECT_EQ(ports_[0]->waiting, 0U);
  EXPECT_EQ(ports_[1]->sent, 2 * ReadingPort::kMostATurn + 1);
  worker_.Turn();
  EXPECT_FALSE(ring_.timeouts().back().has_value()) << "and then waits again";
}

TEST_F(WorkerReceiveTest, AllHaveTheirTurnWhereABatchIsTooSmallForAll) {
  for (uint16_t id = 0; id < kPorts; ++id) {
    ports_[id]->waiting = 10'000;
    Report(id);
  }
  constexpr size_t kTurns = 12;
  for (size_t i = 0; i < kTurns; ++i) worker_.Turn();
  std::vector<size_t> brought;
  for (const ReadingPort* port : ports_) brought.push_back(port->brought);
  EXPECT_THAT(brought, Each(Gt(kTurns * FrameBatch::kCapacity / kPorts / 2)));
  EXPECT_EQ(std::accumulate(brought.begin(), brought.end(), size_t{0}),
            kTurns * FrameBatch::kCapacity);
}

TEST_F(WorkerReceiveTest, APortThatIsRemovedIsNotRead) {
  ports_[0]->waiting = 1000;
  Report(0);
  worker_.Turn();
  std::unique_ptr<Port> removed;
  worker_.RemovePort({0}, [&](std::unique_ptr<Port> port) { removed = std::move(port); });
  const size_t calls = ports_[0]->calls;
  worker_.Turn();
  EXPECT_EQ(ports_[0]->calls, calls);
  worker_.Turn();
  EXPECT_FALSE(ring_.timeouts().back().has_value());
}

}  // namespace
}  // namespace tapswitch::primary_worker_receive_test
