// Conversations that the kernel carries by itself: that it does, that nobody can tell, and that
// whatever has to see each frame does.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::kernel_forwarding_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr size_t kNumberAt = 20;  // in the frames of these tests

// Numbered frames of one conversation.
std::vector<std::byte> Numbered(MacAddress to, MacAddress from, uint32_t number) {
  auto frame = TestFrame(to, from, "");
  std::memcpy(&frame[kNumberAt], &number, sizeof(number));
  return frame;
}

std::optional<uint32_t> NumberOf(std::span<const std::byte> frame) {
  if (frame.size() < kNumberAt + 4 || LoadBe16(&frame[kTypeOffset]) != 0x88B5) return std::nullopt;
  uint32_t number = 0;
  std::memcpy(&number, &frame[kNumberAt], sizeof(number));
  return number;
}

// The frames that came, judged by their numbers.
struct Arrivals {
  uint32_t frames = 0;
  uint32_t repeated = 0;
  uint32_t late = 0;
  uint32_t next = 0;
  std::vector<bool> seen;

  explicit Arrivals(uint32_t expected) : seen(expected) {}
  void Take(uint32_t number) {
    if (number >= seen.size()) return;
    if (seen[number]) {
      ++repeated;
      return;
    }
    seen[number] = true;
    ++frames;
    if (number < next) ++late;
    next = std::max(next, number + 1);
  }
};

class KernelForwardingTest : public SwitchTest {
 protected:
  void Start(const std::vector<std::string>& flags = {},
             const std::vector<std::string>& ports = {"netdev", "netdev"},
             const std::vector<std::string>& launcher = {}) {
    network_.emplace(TestNetwork::Options{.io = io(),
                                          .ports = ports,
                                          .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
                                          .flags = flags,
                                          .launcher = launcher});
    client_.emplace();
    for (int i = 1; i <= network_->size(); ++i) {
      sockets_.push_back(network_->host(i).OpenPacketSocket(0));
    }
    if (Kernel().at("kernel_forwarding") == "off" && flags.empty()) {
      GTEST_SKIP() << Kernel().dump();
    }
  }

  [[nodiscard]] json Kernel() { return client_->Call("kernel.list").at(0); }
  [[nodiscard]] json Port(const std::string& name) {
    return client_->Call("port.list", {{"name", name}}).at(0);
  }
  [[nodiscard]] json Trace(int from, int to) {
    return client_->Call("trace", {{"in", "vnet" + std::to_string(from)},
                                   {"src", Station(from).ToString()},
                                   {"dst", Station(to).ToString()},
                                   {"type", 0x88B5}});
  }
  [[nodiscard]] std::string Verdict(int from, int to) { return Trace(from, to).at("kernel"); }
  [[nodiscard]] std::string WhyNot(int from, int to) { return Trace(from, to).at("stages").dump(); }

