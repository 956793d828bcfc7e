// A worker under load whose system calls fail in random patterns: what does not fail goes on as
// ever, in the same turn, and nothing grows. "Bounded" is counted in turns and bytes, not in time.

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "ports/interface/netdev/netdev_port.h"
#include "ports/interface/tap/tap_port.h"
#include "spdlog/spdlog.h"
#include "tests/support/faulty_kernel.h"
#include "tests/support/frame_builder.h"
#include "tests/support/lone_worker.h"
#include "tests/support/process_usage.h"
#include "tests/support/ring_conformance.h"

namespace tapswitch::fault_injection_test {
namespace {

constexpr uint16_t kHealthy = 2;   // ports 0 and 1 exchange numbered frames
constexpr uint16_t kFailing = 10;  // the others; of these the first sends the load
constexpr uint16_t kPorts = kHealthy + kFailing;

constexpr MacAddress Station(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }

std::string Wire(MacAddress destination, MacAddress source, std::string_view text,
                 size_t size = 60) {
  std::string wire(kVirtioNetHeaderSize, '\0');
  for (const std::byte byte :
       FrameBuilder(destination, source).Type(EtherType{0x88B5}).Text(text).Pad(size).Build()) {
    wire.push_back(static_cast<char>(byte));
  }
  return wire;
}

class WoundClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return now; }
  Tick now{1000};
};

// No frame of this size fits in the least send buffer that a socket may have (SOCK_MIN_SNDBUF).
constexpr size_t kTooMuch = 6000;

// A worker whose ports are ends of socket pairs; those of the healthy two alone have room for what
// is written to them.
class FaultInjectionTest : public testing::TestWithParam<RingKind> {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    spdlog::set_level(spdlog::level::off);
    seed_ = std::random_device()();
    if (const char* given = getenv("TAPSWITCH_SEED"))
      seed_ = static_cast<uint32_t>(std::stoul(given));
    random_.seed(seed_);
    auto ring =
        GetParam().make({.submission_entries = 128, .completion_entries = 512, .files = 64});
    if (!ring.ok()) GTEST_SKIP() << ring.status();
    ring_ = *std::move(ring);
    shared_.emplace(bridge_);
    worker_.emplace(*ring_, clock_, bridge_, *shared_);
    worker_->lane().set_on_readiness([this](uint32_t /*slot*/) {
      eventfd_t value = 0;
      static_cast<void>(eventfd_read(command_.get(), &value));
      ++commands_;
    });
    ASSERT_TRUE(ring_->Watch(command_.get(), {.operation = Operation::kReadiness}).ok());
    const int least = 1;
    for (uint16_t id = kHealthy; id < kPorts; ++id) {
      ASSERT_EQ(setsockopt(links_[id].near(), SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
    }
    for (uint16_t id = 0; id < kPorts; ++id) AddPort(id);
    for (uint16_t id = 0; id < kHealthy; ++id) Introduce(id);
  }

  void TearDown() override {
    SetFaults({}, 0);
    worker_.reset();
    ring_.reset();
    NameFaultyFiles({});
  }

  void AddPort(uint16_t id) {
    const PortIdentity identity{.id = {id},
                                .generation = generation_,
                                .name = "port" + std::to_string(id),
                                .counters = &worker_->lane().counters({id})};
    const auto query = [id]() -> absl::StatusOr<LinkEvent> { return LinkOf(id); };
    FileDescriptor file(dup(links_[id].near()));
    files_[id] = file.get();
    NameFaultyFiles(std::span(files_).subspan(kHealthy));
    std::unique_ptr<Port> port;
    if (GetParam().files == FileKind::kPacketSocket) {
      port = std::make_unique<NetdevPort>(
          identity, NetdevPort::Queue{.socket = std::move(file),
                                      .query = query,
                                      .missed = [](int) { return 0U; },
                                      .new_socket = [] { return FileDescriptor(); }});
    } else {
      port = std::make_unique<TapPort>(identity, std::move(file), OffloadSet::All(), query);
    }
    ASSERT_TRUE(worker_->AddPort(port, {.id = {id}, .bcast_flood = id >= kHealthy}).ok());
  }

  static LinkEvent LinkOf(uint16_t id) {
    return {.ifindex = id + 1, .name = "port", .up = true, .mtu = 9000};
  }

  void Introduce(uint16_t id) {
    links_[id].Arrive(Wire(kBroadcastAddress, Station(id), "here I am"));
    for (int turn = 0; turn < 3; ++turn) Turn();
  }

  void Turn() {
    clock_.now = clock_.now + Ticks{1};
    Storm();
    // A command, as a turn that has nothing to do would wait for ever.
    ASSERT_EQ(eventfd_write(command_.get(), 1), 0);
    worker_->Turn();
    // Ports whose reading failed twice wait for their links to come up.
    if (++turns_ % 8 != 0) return;
    for (uint16_t id = kHealthy; id < kPorts; ++id) worker_->OnLinkChange(LinkOf(id));
  }

  // Each of these frames fails at each of the failing ports.
  void Storm() {
    static const std::string frame = Wire(kBroadcastAddress, Station(kHealthy), "storm", kTooMuch);
    for (size_t count = 1 + random_() % 100; count > 0; --count) {
      if (send(links_[kHealthy].far(), frame.data(), frame.size(), MSG_DONTWAIT) < 0) break;
    }
  }

  // Sends the next numbered frame from one of the two to the other, and returns the turns that it
  // took; nothing when it was lost.
  std::optional<int> Pass(uint16_t from, int patience) {
    const auto to = static_cast<uint16_t>(1 - from);
    const std::string frame = Wire(Station(to), Station(from), std::to_string(++number_));
    links_[from].Arrive(frame);
    for (int turns = 1; turns <= patience; ++turns) {
      Turn();
      while (const auto got = links_[to].Written()) {
        if (*got == frame) return turns;
        EXPECT_EQ(got->find("storm"), std::string::npos) << "only what was sent to it";
      }
    }
    return std::nullopt;
  }

  uint32_t seed_ = 0;
  uint16_t generation_ = 1;
  std::minstd_rand random_;
  WoundClock clock_;
  Bridge bridge_{{.capacity = 1024, .ageing = {30'000'000}, .salt = 5}};
  std::array<Link, kPorts> links_;
  std::array<int, kPorts> files_{};  // as the ports have them
  FileDescriptor command_{eventfd(0, EFD_NONBLOCK)};
  int commands_ = 0;  // that were heard
  unsigned turns_ = 0;
  int number_ = 0;
  std::unique_ptr<Ring> ring_;
  std::optional<SharedBridge> shared_;
  std::optional<LoneWorker> worker_;
};
INSTANTIATE_TEST_SUITE_P(Rings, FaultInjectionTest, testing::ValuesIn(kRingKindsByRead),
                         RingKindName);

// A frame takes two turns, one in and one out; a call that was refused costs another.
TEST_P(FaultInjectionTest, WhateverFailsOthersPassInTheSameTurnAndNothingGrows) {
  SCOPED_TRACE(testing::Message() << "TAPSWITCH_SEED=" << seed_);
  constexpr int kPasses = 3000;
  SetFaults({.refused_calls = 50, .failed_transfers = 500}, seed_);
  int most_turns = 0;
  int64_t all_turns = 0;
  size_t resident = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const int commands = commands_;
    const auto turns = Pass(static_cast<uint16_t>(pass % 2), 20);
    ASSERT_TRUE(turns.has_value()) << "lost: pass " << pass;
    most_turns = std::max(most_turns, *turns);
    all_turns += *turns;
    EXPECT_GT(commands_, commands) << "a command waits";
    if (pass == kPasses / 3) resident = ResidentKilobytes(getpid());
  }
  EXPECT_LE(most_turns, 8);
  EXPECT_LT(all_turns, int64_t{3} * kPasses);
  EXPECT_LT(ResidentKilobytes(getpid()), resident + 4096 + kHeldBackKilobytes);
  EXPECT_EQ(ring_->overflows(), 0U);
  EXPECT_GT(InjectedFaults(), 1000U);
  uint64_t dropped = 0;
  for (uint16_t id = kHealthy; id < kPorts; ++id) {
    for (const uint64_t drops : worker_->lane().counters({id}).drops) dropped += drops;
  }
  EXPECT_GT(dropped, 5000U) << "it was a storm";
}

