// Ports of several queues on the real kernel: a ring for each queue, as each worker has, driven
// here by one thread, one after the other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ports/netlink/link_settings.h"
#include "ports/port_types.h"
#include "ports/ring/ring_factory.h"
#include "switch/forwarding/wire/bytes.h"
#include "tests/support/frame_builder.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/share_link.h"

namespace tapswitch::port_queues_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Bytes = std::vector<std::byte>;

constexpr size_t kQueues = 2;
constexpr uint32_t kFlows = 64;
constexpr uint32_t kProbe = 1000;  // the number of a datagram that says only that it came
constexpr size_t kPayload = 14 + 20 + 8;

// Datagram `number` of a flow; `back`: of its other direction.
Bytes Datagram(uint16_t flow, uint32_t number, bool back = false) {
  const uint32_t here = 0x0A000001;
  const uint32_t there = 0x0A000002;
  const auto port = static_cast<uint16_t>(1000 + flow);
  return FrameBuilder(MacAddress::FromNumber(back ? 0x02000000000A : 0x02000000000B),
                      MacAddress::FromNumber(back ? 0x02000000000B : 0x02000000000A))
      .Type(EtherType::kIpv4)
      .U16(0x4500)
      .U16(20 + 8 + 4)
      .U32(0)
      .U8(64)
      .U8(17)
      .U16(0)
      .U32(back ? there : here)
      .U32(back ? here : there)
      .U16(back ? uint16_t{53} : port)
      .U16(back ? port : uint16_t{53})
      .U16(8 + 4)
      .U16(0)
      .U32(number)
      .Pad(60)
      .Build();
}

// Of a datagram that was received.
uint16_t FlowOf(const Bytes& frame) {
  const uint16_t source = LoadBe16(frame.data() + 34);
  return static_cast<uint16_t>((source == 53 ? LoadBe16(frame.data() + 36) : source) - 1000);
}
uint32_t NumberOf(const Bytes& frame) { return LoadBe32(frame.data() + kPayload); }
bool IsDatagram(const Bytes& frame) {
  return frame.size() == 60 && LoadBe16(frame.data() + 12) == 0x0800 &&
         LoadBe32(frame.data() + 26) >> 8U == 0x0A0000;
}

