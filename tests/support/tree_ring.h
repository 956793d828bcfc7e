// Bridges in a ring: switches, the kernel's bridge, Open vSwitch. Bridge K's ports are rK-0, to the
// one before it, and rK-1, to the one behind it; between two of them there is a veth pair. Each has
// a host, too, on a port that is an edge.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/os/netns.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/open_vswitch.h"
#include "tests/support/packet_socket.h"
#include "tests/support/switch_process.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

enum class BridgeKind : uint8_t { kSwitch, kKernel, kOvs };

class TreeRing {
 public:
  // Bridge 0 has the best priority. `io` is that of all switches.
  TreeRing(std::string io, std::vector<BridgeKind> kinds)
      : io_(std::move(io)), kinds_(std::move(kinds)), switches_(kinds_.size()) {
    for (size_t i = 0; i < size(); ++i) AddLinks(i);
    for (size_t i = 0; i < size(); ++i) AddBridge(i);
  }
  TreeRing(const TreeRing&) = delete;
  TreeRing& operator=(const TreeRing&) = delete;
  ~TreeRing() = default;

  [[nodiscard]] const NetnsSandbox& sandbox() const { return sandbox_; }
  [[nodiscard]] size_t size() const { return kinds_.size(); }
  [[nodiscard]] static std::string PortOf(size_t bridge, int side) {
    return "r" + std::to_string(bridge) + "-" + std::to_string(side);
  }
  [[nodiscard]] SwitchProcess& process(size_t bridge) { return *switches_[bridge]; }
  [[nodiscard]] nlohmann::json Tree(size_t bridge) {
    return ControlClient(SocketOf(bridge)).Call("stp.list").at(0);
  }
  [[nodiscard]] static std::string SocketOf(size_t bridge) {
    return "/run/tapswitch/s" + std::to_string(bridge) + ".sock";
  }
  [[nodiscard]] static std::string HostPort(size_t bridge) { return "e" + std::to_string(bridge); }
  // Whether no switch has heard of a topology change for longer than neighbours tell of one
  // (hello_time and a second).
  [[nodiscard]] bool IsAtRest() {
    constexpr double kLongest = 4;
    for (size_t bridge = 0; bridge < size(); ++bridge) {
      if (switches_[bridge] == nullptr) continue;
      const nlohmann::json tree = Tree(bridge);
      const bool has_changed = tree.contains("time_since_topology_change");
      if (has_changed && tree["time_since_topology_change"].get<double>() < kLongest) return false;
    }
    return true;
  }
  // Ends the switch without a word; its links stay up.
  void Kill(size_t bridge) {
    switches_[bridge]->Kill();
    switches_[bridge].reset();
  }
  void SetLink(size_t bridge, int side, bool is_up) const {
    sandbox_.Run("ip link set " + PortOf(bridge, side) + (is_up ? " up" : " down"));
  }
  // Joins two bridges of the ring by one more veth pair. Open vSwitch is none of them.
  void AddChord(size_t one, size_t other) const {
    const auto port = [](size_t from, size_t to) {
      return "c" + std::to_string(from) + "-" + std::to_string(to);
    };
    const std::string near = port(one, other);
    const std::string far = port(other, one);
    sandbox_.Run("ip link add " + near + " type veth peer name " + far + " && ip link set " + near +
                 " up && ip link set " + far + " up");
    AddPortTo(one, near);
    AddPortTo(other, far);
  }
  // Joins two switches of the ring by a TAP of `one`, on top of which the other has a macvtap.
  // Returns the names of the two ports; none where the kernel has no macvtap.
  [[nodiscard]] std::optional<std::pair<std::string, std::string>> AddTapChord(size_t one,
                                                                               size_t other) const {
    const std::string tap = "t" + std::to_string(one);
    const std::string macvtap = "m" + std::to_string(other);
    const auto add_to = [this](size_t bridge, const std::string& port) {
      sandbox_.Run(std::string(TAPCTL_PATH) + " -B s" + std::to_string(bridge) + " port add " +
                   port);
    };
    add_to(one, tap);
    const auto made = sandbox_.TryRun("ip link add link " + tap + " name " + macvtap +
                                      " allmulticast on up type macvtap mode passthru");
    if (made.status != 0) return std::nullopt;
    add_to(other, "netdev:" + macvtap);
    return std::pair(tap, macvtap);
  }
  // BPDUs and all else that leaves by the port is lost: its queue takes no frames of that size.
  void Silence(size_t bridge, int side) const {
    sandbox_.Run("tc qdisc add dev " + PortOf(bridge, side) +
                 " root tbf rate 8kbit burst 30 limit 1000");
  }