  // Sends a frame from one simulated station to another.
  void Send(int from, int to, uint32_t number = 0) {
    sockets_.at(static_cast<size_t>(from) - 1)
        .Send(Numbered(Station(to), Station(from), number));
  }
  // Both stations are known.
  void Introduce(int a, int b) {
    Send(a, b);
    Send(b, a);
    EXPECT_TRUE(WaitUntil([&] {
      return client_->Call("fdb.list", {{"dev", "vnet" + std::to_string(a)}}).dump().find(
                 Station(a).ToString()) != std::string::npos &&
             client_->Call("fdb.list", {{"dev", "vnet" + std::to_string(b)}}).dump().find(
                 Station(b).ToString()) != std::string::npos;
    }));
  }
  // Sends until the kernel carries what is sent.
  [[nodiscard]] bool BecomesCarried(int from, int to) {
    return WaitUntil([&] {
      for (int i = 0; i < 10; ++i) Send(from, to);
      return Verdict(from, to) == "yes";
    });
  }
  [[nodiscard]] uint64_t CarriedFrom(const std::string& port) {
    return Port(port).at("kernel").at("rx");
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
  std::vector<PacketSocket> sockets_;
};
INSTANTIATE_TEST_SUITE_P(Io, KernelForwardingTest, kEachIo, IoName);

// ---- That it does

TEST_P(KernelForwardingTest, AConversationThatGoesOnIsCarriedAndCounted) {
  Start();
  Introduce(1, 2);
  EXPECT_EQ(Verdict(1, 2), "not yet");
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  const json before = Port("vnet1");
  const auto before_sent = Port("vnet2").at("stats64").at("tx").at("packets").get<uint64_t>();
  const PacketSocket receiver = network_->host(2).OpenPacketSocket();
  for (uint32_t i = 0; i < 100; ++i) Send(1, 2, i);
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
  const json after = Port("vnet1");
  EXPECT_EQ(after.at("kernel").at("rx").get<uint64_t>(),
            before.at("kernel").at("rx").get<uint64_t>() + 100);
  const auto received = after.at("stats64").at("rx").at("packets").get<uint64_t>();
  EXPECT_EQ(received, before.at("stats64").at("rx").at("packets").get<uint64_t>() + 100);
  EXPECT_EQ(received, after.at("forwarded").get<uint64_t>() +
                          after.at("stats64").at("rx").at("dropped").get<uint64_t>());
  EXPECT_EQ(Port("vnet2").at("stats64").at("tx").at("packets").get<uint64_t>(), before_sent + 100);
  EXPECT_EQ(Kernel().at("flows").size(), 1U) << Kernel().dump();
  EXPECT_EQ(Verdict(2, 1), "not yet");
}

TEST_P(KernelForwardingTest, HostsReachEachOtherThroughTheKernel) {
  Start();
  network_->host(1).Run("ping -c 30 -i 0.01 -W 10 " + network_->host(2).address(IpVersion::kV4));
  EXPECT_EQ(Kernel().at("flows").size(), 2U) << Kernel().dump();
  EXPECT_GT(CarriedFrom("vnet1"), 5U);
  EXPECT_GT(CarriedFrom("vnet2"), 5U);
}

TEST_P(KernelForwardingTest, FloodsAndScansAreNotCarried) {
  Start();
  for (int i = 0; i < 50; ++i) {
    sockets_[0].Send(TestFrame(Station(100 + i), Station(1), "scan"));
    sockets_[0].Send(TestFrame(kBroadcastAddress, Station(1), "flood"));
  }
  EXPECT_TRUE(WaitUntil([&] {
    return Port("vnet1").at("stats64").at("rx").at("packets").get<uint64_t>() >= 100;
  }));
  EXPECT_TRUE(Kernel().at("flows").empty()) << Kernel().dump();
}

TEST_P(KernelForwardingTest, OffMeansOff) {
  Start({"--kernel_forwarding=off"});
  Introduce(1, 2);
  for (int i = 0; i < 30; ++i) Send(1, 2);
  EXPECT_EQ(Kernel().at("reason"), "--kernel_forwarding=off");
  EXPECT_EQ(Verdict(1, 2), "no");
  EXPECT_THAT(WhyNot(1, 2), HasSubstr("--kernel_forwarding=off"));
}

// ---- That each frame is seen by who has to see it: from the answer of the command on

struct Watched {
  std::string name;
  std::function<void(ControlClient&)> begin;
  std::string why;
};

class WatchedTest : public KernelForwardingTest {};
INSTANTIATE_TEST_SUITE_P(Io, WatchedTest, kEachIo, IoName);

TEST_P(WatchedTest, ASettingHoldsForTheFirstFrameAfterItsAnswer) {
  const std::vector<Watched> settings{
      {"turned off", [](ControlClient& client) {
         client.Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", false}});
       }, "kernel_forwarding off"},
      {"mirror", [](ControlClient& client) {
         client.Call("mirror.add", {{"name", "m"}, {"dev", json::array({"vnet1"})}, {"to", "vnet3"}});
       }, "mirror"},
      {"mirror of what leaves", [](ControlClient& client) {
         client.Call("mirror.add", {{"name", "m"}, {"dev", json::array({"vnet2"})},
                                    {"direction", "egress"}, {"to", "vnet3"}});
       }, "mirror"},
      {"allow list", [](ControlClient& client) {
         client.Call("security.set", {{"dev", "vnet1"}, {"max_macs", 9}});
         client.Call("port.set", {{"name", "vnet1"},
                                  {"allow", json::array({Station(1).ToString()})}});
       }, "allow list"},
      {"locked", [](ControlClient& client) {
         client.Call("link.set", {{"dev", "vnet1"}, {"locked", true}});
       }, "locked"},
  };
  Start({}, {"netdev", "netdev", "netdev"});
  if (IsSkipped()) return;
  for (const Watched& setting : settings) {
    SCOPED_TRACE(setting.name);
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    setting.begin(*client_);
    const uint64_t before = CarriedFrom("vnet1");
    for (uint32_t i = 0; i < 50; ++i) Send(1, 2, i);
    EXPECT_TRUE(WaitUntil([&] { return Kernel().at("flows").empty(); })) << Kernel().dump();
    EXPECT_EQ(CarriedFrom("vnet1"), before);
    EXPECT_EQ(Verdict(1, 2), "no");
    EXPECT_THAT(WhyNot(1, 2), HasSubstr(setting.why));
    client_->Request("mirror.del", {{"name", "m"}});
    client_->Call("port.set", {{"name", "vnet1"}, {"allow", json::array()}});
    client_->Call("link.set", {{"dev", "vnet1"}, {"locked", false}});
    client_->Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", true}});
  }
}

TEST_P(KernelForwardingTest, AnEntryThatIsSetOrDeletedHoldsForTheFirstFrameAfterItsAnswer) {
  Start({}, {"netdev", "netdev", "netdev"});
  if (IsSkipped()) return;
  const PacketSocket third = network_->host(3).OpenPacketSocket();
  for (const bool is_static : {true, false}) {
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    if (is_static) {
      client_->Call("fdb.replace", {{"mac", Station(2).ToString()}, {"dev", "vnet3"},
                                    {"state", "static"}});
    } else {
      client_->Call("fdb.del", {{"mac", Station(2).ToString()}, {"dev", "vnet2"}});
    }
    for (uint32_t i = 1000; i < 1005; ++i) Send(1, 2, i);
    for (uint32_t expected = 1000; expected < 1005;) {
      const auto number = NumberOf(third.Receive());
      ASSERT_TRUE(number.has_value());
      if (*number < 1000) continue;  // was flooded when nobody was known
      EXPECT_EQ(*number, expected++);
    }
    if (is_static) {
      client_->Call("fdb.del", {{"mac", Station(2).ToString()}, {"dev", "vnet3"}});
    }
  }
}

TEST_P(KernelForwardingTest, AStationThatMovesTakesItsFramesAlong) {
  Start({}, {"netdev", "netdev", "netdev"});
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2));
  sockets_[2].Send(Numbered(Station(1), Station(2), 0));  // station 2 is behind port 3 now
  ASSERT_TRUE(WaitUntil([&] {
    return client_->Call("fdb.get", {{"mac", Station(2).ToString()}}).at(0).at("ifname") == "vnet3";
  }));
  EXPECT_TRUE(Kernel().at("flows").empty()) << Kernel().dump();
  const PacketSocket third = network_->host(3).OpenPacketSocket();
  Send(1, 2, 77);
  EXPECT_EQ(NumberOf(third.Receive()), 77U);
}