class PortQueuesTest : public testing::TestWithParam<IoMode> {
 protected:
  // A port, and what came in by each of its queues.
  struct Opened {
    std::array<PortCounters, kQueues> counters;
    std::vector<std::unique_ptr<Port>> queues;
    std::array<std::vector<Bytes>, kQueues> received;
  };

  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    for (auto& ring : rings_) {
      auto chosen = MakeRing(GetParam());
      if (!chosen.ok()) GTEST_SKIP() << chosen.status();
      ring = std::move(chosen->ring);
    }
    monitor_.emplace(*rings_[0], [this](const LinkEvent& link) {
      for (const auto& port : ports_) {
        for (const auto& queue : port->queues) queue->OnLinkChange(link);
      }
    });
  }

  // Link changes reach the first queue of each port only, as long as the others' threads are busy.
  void KeepFromFollowers() {
    monitor_.emplace(*rings_[0], [this](const LinkEvent& link) {
      for (const auto& port : ports_) port->queues[0]->OnLinkChange(link);
    });
  }

  void TearDown() override {
    for (const auto& port : ports_) {
      for (const auto& queue : port->queues) queue->BeginClose();
    }
    for (const auto& port : ports_) {
      for (const auto& queue : port->queues) EXPECT_TRUE(Await([&] { return queue->closed(); }));
    }
    ports_.clear();
    monitor_.reset();
  }

  // Opens and starts a port, with a queue for each of `wanted` workers.
  Opened& Open(const std::string& text, size_t wanted = kQueues) {
    Opened& port = *ports_.emplace_back(std::make_unique<Opened>());
    const auto spec = ParsePortSpec(text);
    EXPECT_TRUE(spec.ok()) << spec.status();
    std::vector<PortIdentity> identities;
    for (size_t i = 0; i < wanted; ++i) {
      identities.push_back({.id = {static_cast<uint16_t>(ports_.size() - 1)},
                            .generation = 1,
                            .name = spec->name,
                            .counters = &port.counters[i]});
    }
    AttachNotes notes;
    auto queues = MakePortQueues(
        *spec, identities,
        {.monitor = *monitor_, .share_link = ShareLink, .listeners = listeners_, .notes = notes});
    EXPECT_TRUE(queues.ok()) << queues.status();
    if (!queues.ok()) return port;
    port.queues = *std::move(queues);
    for (size_t i = 0; i < port.queues.size(); ++i) {
      const absl::Status started = port.queues[i]->Start(*rings_[i]);
      EXPECT_TRUE(started.ok()) << started;
    }
    return port;
  }

  // A turn of each worker. What came in by a queue leaves by the same queue of `joined`, if given.
  void Turn() {
    for (size_t i = 0; i < kQueues; ++i) {
      static_cast<void>(rings_[i]->SubmitAndWait(std::chrono::milliseconds(1)));
      FrameBatch batch;
      for (const Completion& completion : rings_[i]->Reap()) {
        if (completion.tag.operation == Operation::kReadiness) {
          monitor_->OnReadable(completion.tag.slot);
        } else {
          ports_[completion.tag.port.value]->queues[i]->OnCompletions({&completion, 1}, batch);
        }
      }
      for (const Frame& frame : batch.frames()) Take(frame, i);
      for (const auto& port : ports_) {
        if (i < port->queues.size()) port->queues[i]->Recycle();
      }
    }
  }

  void Take(const Frame& frame, size_t queue) {
    Bytes bytes(frame.bytes().begin(), frame.bytes().end());
    if (!IsDatagram(bytes)) return;
    if (NumberOf(bytes) == kProbe) {
      ++probes_;
      return;
    }
    if (joined_) Send(*ports_.at(1 - frame.ingress.value), queue, bytes);
    ports_[frame.ingress.value]->received[queue].push_back(std::move(bytes));
  }

  void Send(Opened& port, size_t queue, const Bytes& frame) {
    Bytes wire(kVirtioNetHeaderSize);
    wire.insert(wire.end(), frame.begin(), frame.end());
    const Piece piece{.data = wire.data(), .size = wire.size()};
    const WireFrame wire_frame{.pieces = {&piece, 1}, .size = frame.size()};
    port.queues[queue]->Send({&wire_frame, 1});
    rings_[queue]->Submit();
  }

  bool Await(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      Turn();
    }
    return true;
  }

  bool AwaitLink(const Opened& port, bool up) {
    return Await([&] {
      for (const auto& queue : port.queues) {
        if (queue->status().link_up != up) return false;
      }
      return true;
    });
  }

  static size_t Received(const Opened& port) {
    return port.received[0].size() + port.received[1].size();
  }

  // Each flow came by one queue, in order, and each queue had some.
  static void ExpectFlowsSpreadInOrder(const Opened& port) {
    std::map<uint16_t, std::pair<size_t, uint32_t>> last;  // by flow: queue and number
    std::set<size_t> used;
    for (size_t queue = 0; queue < kQueues; ++queue) {
      for (const Bytes& frame : port.received[queue]) {
        const auto [flow, is_first] = last.try_emplace(FlowOf(frame), queue, NumberOf(frame));
        used.insert(queue);
        if (is_first) continue;
        EXPECT_EQ(flow->second.first, queue) << "flow " << flow->first << " changed its queue";
        EXPECT_EQ(flow->second.second + 1, NumberOf(frame)) << "flow " << flow->first;
        flow->second.second = NumberOf(frame);
      }
    }
    EXPECT_EQ(last.size(), kFlows);
    EXPECT_THAT(used, SizeIs(kQueues));
  }

  // Frames leave by each queue to interface `far`, and those of many flows from there spread.
  void ExpectAllQueuesWork(Opened& port, const std::string& far) {
    const PacketSocket host(far, 0x0800);
    for (uint32_t queue = 0; queue < kQueues; ++queue) {
      Send(port, queue, Datagram(0, queue, true));
      EXPECT_EQ(host.Receive(), Datagram(0, queue, true));
    }
    // An interface that has come up drops what it is to send until a work of the kernel has been
    // done, which nobody tells.
    probes_ = 0;
    EXPECT_TRUE(Await([&] {
      host.Send(Datagram(0, kProbe));
      return probes_ > 0;
    }));
    port.received = {};
    for (uint32_t number = 0; number < 3; ++number) {
      for (uint16_t flow = 0; flow < kFlows; ++flow) host.Send(Datagram(flow, number));
    }
    EXPECT_TRUE(Await([&] { return Received(port) >= size_t{3} * kFlows; }));
    EXPECT_EQ(Received(port), size_t{3} * kFlows) << "once each";
    ExpectFlowsSpreadInOrder(port);
  }

  // The two ports that are open are joined queue by queue, and hosts behind both of them send at
  // the same time, so that what one answers with meets frames that still wait.
  void ExpectFlowsStayOnTheirQueues(const std::string& first_far, const std::string& second_far) {
    joined_ = true;
    const PacketSocket alice(first_far, 0);
    const PacketSocket bob(second_far, 0);
    constexpr uint32_t kFrames = 30;
    for (uint32_t number = 0; number < kFrames; ++number) {
      for (uint16_t flow = 0; flow < kFlows; ++flow) {
        alice.Send(Datagram(flow, number));
        if (flow % 2 == 0) bob.Send(Datagram(flow, number, true));
        if (flow % 16 == 15) Turn();
      }
      for (uint16_t flow = 1; flow < kFlows; flow += 2) bob.Send(Datagram(flow, number, true));
    }
    const size_t all = size_t{kFrames} * kFlows;
    EXPECT_TRUE(Await([&] { return Received(*ports_[0]) >= all && Received(*ports_[1]) >= all; }));
    for (const auto& port : ports_) {
      EXPECT_EQ(Received(*port), all);
      ExpectFlowsSpreadInOrder(*port);
    }
  }

  [[nodiscard]] static TunState Tun(const std::string& name, const std::string& netns = "") {
    const auto where = netns.empty() ? NetworkNamespace::Current() : NetworkNamespace::Open(netns);
    EXPECT_TRUE(where.ok()) << where.status();
    const auto link = FindLink(*where, name);
    EXPECT_TRUE(link.ok() && *link && (*link)->tun) << name;
    return (*link)->tun.value_or(TunState());
  }

  std::optional<NetnsSandbox> sandbox_;
  std::array<std::unique_ptr<Ring>, kQueues> rings_;
  std::optional<LinkMonitor> monitor_;
  UnixListeners listeners_;
  std::vector<std::unique_ptr<Opened>> ports_;
  bool joined_ = false;  // the two ports there are
  size_t probes_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Io, PortQueuesTest, testing::Values(IoMode::kUring, IoMode::kEpoll),
                         [](const testing::TestParamInfo<IoMode>& mode) {
                           return mode.param == IoMode::kUring ? "uring" : "epoll";
                         });

