// Hosts that are joined by a running switch, the base of most tests of the whole.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/interface/tap/tap_options.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"
#include "switch/forwarding/wire/ethernet.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/switch_process.h"

namespace tapswitch {

class GuestRelay;

enum class IpVersion : uint8_t { kV4, kV6 };

// A network namespace whose eth0 is, once connected, the far side of the switch's port vnetK.
// Everything about it follows from its number K, 1 to 99.
class TestHost {
 public:
  // Makes the namespace.
  TestHost(const NetnsSandbox& sandbox, int number);

  [[nodiscard]] std::string name() const { return "h" + std::to_string(number_); }
  [[nodiscard]] std::string port() const { return "vnet" + std::to_string(number_); }
  [[nodiscard]] MacAddress mac() const;
  // 10.83.0.K or fd83::K, each in a prefix that all hosts share.
  [[nodiscard]] std::string address(IpVersion version) const;

  // Makes interface `name`, which is in the namespace and down, its eth0: up, with its addresses.
  void Connect(const std::string& name) const;

  // Run commands in the namespace, as those of NetnsSandbox.
  std::string Run(const std::string& command) const;
  [[nodiscard]] NetnsSandbox::Result TryRun(const std::string& command) const;

  // Calls a function in the namespace. Sockets that it opens belong there for good, and keep the
  // namespace alive.
  template <typename Function>
  auto Inside(Function function) const {
    const NetworkNamespace netns = NetworkNamespace::Open(name()).value();
    const NetnsScope scope = NetnsScope::Enter(netns).value();
    return function();
  }

  // Throws if it cannot be made.
  [[nodiscard]] FileDescriptor OpenSocket(int domain, int type) const;
  // On eth0.
  [[nodiscard]] PacketSocket OpenPacketSocket(uint16_t protocol = ETH_P_ALL) const;

  // The counters of eth0. A frame that is to be segmented counts as one.
  struct FrameCounts {
    uint64_t received = 0;
    uint64_t sent = 0;
  };
  [[nodiscard]] FrameCounts CountFrames() const;

 private:
  const NetnsSandbox* sandbox_;
  int number_;
};

class TestNetwork {
 public:
  struct Options {
    std::string io;  // the value of --io
    // A host each: KEY=VALUE,... of its port, or nothing. The port is a TAP, or with "netdev" in
    // front ("netdev,host=shared") one end of a veth pair, whose other end the host gets, or with
    // "veth" in front a pair that the switch makes. With $TAPSWITCH_TEST_STATIONS=vhost in the
    // environment, hosts are guests of vhost ports instead of behind TAPs, with the same options.
    std::vector<std::string> ports;
    NetnsSandbox::Ipv6 ipv6 = NetnsSandbox::Ipv6::kOn;
    std::vector<std::string> flags = {};     // further ones of the switch
    std::vector<std::string> launcher = {};  // see SwitchProcess
  };

  // Starts the switch. All ports are up when it returns. Throws on failure.
  explicit TestNetwork(const Options& options);

  [[nodiscard]] const NetnsSandbox& sandbox() const { return sandbox_; }
  [[nodiscard]] SwitchProcess& tapswitchd() { return *switch_; }
  [[nodiscard]] int size() const { return static_cast<int>(hosts_.size()); }
  // Numbered from 1.
  [[nodiscard]] const TestHost& host(int number) const {
    return hosts_.at(static_cast<size_t>(number) - 1);
  }
  // Waits until hosts that are guests have what the switch has sent them: at a TAP they have it at
  // once.
  void Settle() const;

 private:
  // The text of a host's port for the switch; the other end is made, or remembered for later.
  std::string MakePort(const TestHost& host, const std::string& options);

  NetnsSandbox sandbox_;
  std::deque<TestHost> hosts_;
  std::optional<SwitchProcess> switch_;
  std::vector<TapOptions> guest_taps_;  // of guests, which come once the switch listens
  std::vector<std::shared_ptr<GuestRelay>> guests_;
};

// A network of so many hosts at TAPs, which say nothing unasked: they have no IPv6.
[[nodiscard]] TestNetwork::Options SilentHosts(const std::string& io, size_t count,
                                               const std::vector<std::string>& flags = {});

}  // namespace tapswitch
