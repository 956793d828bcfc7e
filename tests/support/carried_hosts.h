// Hosts behind netdev ports whose conversations the kernel carries by itself.

#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "switch/forwarding/wire/bytes.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

inline constexpr size_t kNumberAt = 20;  // in the frames of these tests

// Numbered frames of one conversation.
inline std::vector<std::byte> Numbered(MacAddress to, MacAddress from, uint32_t number) {
  auto frame = TestFrame(to, from, "");
  std::memcpy(&frame[kNumberAt], &number, sizeof(number));
  return frame;
}

inline std::optional<uint32_t> NumberOf(std::span<const std::byte> frame) {
  if (frame.size() < kNumberAt + 4 || LoadBe16(&frame[kTypeOffset]) != 0x88B5) return std::nullopt;
  uint32_t number = 0;
  std::memcpy(&number, &frame[kNumberAt], sizeof(number));
  return number;
}

class CarriedHostsTest : public SwitchTest {
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

  [[nodiscard]] nlohmann::json Kernel() { return client_->Call("kernel.list").at(0); }
  [[nodiscard]] nlohmann::json Port(const std::string& name) {
    return client_->Call("port.list", {{"name", name}}).at(0);
  }
  [[nodiscard]] nlohmann::json Trace(int from, int to, EtherType type = kTestType) {
    return client_->Call("trace", {{"in", "vnet" + std::to_string(from)},
                                   {"src", Station(from).ToString()},
                                   {"dst", Station(to).ToString()},
                                   {"type", static_cast<int>(type)}});
  }
  [[nodiscard]] std::string Verdict(int from, int to) { return Trace(from, to).at("kernel"); }
  [[nodiscard]] std::string WhyNot(int from, int to) { return Trace(from, to).at("stages").dump(); }

  // Sends a frame from one simulated station to another.
  void Send(int from, int to, uint32_t number = 0) {
    sockets_.at(static_cast<size_t>(from) - 1).Send(Numbered(Station(to), Station(from), number));
  }
  // Both stations are known.
  void Introduce(int a, int b) {
    Send(a, b);
    Send(b, a);
    EXPECT_TRUE(WaitUntil([&] {
      return client_->Call("fdb.list", {{"dev", "vnet" + std::to_string(a)}})
                     .dump()
                     .find(Station(a).ToString()) != std::string::npos &&
             client_->Call("fdb.list", {{"dev", "vnet" + std::to_string(b)}})
                     .dump()
                     .find(Station(b).ToString()) != std::string::npos;
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

class CarriedGuestsTest : public CarriedHostsTest {
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
      while (!guests_[1].Receive(std::chrono::milliseconds(10)).empty()) {
      }
      return CarriedFrom("guest0") > 0;
    });
  }

  std::vector<GuestTap> guests_;
};

}  // namespace tapswitch