// ---- How many there are

TEST_P(PortQueuesTest, ATapHasOneForEachWorker) {
  Opened& port = Open("vnet0");
  ASSERT_THAT(port.queues, SizeIs(kQueues));
  EXPECT_TRUE(Tun("vnet0").multi_queue);
  EXPECT_EQ(Tun("vnet0").queues, kQueues);
  EXPECT_TRUE(AwaitLink(port, true));
  ExpectAllQueuesWork(port, "vnet0");
}

TEST_P(PortQueuesTest, WithOneWorkerAPortIsWhatItAlwaysWas) {
  EXPECT_THAT(Open("vnet0", 1).queues, SizeIs(1));
  EXPECT_FALSE(Tun("vnet0").multi_queue);
}

TEST_P(PortQueuesTest, AUnixPortHasOne) {
  EXPECT_THAT(Open("unix:vm1,path=/run/tapswitch/vm1").queues, SizeIs(1));
}

TEST_P(PortQueuesTest, AnInterfaceThatExistsHasOneForEachWorker) {
  sandbox_->Run("ip link add near up type veth peer name far && ip link set far up");
  Opened& port = Open("netdev:near");
  ASSERT_THAT(port.queues, SizeIs(kQueues));
  EXPECT_EQ(port.queues[0]->status(), port.queues[1]->status());
  ExpectAllQueuesWork(port, "far");
}

// ---- Flows

TEST_P(PortQueuesTest, BothDirectionsOfAFlowBetweenTapsStayOnOneQueueOfEach) {
  Open("vnet0");
  Open("vnet1");
  ExpectFlowsStayOnTheirQueues("vnet0", "vnet1");
}

TEST_P(PortQueuesTest, BothDirectionsOfAFlowBetweenATapAndAnInterfaceStayOnOneQueueOfEach) {
  sandbox_->Run("ip link add near up type veth peer name far && ip link set far up");
  Open("vnet0");
  Open("netdev:near");
  ExpectFlowsStayOnTheirQueues("vnet0", "far");
}

