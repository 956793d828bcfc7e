// A TAP port on the real kernel, while its interface goes down, moves, and disappears.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ports/interface/tap/tap_port.h"
#include "ports/ring/ring_factory.h"
#include "tests/support/frame_builder.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/share_link.h"

namespace tapswitch::tap_port_link_test {
namespace {

using testing::HasSubstr;

using Bytes = std::vector<std::byte>;

constexpr PortId kPort{0};

class TapPortLinkTest : public testing::TestWithParam<IoMode> {
 protected:
  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    auto chosen = MakeRing(GetParam());
    if (!chosen.ok()) GTEST_SKIP() << chosen.status();
    ring_ = std::move(chosen->ring);
    monitor_.emplace(*ring_, [this](const LinkEvent& link) {
      if (port_) port_->OnLinkChange(link);
    });
  }

  void TearDown() override {
    if (port_) {
      port_->BeginClose();
      EXPECT_TRUE(Await([this] { return port_->closed(); }));
      port_.reset();
    }
    monitor_.reset();
  }

  void StartPort(const TapOptions& options) {
    PortIdentity identity{.id = kPort, .generation = 1, .name = options.name, .counters = nullptr};
    identity.counters = &counters_;
    auto ports = OpenTapPort(std::span(&identity, 1), options, *monitor_, ShareLink);
    ASSERT_TRUE(ports.ok()) << ports.status();
    port_ = std::move(ports->front());
    const absl::Status started = port_->Start(*ring_);
    ASSERT_TRUE(started.ok()) << started;
  }

  // Turns until `done`, as the worker does them; frames that come in are kept.
  bool Await(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      Turn();
    }
    return true;
  }

  void Turn() {
    FrameBatch batch;
    static_cast<void>(ring_->SubmitAndWait(std::chrono::milliseconds(20)));
    for (const Completion& completion : ring_->Reap()) {
      if (completion.tag.operation == Operation::kReadiness) {
        monitor_->OnReadable(completion.tag.slot);
      } else {
        port_->OnCompletions({&completion, 1}, batch);
      }
    }
    for (const Frame& frame : batch.frames()) {
      received_.emplace_back(frame.bytes().begin(), frame.bytes().end());
    }
    port_->Recycle();
  }

  bool AwaitLink(bool up) {
    return Await([&] { return port_->status().link_up == up; });
  }

  // Frames pass between the port and interface `name` of `netns`, "" being the sandbox.
  void ExpectFramesPass(const std::string& name, const std::string& netns = "") {
    const Bytes frame = FrameBuilder(MacAddress::FromNumber(0x02000000000B),
                                     MacAddress::FromNumber(0x02000000000A))
                            .U16(0x88B5)  // for local experiments (IEEE 802)
                            .U32(next_number_++)
                            .Pad(60)
                            .Build();
    const auto where = netns.empty() ? NetworkNamespace::Current() : NetworkNamespace::Open(netns);
    ASSERT_TRUE(where.ok()) << where.status();
    std::optional<PacketSocket> far_side;
    {
      const auto scope = NetnsScope::Enter(*where);
      ASSERT_TRUE(scope.ok()) << scope.status();
      far_side.emplace(name);
    }
    far_side->Send(frame);
    EXPECT_TRUE(Await([&] { return !received_.empty() && received_.back() == frame; }));

    Write(frame);
    static_cast<void>(ring_->SubmitAndWait(std::chrono::nanoseconds(0)));
    EXPECT_EQ(far_side->Receive(), frame);
  }

  void Write(const Bytes& frame) {
    wire_.assign(kVirtioNetHeaderSize, std::byte{0});
    wire_.insert(wire_.end(), frame.begin(), frame.end());
    const Piece piece{.data = wire_.data(), .size = wire_.size()};
    const WireFrame wire_frame{.pieces = {&piece, 1}, .size = frame.size()};
    port_->Send({&wire_frame, 1});
    ring_->Submit();
  }

  std::optional<NetnsSandbox> sandbox_;
  std::unique_ptr<Ring> ring_;
  std::optional<LinkMonitor> monitor_;
  PortCounters counters_;
  std::unique_ptr<Port> port_;
  std::vector<Bytes> received_;
  Bytes wire_;
  uint32_t next_number_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Io, TapPortLinkTest, testing::Values(IoMode::kUring, IoMode::kEpoll),
                         [](const testing::TestParamInfo<IoMode>& mode) {
                           return mode.param == IoMode::kUring ? "uring" : "epoll";
                         });

TEST_P(TapPortLinkTest, CarriesFramesAndKnowsItsMtu) {
  StartPort({.name = "vnet0", .mtu = 1400});
  EXPECT_TRUE(port_->status().link_up);
  EXPECT_EQ(port_->status().mtu, 1400U);
  ExpectFramesPass("vnet0");
}

