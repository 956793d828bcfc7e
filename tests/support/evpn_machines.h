// Machines that share a layer 2 by vxlan, for tests: namespaces with a switch each, and one with a
// bridge of the kernel. They are told of each other by hand, or by FRR.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/switch_process.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

using nlohmann::json;

// Machines a, b and c have the addresses 192.0.2.1 to 3 on eth0; their stations a1, a2, ... the
// address 10.0.0.11, 12, 21, ... on eth0, and the MAC address 02:00:00:00:00:11, ...
inline std::string Ip(char machine) { return "192.0.2." + std::to_string(machine - 'a' + 1); }
inline std::string Number(const std::string& station) {
  return std::to_string(station[0] - 'a' + 1) + station.substr(1);
}
inline std::string StationIp(const std::string& station) { return "10.0.0." + Number(station); }
inline std::string StationIp6(const std::string& station) { return "fd00::" + Number(station); }
inline std::string MacOf(const std::string& station) { return "02:00:00:00:00:" + Number(station); }

class EvpnTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace(NetnsSandbox::Ipv6::kOn);
    if (TryRun("ip link add vx type vxlan id 1 dstport 4789 && ip link del vx").status != 0) {
      GTEST_SKIP() << "this kernel has no vxlan";
    }
    Run("ip link add ul up type bridge");
  }

  void TearDown() override {
    for (const std::string& pid : daemons_) {
      static_cast<void>(TryRun("kill -9 " + pid));
    }
  }

  // ---- Commands

  std::string Run(const std::string& command) const { return sandbox_->Run(command); }
  [[nodiscard]] NetnsSandbox::Result TryRun(const std::string& command) const {
    return sandbox_->TryRun(command);
  }
  std::string In(const std::string& netns, const std::string& command) const {
    return Run("ip netns exec " + netns + " " + command);
  }
  std::string Tapctl(char machine, const std::string& words) const {
    return Run(TapctlCommand(machine, words));
  }
  [[nodiscard]] NetnsSandbox::Result TryTapctl(char machine, const std::string& words) const {
    return TryRun(TapctlCommand(machine, words));
  }
  [[nodiscard]] static std::string TapctlCommand(char machine, const std::string& words) {
    return std::string(TAPCTL_PATH) + " -timeout 60 -B br" + machine + " " + words;
  }
  [[nodiscard]] json Vni(char machine, int vni = 100) const {
    return json::parse(Tapctl(machine, "-j evpn show vni " + std::to_string(vni))).at(0);
  }

  // ---- Machines

  void AddMachine(char machine) {
    const std::string name(1, machine);
    sandbox_->AddNetns(name);
    Run("ip link add ul" + name + " mtu 1600 up master ul type veth peer name eth0 netns " + name);
    Run("ip -n " + name + " link set eth0 up mtu 1600; ip -n " + name + " address add " +
        Ip(machine) + "/24 dev eth0");
  }
  void AddStation(const std::string& station) {
    if (!stations_.emplace_back(station).empty()) sandbox_->AddNetns(station);
  }
  void SetUpStation(const std::string& station, const std::string& interface = "v0") const {
    const std::string ip = "ip -n " + station + " ";
    Run(ip + "link set " + interface + " down; " + ip + "link set " + interface + " name eth0");
    Run("ip netns exec " + station + " sysctl -qw net.ipv6.conf.eth0.accept_dad=0");
    Run(ip + "link set eth0 address " + MacOf(station) + " up; " + ip + "address add " +
        StationIp(station) + "/24 dev eth0; " + ip + "address add " + StationIp6(station) +
        "/64 dev eth0 nodad");
  }
  // The switch of machine 'a' with stations a1, a2.
  void StartSwitch(char machine, const std::vector<std::string>& flags = {}, int stations = 2) {
    std::vector<std::string> arguments{"--name=br" + std::string(1, machine)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    for (int i = 1; i <= stations; ++i) {
      const std::string station = machine + std::to_string(i);
      AddStation(station);
      arguments.push_back("v" + station + ",netns=" + station);
    }
    Launch(machine, arguments);
    for (int i = 1; i <= stations; ++i) {
      const std::string station = machine + std::to_string(i);
      SetUpStation(station, "v" + station);
    }
  }
  void Launch(char machine, const std::vector<std::string>& arguments) {
    std::vector<std::string> launcher{"ip", "netns", "exec", std::string(1, machine)};
    launcher.insert(launcher.end(), launcher_.begin(), launcher_.end());
    switches_[machine] = std::make_unique<SwitchProcess>(arguments, launcher);
    // The socket of sd_notify is an abstract one, which is of the test's own namespace.
    ASSERT_TRUE(switches_[machine]->WaitForLog(" ready: ")) << switches_[machine]->log();
  }
  void AddVni(char machine, const std::string& more = "", int vni = 100) const {
    const std::string number = std::to_string(vni);
    Tapctl(machine,
           "evpn add vni " + number + " dev vxlan" + number + " local " + Ip(machine) + " " + more);
  }
  // A machine with a bridge of the kernel instead.
  void StartKernelBridge(char machine, int stations = 2) {
    const std::string name(1, machine);
    const std::string ip = "ip -n " + name + " ";
    Run(ip + "link add br100 address 02:00:00:00:cc:01 type bridge mcast_snooping 0");
    Run(ip + "link set br100 addrgenmode none up");
    Run(ip + "link add vxlan100 type vxlan id 100 local " + Ip(machine) +
        " dstport 4789 nolearning");
    Run(ip + "link set vxlan100 addrgenmode none master br100 up");
    Run("bridge -n " + name + " link set dev vxlan100 learning off");
    for (int i = 1; i <= stations; ++i) {
      const std::string station = machine + std::to_string(i);
      AddStation(station);
      Run(ip + "link add p" + std::to_string(i) + " up master br100 type veth peer name v0 netns " +
          station);
      SetUpStation(station);
    }
  }

  // ---- FRR

  [[nodiscard]] static bool HasFrr() {
    return std::ifstream("/usr/lib/frr/zebra").good() && std::ifstream("/usr/lib/frr/bgpd").good();
  }
  [[nodiscard]] std::string FrrFolder(char machine) const {
    return std::string("/run/tapswitch/frr-") + machine;  // where its user may enter
  }
  void StartDaemon(char machine, const std::string& daemon) {
    const std::string folder = FrrFolder(machine);
    const std::string more = daemon == "bgpd" ? " -l " + Ip(machine) : "";
    const std::string command = "/usr/lib/frr/" + daemon + " -f " + folder + "/" + daemon +
                                ".conf -i " + folder + "/" + daemon + ".pid -z " + folder +
                                "/zserv.api --vty_socket " + folder + " -P 0 -A 127.0.0.1" + more;
    const std::string pid = In(std::string(1, machine), "sh -c 'exec " + command + " >" + folder +
                                                            "/" + daemon + ".out 2>&1 & echo $!'");
    daemons_.push_back(pid.substr(0, pid.find('\n')));
    pids_[{machine, daemon}] = daemons_.back();
    const std::string socket = folder + "/" + daemon + ".vty";
    ASSERT_TRUE(WaitUntil([&] { return TryRun("test -S " + socket).status == 0; }));
  }
  // The lines for FRR, as the switch of the machine prints them, or where it has none, another.
  [[nodiscard]] std::vector<std::string> FrrLinesFor(char machine) const {
    for (const auto& [owner, process] : switches_) {
      const json vnis = json::parse(Tapctl(owner, "-j evpn show"));
      if ((owner != machine && switches_.contains(machine)) || vnis.empty()) continue;
      std::vector<std::string> lines = vnis.at(0).at("frr");
      for (std::string& line : lines) {
        const size_t place = line.find(Ip(owner));
        if (place != std::string::npos) line.replace(place, Ip(owner).size(), Ip(machine));
      }
      return lines;
    }
    ADD_FAILURE() << "no switch has a VNI";
    return {};
  }
  void StartFrr(char machine, const std::string& peers) {
    const std::string folder = FrrFolder(machine);
    Run("mkdir -p " + folder + "; chown frr:frr " + folder + "; chmod 755 /run/tapswitch");
    std::ofstream(folder + "/zebra.conf") << "hostname " << machine << "\n";
    std::ofstream config(folder + "/bgpd.conf");
    for (const std::string& line : FrrLinesFor(machine)) {
      const size_t place = line.find("PEER");
      if (place == std::string::npos) config << line << '\n';
      for (const char peer : place == std::string::npos ? "" : peers) {
        if (peer != machine) config << std::string(line).replace(place, 4, Ip(peer)) << '\n';
      }
    }
    config.close();
    StartDaemon(machine, "zebra");
    StartDaemon(machine, "bgpd");
  }
  void StartFrr(const std::string& machines) {
    for (const char machine : machines) StartFrr(machine, machines);
  }
  void KillDaemon(char machine, const std::string& daemon, const std::string& signal = "9") {
    const std::string pid = pids_.at({machine, daemon});
    Run("kill -" + signal + " " + pid);
    ASSERT_TRUE(WaitUntil([&] {
      return TryRun("test -d /proc/" + pid + " && ! grep -q 'State:.Z' /proc/" + pid + "/status")
                 .status != 0;
    }));
    Run("rm -f " + FrrFolder(machine) + "/" + daemon + ".vty");
  }
  std::string Vtysh(char machine, const std::string& command) const {
    return TryRun("vtysh --vty_socket " + FrrFolder(machine) + " -c '" + command + "' 2>&1").output;
  }

  // ---- What is to be seen

  [[nodiscard]] bool Reaches(const std::string& from, const std::string& to) const {
    return TryRun("ip netns exec " + from + " ping -c 1 -W 1 " + StationIp(to)).status == 0;
  }
  void ExpectAllPairs(const std::vector<std::string>& stations) const {
    for (const std::string& from : stations) {
      for (const std::string& to : stations) {
        if (from == to) continue;
        EXPECT_TRUE(WaitUntil([&] { return Reaches(from, to); })) << from << " to " << to;
        EXPECT_TRUE(WaitUntil([&] {
          return TryRun("ip netns exec " + from + " ping -6 -c 1 -W 1 " + StationIp6(to)).status ==
                 0;
        })) << from
            << " to " << to;
      }
    }
  }
  // The line of `fdb show` about a station; empty if there is none.
  [[nodiscard]] std::string EntryAt(char machine, const std::string& mac) const {
    const auto got = TryTapctl(machine, "fdb get " + mac);
    return got.status == 0 ? got.output : "";
  }
  [[nodiscard]] bool IsRemoteAt(char machine, const std::string& mac, char at) const {
    return EntryAt(machine, mac).find("remote " + Ip(at) + "\n") != std::string::npos;
  }
  [[nodiscard]] std::string ShadowEntries(char machine, int vni = 100) const {
    return TryRun("bridge -n " + std::string(1, machine) + " fdb show dev evsh" +
                  std::to_string(vni))
        .output;
  }
  [[nodiscard]] bool HasLink(char machine, const std::string& name) const {
    return TryRun("ip -n " + std::string(1, machine) + " link show " + name).status == 0;
  }
  // The command that changes a neighbour of the shadow bridge as zebra does.
  [[nodiscard]] static std::string RemoteNeighbour(char machine, const std::string& verb,
                                                   const std::string& ip, const std::string& mac) {
    return "ip -n " + std::string(1, machine) + " neigh " + verb + " " + ip + " lladdr " + mac +
           " dev evbr100 nud noarp protocol zebra extern_learn";
  }
  [[nodiscard]] bool HasNeighbour(char machine, const std::string& ip) const {
    return Tapctl(machine, "neigh show").find(ip + " ") != std::string::npos;
  }
  // The process of the switch, which may have a supervisor; negative while none serves.
  [[nodiscard]] pid_t ProcessOf(char machine) const {
    const auto shown = TryTapctl(machine, "-j bridge show");
    return shown.status == 0 ? json::parse(shown.output).at(0).at("pid").get<pid_t>() : -1;
  }
  // Says something, so that switches learn where it is.
  void Speak(const std::string& station) const {
    static_cast<void>(TryRun("ip netns exec " + station + " ping -c 1 -W 0.01 -b 10.0.0.255"));
    static_cast<void>(TryRun("ip netns exec " + station + " arping -c 1 10.0.0.250 -w 0.01"));
  }

  std::optional<NetnsSandbox> sandbox_;
  TemporaryDirectory directory_;
  std::map<char, std::unique_ptr<SwitchProcess>> switches_;
  std::vector<std::string> stations_;
  std::vector<std::string> daemons_;
  std::map<std::pair<char, std::string>, std::string> pids_;
  std::vector<std::string> launcher_;  // of switches
};