// A lost completion may be a frame of the two as well. But nobody waits for it for ever: reading
// goes on, with all buffers, watches report, and ports can be removed.
TEST_P(FaultInjectionTest, LostCompletionsAreGotOver) {
  SCOPED_TRACE(testing::Message() << "TAPSWITCH_SEED=" << seed_);
  for (int round = 0; round < 30; ++round) {
    SetFaults({.refused_calls = 20, .lost_completions = 100, .failed_transfers = 300},
              seed_ + static_cast<uint32_t>(round));
    for (int pass = 0; pass < 50; ++pass) {
      static_cast<void>(Pass(static_cast<uint16_t>(pass % 2), 3));
    }
    SetFaults({}, 0);
    for (int turn = 0; turn < 20; ++turn) Turn();
    for (int pass = 0; pass < 40; ++pass) {
      const int commands = commands_;
      ASSERT_TRUE(Pass(static_cast<uint16_t>(pass % 2), 10)) << "round " << round;
      ASSERT_GT(commands_, commands) << "round " << round;
    }
  }
}

TEST_P(FaultInjectionTest, APortIsRemovedThoughItsLastCompletionsWereLost) {
  SCOPED_TRACE(testing::Message() << "TAPSWITCH_SEED=" << seed_);
  for (int round = 0; round < 20; ++round) {
    SetFaults({.refused_calls = 20, .lost_completions = 300, .failed_transfers = 300},
              seed_ + static_cast<uint32_t>(round));
    for (int turn = 0; turn < 20; ++turn) Turn();
    bool removed = false;
    const auto id = static_cast<uint16_t>(random_() % kPorts);
    worker_->RemovePort({id}, [&](const std::unique_ptr<Port>& /*port*/) { removed = true; });
    int turns = 0;
    for (; turns < 200 && !removed; ++turns) Turn();
    ASSERT_TRUE(removed) << "round " << round << ": it is believed to read for ever";
    SetFaults({}, 0);
    ++generation_;
    AddPort(id);
    if (id < kHealthy) {
      for (int turn = 0; turn < 20; ++turn) Turn();
      Introduce(id);
    }
  }
}

}  // namespace
}  // namespace tapswitch::fault_injection_test