TEST_P(KernelForwardingTest, WhatIsUsedDoesNotAgeAndWhatIsNotIsTakenBack) {
  Start({"--ageing_time=2s"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  Introduce(1, 2);
  client_->Call("fdb.replace", {{"mac", Station(2).ToString()}, {"dev", "vnet2"},
                                {"state", "static"}});
  ASSERT_TRUE(BecomesCarried(1, 2));
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < end) {
    Send(1, 2);
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(Verdict(1, 2), "yes") << WhyNot(1, 2);
  EXPECT_EQ(client_->Call("fdb.get", {{"mac", Station(1).ToString()}}).at(0).at("ifname"), "vnet1");
  EXPECT_TRUE(WaitUntil([&] { return Kernel().at("flows").empty(); }));
}

TEST_P(KernelForwardingTest, LongerFramesThanTheOtherPortTakesAreDroppedAsEver) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2));
  network_->sandbox().Run("ip link set vnet2 mtu 1000");
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet2").at("mtu") == 1000; }));
  EXPECT_NE(Verdict(1, 2), "yes");
  ASSERT_TRUE(BecomesCarried(1, 2));
  sockets_[0].Send(
      FrameBuilder(Station(2), Station(1)).Type(kTestType).Text("long").Pad(1200).Build());
  EXPECT_TRUE(WaitUntil([&] { return Port("vnet2").at("drops").at("too_long") == 1; }));
}