// ---- With FRR: switches on a and b, a bridge of the kernel on c

class EvpnFrrTest : public EvpnTest {
 protected:
  void SetUp() override {
    EvpnTest::SetUp();
    if (IsSkipped()) return;
    if (!HasFrr()) GTEST_SKIP() << "FRR is not installed: apt-get install frr";
    for (const char machine : {'a', 'b', 'c'}) AddMachine(machine);
    for (const char machine : {'a', 'b'}) {
      StartSwitch(machine, flags_);
      AddVni(machine);
    }
    StartKernelBridge('c');
    StartFrr("abc");
    ASSERT_TRUE(WaitUntil([&] { return IsComplete(); })) << Vtysh('a', "show bgp l2vpn evpn");
  }

  // All flood to the two others.
  [[nodiscard]] bool IsComplete() const {
    const auto counts = [&](char machine) {
      const std::string shown = TryRun("bridge -n " + std::string(1, machine) +
                                       " fdb show dev vxlan100 | grep -c ^00:00:00:00:00:00")
                                    .output;
      return shown == "2\n";
    };
    return counts('a') && counts('b') && counts('c');
  }
  [[nodiscard]] bool KernelHas(char machine, const std::string& mac, char at) const {
    return TryRun("bridge -n " + std::string(1, machine) + " fdb show dev vxlan100 | grep '" + mac +
                  " dst " + Ip(at) + " '")
               .status == 0;
  }
  [[nodiscard]] bool KernelHasNone(char machine, const std::string& mac) const {
    return TryRun("bridge -n " + std::string(1, machine) + " fdb show dev vxlan100 | grep '" + mac +
                  "'")
               .status != 0;
  }
  // Each of the others knows that the station is at `at`.
  [[nodiscard]] bool IsKnownAt(const std::string& station, char at) const {
    const std::string mac = MacOf(station);
    for (const char machine : {'a', 'b'}) {
      if (machine != at && !IsRemoteAt(machine, mac, at)) return false;
    }
    return at == 'c' || KernelHas('c', mac, at);
  }
  // No other machine knows the station.
  [[nodiscard]] bool IsForgotten(const std::string& station) const {
    return EntryAt('b', MacOf(station)).empty() && KernelHasNone('c', MacOf(station));
  }
  // The routes to a1 go; it prints how long after `start`.
  void ExpectWithdrawn(std::chrono::steady_clock::time_point start) const {
    EXPECT_TRUE(WaitUntil([&] { return IsForgotten("a1"); }));
    const auto span = std::chrono::steady_clock::now() - start;
    std::cout << "withdrawn after "
              << std::chrono::duration_cast<std::chrono::milliseconds>(span).count() << " ms\n";
  }
  void ExpectKnown() {
    for (const std::string& station : stations_) {
      Speak(station);
      EXPECT_TRUE(WaitUntil([&] { return IsKnownAt(station, station[0]); })) << station;
    }
  }

  std::vector<std::string> flags_;
};

}  // namespace tapswitch