TEST_P(TapPortLinkTest, AnInterfaceThatGoesDownAndUpCarriesOn) {
  StartPort({.name = "vnet0"});
  ExpectFramesPass("vnet0");
  sandbox_->Run("ip link set vnet0 down");
  EXPECT_TRUE(AwaitLink(false));
  EXPECT_EQ(port_->status().reason, "interface is down");
  sandbox_->Run("ip link set vnet0 up mtu 9000");
  EXPECT_TRUE(AwaitLink(true));
  EXPECT_TRUE(Await([this] { return port_->status().mtu == 9000; }));
  ExpectFramesPass("vnet0");
}

TEST_P(TapPortLinkTest, AnInterfaceThatIsAddedDownComesUpLater) {
  StartPort({.name = "vnet0", .up = false});
  EXPECT_FALSE(port_->status().link_up);
  sandbox_->Run("ip link set vnet0 up");
  EXPECT_TRUE(AwaitLink(true));
  ExpectFramesPass("vnet0");
}

TEST_P(TapPortLinkTest, AWriteMayNoticeFirstThatTheInterfaceIsDown) {
  StartPort({.name = "vnet0"});
  sandbox_->Run("ip link set vnet0 down");
  Write(Bytes(60));
  EXPECT_TRUE(AwaitLink(false));
  EXPECT_EQ(counters_.dropped(DropReason::kLinkDown), 1U);
  EXPECT_EQ(counters_.sent, FrameCounter());
  sandbox_->Run("ip link set vnet0 up");
  EXPECT_TRUE(AwaitLink(true));
}

TEST_P(TapPortLinkTest, AnInterfaceThatIsMovedAndRenamedAfterTheStartIsFollowed) {
  sandbox_->AddNetns("h1");
  sandbox_->AddNetns("h2");
  StartPort({.name = "vnet0"});
  ExpectFramesPass("vnet0");
  sandbox_->Run("ip link set vnet0 netns h1");
  EXPECT_TRUE(AwaitLink(false));
  sandbox_->Run("ip -n h1 link set vnet0 name eth0 up");
  EXPECT_TRUE(AwaitLink(true));
  ExpectFramesPass("eth0", "h1");

  sandbox_->Run("ip -n h1 link set eth0 netns h2 && ip -n h2 link set eth0 mtu 1300 up");
  EXPECT_TRUE(Await([this] { return port_->status().link_up && port_->status().mtu == 1300; }));
  ExpectFramesPass("eth0", "h2");

  sandbox_->Run("ip -n h2 link set eth0 netns $$ && ip link set eth0 mtu 1200 up");
  EXPECT_TRUE(Await([this] { return port_->status().link_up && port_->status().mtu == 1200; }));
  ExpectFramesPass("eth0");
}

TEST_P(TapPortLinkTest, ADeletedInterfaceTakesThePortDownForGood) {
  StartPort({.name = "vnet0"});
  sandbox_->Run("ip link del vnet0");
  EXPECT_TRUE(AwaitLink(false));
  EXPECT_THAT(port_->status().reason, HasSubstr("device was deleted"));
}

TEST_P(TapPortLinkTest, ANamespaceThatIsDeletedTakesThePortWithIt) {
  sandbox_->AddNetns("h1");
  StartPort({.name = "eth0", .netns = "h1"});
  ExpectFramesPass("eth0", "h1");
  sandbox_->Run("ip netns del h1");
  EXPECT_TRUE(AwaitLink(false));
  EXPECT_THAT(port_->status().reason, HasSubstr("device was deleted"));
  sandbox_->AddNetns("h1");
  port_->BeginClose();
  EXPECT_TRUE(Await([this] { return port_->closed(); }));
  port_.reset();

  StartPort({.name = "eth0", .netns = "h1"});
  EXPECT_TRUE(port_->status().link_up) << "added again, in a namespace of the same name";
  ExpectFramesPass("eth0", "h1");
}

TEST_P(TapPortLinkTest, TheReceiveQueueOfABurstIsReadCompletely) {
  StartPort({.name = "vnet0"});
  const PacketSocket far_side("vnet0");
  constexpr size_t kFrames = 5 * kReceiveBufferCount;
  for (size_t i = 0; i < kFrames; ++i) far_side.Send(Bytes(60 + i));
  EXPECT_TRUE(Await([this] { return received_.size() == kFrames; }));
  for (size_t i = 0; i < received_.size(); ++i) EXPECT_EQ(received_[i].size(), 60 + i);
}

}  // namespace
}  // namespace tapswitch::tap_port_link_test