TEST_P(KernelForwardingTest, TagsAreEditedByTheKernel) {
  Start();
  if (IsSkipped()) return;
  client_->Call("bridge.set", {{"vlan_filtering", true}});
  client_->Call("vlan.add", {{"dev", "vnet1"}, {"vid", "10"}, {"pvid", true}, {"untagged", true}});
  client_->Call("vlan.add", {{"dev", "vnet2"}, {"vid", "10"}});
  const PacketSocket first = network_->host(1).OpenPacketSocket();
  const PacketSocket second = network_->host(2).OpenPacketSocket();
  const auto untagged = TestFrame(Station(2), Station(1), "to");
  const auto tagged = FrameBuilder(Station(2), Station(1)).Tag(EtherType::kVlan, 10).Type(kTestType)
                          .Text("to").Pad(64).Build();
  const auto back_tagged = FrameBuilder(Station(1), Station(2)).Tag(EtherType::kVlan, 10).Type(kTestType)
                               .Text("back").Pad(64).Build();
  const auto back_untagged = TestFrame(Station(1), Station(2), "back");
  for (int i = 0; i < 100; ++i) {
    sockets_[0].Send(untagged);
    EXPECT_EQ(second.Receive(), tagged) << i;
    sockets_[1].Send(back_tagged);
    EXPECT_EQ(first.Receive(), back_untagged) << i;
  }
  EXPECT_EQ(Kernel().at("flows").size(), 2U) << Kernel().dump();
  EXPECT_GT(CarriedFrom("vnet1"), 10U);
  EXPECT_GT(CarriedFrom("vnet2"), 10U);
  const json vlans = client_->Call("vlan.list", {{"dev", "vnet2"}, {"statistics", true}});
  EXPECT_THAT(vlans.dump(), HasSubstr("100")) << vlans.dump();
}

// ---- A switch that cannot act

