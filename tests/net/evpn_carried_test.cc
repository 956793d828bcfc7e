// Conversations between guests and stations on other machines, which the kernel carries by itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/evpn_machines.h"

namespace tapswitch::evpn_carried_test {
namespace {

using testing::HasSubstr;

// Each machine has one guest, behind an interface that is a port of its switch.
class EvpnCarriedTest : public EvpnTest {
 protected:
  void Start(const std::string& type) {
    for (const char machine : {'a', 'b'}) {
      AddMachine(machine);
      const std::string name(1, machine);
      const std::string guest = name + "1";
      AddStation(guest);
      if (type == "netdev") {
        Run("ip -n " + name + " link add p1 up type veth peer name v0 netns " + guest);
        Launch(machine, {"--name=br" + name, "netdev:p1"});
      } else {
        Launch(machine, {"--name=br" + name, "veth:p1,netns=" + guest});
      }
      SetUpStation(guest, type == "netdev" ? "v0" : "p1");
      AddVni(machine);
    }
    for (const char machine : {'a', 'b'}) {
      const char other = machine == 'a' ? 'b' : 'a';
      const std::string bridge = "bridge -n " + std::string(1, machine) + " fdb ";
      Run(bridge + "append 00:00:00:00:00:00 dev vxlan100 dst " + Ip(other));
      Run(bridge + "replace " + MacOf(std::string(1, other) + "1") + " dev vxlan100 dst " +
          Ip(other) + " static self master");
    }
    if (Kernel('a').at("kernel_forwarding") == "off") GTEST_SKIP() << Kernel('a');
  }
  [[nodiscard]] json Kernel(char machine) const {
    return json::parse(Tapctl(machine, "-j -s kernel show")).at(0);
  }
  // The frames that the kernel has carried from one port to another.
  [[nodiscard]] uint64_t Carried(char machine, const std::string& in,
                                 const std::string& out) const {
    uint64_t hits = 0;
    const json kernel = Kernel(machine);
    for (const json& flow : kernel.at("flows")) {
      if (flow.at("in") == in && flow.at("out") == out) hits += flow.at("hits").get<uint64_t>();
    }
    return hits;
  }
  [[nodiscard]] PacketSocket SocketOf(const std::string& guest) const {
    const NetworkNamespace netns = NetworkNamespace::Open(guest).value();
    const NetnsScope scope = NetnsScope::Enter(netns).value();
    return PacketSocket("eth0", 0x88B5);
  }
  static std::vector<std::byte> Frame(const std::string& to, const std::string& from,
                                      uint32_t number) {
    std::vector<std::byte> frame(200, std::byte{0x5A});
    const auto destination = MacAddress::Parse(MacOf(to))->bytes();
    const auto source = MacAddress::Parse(MacOf(from))->bytes();
    std::copy(destination.begin(), destination.end(), frame.begin());
    std::copy(source.begin(), source.end(), frame.begin() + 6);
    frame[12] = std::byte{0x88};
    frame[13] = std::byte{0xB5};
    StoreBe32(frame.data() + 14, number);
    return frame;
  }
  void ExpectCarried() {
    In("a1", "ping -q -c 60 -i 0.01 " + StationIp("b1"));
    for (const char machine : {'a', 'b'}) {
      EXPECT_GT(Carried(machine, "p1", "vxlan100"), 5U) << Kernel(machine);
      EXPECT_GT(Carried(machine, "vxlan100", "p1"), 5U) << Kernel(machine);
    }
  }
};

TEST_F(EvpnCarriedTest, BothWaysAndFramesArriveOnceAsTheyWere) {
  Start("netdev");
  if (IsSkipped()) return;
  ASSERT_TRUE(WaitUntil([&] { return IsRemoteAt('a', MacOf("b1"), 'b'); }));
  ASSERT_TRUE(WaitUntil([&] { return IsRemoteAt('b', MacOf("a1"), 'a'); }));
  ExpectCarried();
  constexpr uint32_t kFrames = 300;
  const PacketSocket from = SocketOf("a1");
  const PacketSocket to = SocketOf("b1");
  const uint64_t before = Carried('a', "p1", "vxlan100");
  for (uint32_t i = 0; i < kFrames; ++i) {
    from.Send(Frame("b1", "a1", i));
    ASSERT_EQ(to.Receive(), Frame("b1", "a1", i)) << i;
  }
  EXPECT_TRUE(to.Receive(std::chrono::milliseconds(50)).empty());
  EXPECT_GE(Carried('a', "p1", "vxlan100"), before + kFrames);
}

TEST_F(EvpnCarriedTest, SegmentsAndChecksumsThatAreLeftToTheKernelAreRight) {
  Start("netdev");
  if (IsSkipped()) return;
  const std::string sum = "head -c 20000000 /dev/zero | tr '\\0' 'x' | sha256sum";
  const std::string got = directory_.Path("sum");
  Run("ip netns exec b1 sh -c \"python3 -c \\\"import socket,hashlib;"
      "s=socket.create_server(('',7));print('',flush=True);c,_=s.accept();h=hashlib.sha256();"
      "[h.update(d) for d in iter(lambda:c.recv(65536),b'')];print(h.hexdigest())\\\" >" +
      got + " 2>&1 &\"");
  ASSERT_TRUE(WaitUntil([&] { return TryRun("test -s " + got).status == 0; }));
  In("a1", "python3 -c \"import socket;c=socket.create_connection(('" + StationIp("b1") +
               "',7));c.sendall(b'x'*20000000)\"");
  const std::string expected = Run(sum).substr(0, 64);
  EXPECT_TRUE(WaitUntil([&] { return Run("cat " + got).find(expected) != std::string::npos; }))
      << Run("cat " + got);
  EXPECT_GT(Carried('a', "p1", "vxlan100"), 20U) << Kernel('a');
}

TEST_F(EvpnCarriedTest, AStationThatMovesAwayIsFollowedAtOnce) {
  Start("netdev");
  if (IsSkipped()) return;
  ExpectCarried();
  // To another machine, which does not exist.
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.9 static self");
  EXPECT_FALSE(Reaches("a1", "b1"));
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.2 static self");
  EXPECT_TRUE(WaitUntil([&] { return Reaches("a1", "b1"); }));
  // It is withdrawn: frames for it are flooded, and the kernel carries them no more.
  Run("bridge -n a fdb del " + MacOf("b1") + " dev vxlan100 self; bridge -n a fdb del " +
      MacOf("b1") + " dev vxlan100 master");
  ASSERT_TRUE(WaitUntil([&] { return EntryAt('a', MacOf("b1")).empty(); }));
  EXPECT_TRUE(WaitUntil([&] { return Kernel('a').dump().find(MacOf("b1")) == std::string::npos; }))
      << Kernel('a');
  EXPECT_TRUE(Reaches("a1", "b1"));
}

TEST_F(EvpnCarriedTest, EndsOfVethPairsToo) {
  Start("veth");
  if (IsSkipped()) return;
  ExpectCarried();
}

}  // namespace
}  // namespace tapswitch::evpn_carried_test