TEST_P(PortQueuesTest, WhatTheHostSendsByAnInterfaceIsNotSeen) {
  sandbox_->Run("ip link add near up type veth peer name far && ip link set far up");
  Opened& port = Open("netdev:near");
  const PacketSocket host("near", 0);
  for (uint16_t flow = 0; flow < kFlows; ++flow) host.Send(Datagram(flow, 7));
  ExpectAllQueuesWork(port, "far");
}

// ---- The interface comes and goes

TEST_P(PortQueuesTest, AQueueThatHasNotHeardOfItsLinkYetSendsAsSoonAsTheFirstHas) {
  KeepFromFollowers();
  sandbox_->Run("ip link add near type veth peer name far && ip link set far up");
  for (const auto& [text, near, far] :
       {std::array<std::string, 3>{"vnet0,up=off", "vnet0", "vnet0"},
        {"netdev:near", "near", "far"}}) {
    Opened& port = Open(text);
    ASSERT_THAT(port.queues, SizeIs(kQueues));
    for (int i = 0; i < 5; ++i) Turn();  // reads that fail have failed
    sandbox_->Run("ip link set " + near + " up");
    EXPECT_TRUE(Await([&] { return port.queues[0]->status().link_up; }));
    EXPECT_FALSE(port.queues[1]->status().link_up);
    ExpectAllQueuesWork(port, far);
    EXPECT_EQ(port.counters[1].dropped(DropReason::kLinkDown), 0U);
  }
}

TEST_P(PortQueuesTest, ADeletedTapTakesAllQueuesDownForGood) {
  Opened& port = Open("vnet0");
  sandbox_->Run("ip link del vnet0");
  EXPECT_TRUE(AwaitLink(port, false));
  for (const auto& queue : port.queues) {
    EXPECT_TRUE(Await([&] { return queue->status().reason == "device was deleted; add it again"; }))
        << queue->status().reason;
  }
}

TEST_P(PortQueuesTest, AllQueuesFollowATapDownUpAndToAnotherNamespace) {
  sandbox_->AddNetns("h1");
  Opened& port = Open("vnet0");
  sandbox_->Run("ip link set vnet0 down");
  EXPECT_TRUE(AwaitLink(port, false));
  sandbox_->Run("ip link set vnet0 netns h1 && ip -n h1 link set vnet0 up mtu 1300");
  EXPECT_TRUE(AwaitLink(port, true));
  EXPECT_TRUE(Await([&] { return port.queues[1]->status().mtu == 1300; }));
  sandbox_->Run("ip -n h1 link set vnet0 netns $$ && ip link set vnet0 up");
  EXPECT_TRUE(
      Await([&] { return port.queues[1]->status().netns == NetworkNamespace::Current()->id(); }));
  EXPECT_TRUE(AwaitLink(port, true));
  ExpectAllQueuesWork(port, "vnet0");
}

TEST_P(PortQueuesTest, AnInterfaceThatIsDownAtFirstIsSharedOnceItIsUp) {
  sandbox_->Run("ip link add near type veth peer name far && ip link set far up");
  Opened& port = Open("netdev:near");
  EXPECT_TRUE(AwaitLink(port, false));
  sandbox_->Run("ip link set near up");
  EXPECT_TRUE(AwaitLink(port, true));
  ExpectAllQueuesWork(port, "far");
  sandbox_->Run("ip link set near down");
  EXPECT_TRUE(AwaitLink(port, false));
  sandbox_->Run("ip link set near up");
  EXPECT_TRUE(AwaitLink(port, true));
  ExpectAllQueuesWork(port, "far");
}

TEST_P(PortQueuesTest, AllQueuesUseAnInterfaceThatReturns) {
  constexpr const char* kMake = "ip link add near up type veth peer name far && ip link set far up";
  sandbox_->Run(kMake);
  Opened& port = Open("netdev:near");
  ExpectAllQueuesWork(port, "far");
  for (const bool notices : {true, false}) {
    SCOPED_TRACE(notices);
    sandbox_->Run("ip link del near");
    EXPECT_TRUE(!notices || AwaitLink(port, false));
    sandbox_->Run(kMake);
    const auto link = FindLink(*NetworkNamespace::Current(), "near");
    EXPECT_TRUE(Await([&] {
      return port.queues[0]->status().ifindex == (*link)->ifindex &&
             port.queues[1]->status().ifindex == (*link)->ifindex;
    }));
    EXPECT_TRUE(AwaitLink(port, true));
    ExpectAllQueuesWork(port, "far");
  }
}

}  // namespace
}  // namespace tapswitch::port_queues_test