TEST_P(KernelForwardingTest, AStoppedSwitchGoesOnForwardingWhatIsKnownAndAKilledOneDoesNot) {
  for (const bool has_tcx : {true, false}) {
    SCOPED_TRACE(has_tcx ? "TCX" : "clsact");
    sockets_.clear();
    network_.reset();
    Start({}, {"netdev", "netdev"},
          has_tcx ? std::vector<std::string>() : std::vector<std::string>{DENY_TCX_PATH});
    if (IsSkipped()) return;
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    const PacketSocket receiver = network_->host(2).OpenPacketSocket();
    ASSERT_EQ(kill(network_->tapswitchd().pid(), SIGSTOP), 0);
    for (uint32_t i = 1; i <= 100; ++i) Send(1, 2, i);
    for (uint32_t i = 1; i <= 100; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
    network_->tapswitchd().Kill();
    ASSERT_TRUE(WaitUntil([&] { return !network_->tapswitchd().running(); }));
    // Its sockets go a little later, as the kernel's ring lets go of them.
    EXPECT_TRUE(WaitUntil([&] {
      const uint64_t received = network_->host(2).CountFrames().received;
      for (uint32_t i = 1; i <= 100; ++i) Send(1, 2, i);
      std::this_thread::sleep_for(10ms);
      return network_->host(2).CountFrames().received == received;
    }));
    if (!has_tcx) continue;
    EXPECT_THAT(network_->sandbox().Run("tc qdisc show dev vnet1"), testing::Not(HasSubstr("clsact")));
  }
}

TEST_P(KernelForwardingTest, PortsThatComeAfterPrivilegesWereGivenUpTakePart) {
  Start({"--user=nobody"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  client_->Call("port.del", {{"name", "vnet1"}});
  client_->Call("port.add", {{"port", "netdev:vnet1"}});
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet1").at("link") == "up"; }));
  Introduce(1, 2);
  EXPECT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
}

TEST_P(KernelForwardingTest, WithoutTheCapabilityItSaysSoAndGoesOn) {
  Start({"--name=br0"}, {"netdev", "netdev"}, {"setpriv", "--bounding-set=-bpf,-sys_admin"});
  EXPECT_EQ(Kernel().at("kernel_forwarding"), "off");
  EXPECT_TRUE(network_->tapswitchd().WaitForLog("known conversations are not carried"));
  Introduce(1, 2);
  const PacketSocket receiver = network_->host(2).OpenPacketSocket();
  for (uint32_t i = 1; i <= 30; ++i) Send(1, 2, i);
  for (uint32_t i = 1; i <= 30; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
  EXPECT_EQ(Verdict(1, 2), "no");
}

// ---- TAPs of another process

// A TAP that the test holds, as QEMU does.
class GuestTap {
 public:
  explicit GuestTap(const std::string& name)
      : file_(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    name.copy(static_cast<char*>(request.ifr_name), IFNAMSIZ - 1);
    EXPECT_EQ(ioctl(file_.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
  }
  void Send(std::span<const std::byte> frame) const {
    EXPECT_EQ(write(file_.get(), frame.data(), frame.size()), static_cast<ssize_t>(frame.size()));
  }
  [[nodiscard]] std::vector<std::byte> Receive(std::chrono::milliseconds limit) const {
    pollfd ready{.fd = file_.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, static_cast<int>(limit.count())) != 1) return {};
    std::vector<std::byte> frame(65536);
    const ssize_t size = read(file_.get(), frame.data(), frame.size());
    frame.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return frame;
  }

 private:
  FileDescriptor file_;
};

class GuestsTest : public KernelForwardingTest {
 protected:
  void StartGuests() {
    Start();
    if (IsSkipped()) return;
    for (int i : {0, 1}) {
      const std::string name = "guest" + std::to_string(i);
      guests_.emplace_back(name);
      network_->sandbox().Run("ip link set " + name + " up");
      client_->Call("port.add", {{"port", "netdev:" + name}});
      ASSERT_TRUE(WaitUntil([&] { return Port(name).at("link") == "up"; }));
    }
  }
  void SendByGuest(size_t from, uint32_t number = 0) {
    guests_.at(from).Send(Numbered(Station(from == 0 ? 8 : 7), Station(from == 0 ? 7 : 8), number));
  }
  [[nodiscard]] bool GuestsAreCarried() {
    SendByGuest(0);
    SendByGuest(1);
    return WaitUntil([&] {
      for (int i = 0; i < 10; ++i) SendByGuest(0);
      while (!guests_[1].Receive(10ms).empty()) {
      }
      return CarriedFrom("guest0") > 0;
    });
  }

  std::vector<GuestTap> guests_;
};
INSTANTIATE_TEST_SUITE_P(Io, GuestsTest, kEachIo, IoName);

TEST_P(GuestsTest, WhatAnInterfaceDropsIsCountedWithAReason) {
  StartGuests();
  if (IsSkipped()) return;
  ASSERT_TRUE(GuestsAreCarried());
  while (!guests_[1].Receive(100ms).empty()) {
  }
  const json before = Port("guest1");
  constexpr uint64_t kFrames = 3000;  // three times the queue of a TAP
  for (uint32_t i = 0; i < kFrames; ++i) SendByGuest(0, i);
  const json after = Port("guest1");
  uint64_t arrived = 0;
  while (!guests_[1].Receive(100ms).empty()) ++arrived;
  EXPECT_EQ(after.at("drops").at("egress_queue_full").get<uint64_t>() -
                before.at("drops").at("egress_queue_full").get<uint64_t>(),
            kFrames - arrived)
      << after.dump();
  EXPECT_EQ(after.at("stats64").at("tx").at("packets").get<uint64_t>() -
                before.at("stats64").at("tx").at("packets").get<uint64_t>(),
            arrived);
  const json source = Port("guest0");
  EXPECT_EQ(source.at("stats64").at("rx").at("packets").get<uint64_t>(),
            source.at("forwarded").get<uint64_t>() +
                source.at("stats64").at("rx").at("dropped").get<uint64_t>());
}

// ---- Order

// Numbered frames of one conversation, while the kernel gets and loses it again and again.
class RaceTest : public GuestsTest {
 protected:
  static constexpr uint32_t kFrames = 200'000;
  static constexpr uint32_t kWindow = 512;

  using SendOne = std::function<void(uint32_t number)>;
  using ReceiveOne = std::function<std::optional<uint32_t>(std::chrono::milliseconds)>;

  // Calls `change` while frames flow, and judges what came.
  void Run(const SendOne& send, const ReceiveOne& receive, const std::function<void()>& change,
           const std::string& from = "vnet1") {
    Arrivals arrivals(kFrames);
    std::atomic<uint32_t> arrived = 0;
    std::atomic<bool> sending = true;
    std::thread receiver([&] {
      for (;;) {
        const auto number = receive(200ms);
        if (number) arrivals.Take(*number);
        arrived = arrivals.next;
        if (!number && !sending) return;
      }
    });
    std::thread sender([&] {
      for (uint32_t number = 0; number < kFrames; ++number) {
        const auto limit = std::chrono::steady_clock::now() + 1s;
        while (number > arrived + kWindow && std::chrono::steady_clock::now() < limit) {
          std::this_thread::yield();
        }
        send(number);
      }
      sending = false;
    });
    int changes = 0;
    while (sending) {
      change();
      ++changes;
      std::this_thread::sleep_for(2ms);
    }
    sender.join();
    receiver.join();
    EXPECT_EQ(kFrames - arrivals.frames, 0U) << "lost";
    EXPECT_EQ(arrivals.repeated, 0U);
    EXPECT_EQ(arrivals.late, 0U);
    const uint64_t carried = CarriedFrom(from);
    EXPECT_GT(carried, kFrames / 100) << "carried by the kernel";
    EXPECT_LT(carried, kFrames) << "carried by the kernel";
    std::printf("%d changes, %lu of %u carried by the kernel\n", changes, carried, kFrames);
  }

  void Toggle() {
    client_->Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", (on_ = !on_)}});
  }

 private:
  bool on_ = true;

 protected:
  bool guest_on_ = true;
};
INSTANTIATE_TEST_SUITE_P(Io, RaceTest, kEachIo, IoName);

TEST_P(RaceTest, NoFrameIsLostRepeatedOrLateBetweenVeths) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { Toggle(); });
}

TEST_P(RaceTest, NorWithTheTrafficControlOfOlderKernels) {
  Start({}, {"netdev", "netdev"}, {DENY_TCX_PATH});
  if (IsSkipped()) return;
  EXPECT_THAT(network_->sandbox().Run("tc qdisc show dev vnet1"), HasSubstr("clsact"));
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { Toggle(); });
}

TEST_P(RaceTest, NorWithSeveralWorkers) {
  Start({"--workers=2"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { Toggle(); });
}

TEST_P(RaceTest, NorBetweenGuests) {
  StartGuests();
  if (IsSkipped()) return;
  ASSERT_TRUE(GuestsAreCarried());
  Run([&](uint32_t number) { SendByGuest(0, number); },
      [&](auto limit) { return NumberOf(guests_[1].Receive(limit)); },
      [&] {
        client_->Call("link.set", {{"dev", "guest1"}, {"kernel_forwarding", (guest_on_ = !guest_on_)}});
      },
      "guest0");
}

TEST_P(RaceTest, NorWhenEntriesAreDeletedAndLearnedAgain) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); },
      [&] {
        client_->Call("fdb.replace", {{"mac", Station(2).ToString()}, {"dev", "vnet2"},
                                      {"state", "dynamic"}});
      });
}

}  // namespace
}  // namespace tapswitch::kernel_forwarding_test