  // Sends broadcasts from each host in turn. Returns the most copies of one that the hosts saw.
  size_t CopiesOf(size_t broadcasts) {
    size_t most = 0;
    for (size_t i = 0; i < broadcasts; ++i) {
      const size_t from = i % size();
      const std::string text = "copy " + std::to_string(++number_);
      hosts_[from].Send(TestFrame(kBroadcastAddress, Station(static_cast<int>(from) + 1), text));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::map<std::pair<size_t, std::string>, size_t> copies;
    for (size_t host = 0; host < size(); ++host) {
      for (;;) {
        const auto frame = hosts_[host].Receive(std::chrono::milliseconds(20));
        if (frame.empty()) break;
        constexpr size_t kNumberSize = 12;
        const std::string text(reinterpret_cast<const char*>(frame.data()) + kEthernetHeaderSize,
                               kNumberSize);
        most = std::max(most, ++copies[{host, text}]);
        // A loop has no end.
        if (most > kEndless) return most;
      }
    }
    return most;
  }
  // Whether a broadcast of each host comes to all others, once.
  [[nodiscard]] bool IsWhole(const std::vector<size_t>& dead = {}) {
    for (size_t from = 0; from < size(); ++from) {
      for (size_t host = 0; host < size(); ++host) Drain(host);
      if (Contains(dead, from)) continue;
      const std::string text = "whole " + std::to_string(++number_);
      hosts_[from].Send(TestFrame(kBroadcastAddress, Station(static_cast<int>(from) + 1), text));
      for (size_t host = 0; host < size(); ++host) {
        const bool is_to_come = host != from && !Contains(dead, host);
        if (is_to_come && Count(host, text, std::chrono::milliseconds(100)) != 1) return false;
      }
    }
    return true;
  }

  static constexpr size_t kEndless = 50;

 private:
  static bool Contains(const std::vector<size_t>& list, size_t one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  }
  void AddLinks(size_t i) {
    const std::string other = PortOf((i + 1) % size(), 0);
    sandbox_.Run("ip link add " + PortOf(i, 1) + " type veth peer name " + other +
                 " && ip link set " + PortOf(i, 1) + " up && ip link set " + other + " up");
    const std::string host = "h" + std::to_string(i);
    sandbox_.AddNetns(host);
    sandbox_.Run("ip link add " + HostPort(i) + " type veth peer name eth0 netns " + host +
                 " && ip link set " + HostPort(i) + " up && ip -n " + host + " link set eth0 up");
    const NetworkNamespace netns = NetworkNamespace::Open(host).value();
    const NetnsScope scope = NetnsScope::Enter(netns).value();
    hosts_.emplace_back("eth0", static_cast<uint16_t>(kTestType));
  }

  void AddPortTo(size_t i, const std::string& port) const {
    sandbox_.Run(kinds_[i] == BridgeKind::kKernel
                     ? "ip link set " + port + " master k" + std::to_string(i)
                     : std::string(TAPCTL_PATH) + " -B s" + std::to_string(i) +
                           " port add netdev:" + port);
  }

  void AddBridge(size_t i) {
    if (kinds_[i] == BridgeKind::kSwitch) return AddSwitch(i);
    if (kinds_[i] == BridgeKind::kKernel) return AddKernel(i);
    AddOvs(i);
  }
  [[nodiscard]] static std::string PriorityOf(size_t i) { return std::to_string(4096 * (i + 1)); }

  void AddSwitch(size_t i) {
    switches_[i] = std::make_unique<SwitchProcess>(
        std::vector<std::string>{"--name=s" + std::to_string(i), "--io=" + io_});
    EXPECT_TRUE(switches_[i]->WaitUntilReady());
    const std::string tapctl = std::string(TAPCTL_PATH) + " -B s" + std::to_string(i) + " ";
    sandbox_.Run(tapctl + "bridge set stp_state on max_age 6s forward_delay 4s priority " +
                 PriorityOf(i) + " && " + tapctl + "port add netdev:" + HostPort(i) + " && " +
                 tapctl + "link set dev " + HostPort(i) + " admin_edge on && " + tapctl +
                 "port add netdev:" + PortOf(i, 0) + " && " + tapctl +
                 "port add netdev:" + PortOf(i, 1));
  }
  void AddKernel(size_t i) const {
    const std::string name = "k" + std::to_string(i);
    sandbox_.Run("ip link add name " + name +
                 " type bridge stp_state 1 forward_delay 400 max_age 600 " +
                 "mcast_snooping 0 priority " + PriorityOf(i) + " && ip link set " + name + " up");
    for (const std::string& port : {PortOf(i, 0), PortOf(i, 1), HostPort(i)}) {
      sandbox_.Run("ip link set " + port + " master " + name);
    }
  }
  void AddOvs(size_t i) {
    if (!ovs_) ovs_.emplace(sandbox_);
    const std::string name = "o" + std::to_string(i);
    ovs_->AddBridge(name, "rstp_enable=true other_config:rstp-priority=" + PriorityOf(i));
    for (const std::string& port : {PortOf(i, 0), PortOf(i, 1), HostPort(i)}) {
      ovs_->AddPort(name, port);
    }
  }

  void Drain(size_t host) {
    while (!hosts_[host].Receive(std::chrono::milliseconds(0)).empty()) {
    }
  }
  // How often the text came, until nothing came for a while.
  size_t Count(size_t host, const std::string& text, std::chrono::milliseconds patience) {
    size_t count = 0;
    for (;;) {
      const auto frame = hosts_[host].Receive(patience);
      if (frame.empty() || count > kEndless) return count;
      const std::string_view bytes(reinterpret_cast<const char*>(frame.data()), frame.size());
      count += bytes.find(text) == kEthernetHeaderSize ? 1 : 0;
    }
  }

  std::string io_;
  std::vector<BridgeKind> kinds_;
  NetnsSandbox sandbox_;
  std::deque<PacketSocket> hosts_;
  std::vector<std::unique_ptr<SwitchProcess>> switches_;
  std::optional<OpenVSwitch> ovs_;
  int number_ = 0;
};

}  // namespace tapswitch
