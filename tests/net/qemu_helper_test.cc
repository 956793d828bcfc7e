// tapswitch-qemu-helper beside a running switch; the test plays QEMU.

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/helper_process.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::qemu_helper_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uid_t kNobody = 65534;
constexpr const char* kAclPath = QEMU_HELPER_ACL;

// The side of QEMU: one frame is one read or write, behind the header when there is one.
class Guest {
 public:
  Guest(FileDescriptor tap, bool with_header)
      : tap_(std::move(tap)), header_(with_header ? kVirtioNetHeaderSize : 0) {}

  void Send(std::span<const std::byte> frame) const {
    std::vector<std::byte> wire(header_);
    wire.insert(wire.end(), frame.begin(), frame.end());
    EXPECT_EQ(write(tap_.get(), wire.data(), wire.size()), static_cast<ssize_t>(wire.size()));
  }

  // The next frame of the type that tests use; empty when none comes.
  [[nodiscard]] std::vector<std::byte> Receive() const {
    for (;;) {
      pollfd ready{.fd = tap_.get(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 10'000) != 1) return {};
      std::array<std::byte, 4096> wire{};
      const ssize_t size = read(tap_.get(), wire.data(), wire.size());
      if (size < static_cast<ssize_t>(header_ + kEthernetHeaderSize)) return {};
      std::vector<std::byte> frame(wire.begin() + static_cast<ptrdiff_t>(header_),
                                   wire.begin() + size);
      if (EtherType{LoadBe16(&frame[12])} == kTestType) return frame;
    }
  }

 private:
  FileDescriptor tap_;
  size_t header_;
};

// One host on a TAP of the switch, and whatever QEMU is given.
class QemuHelperTest : public SwitchTest {
 protected:
  void StartSwitch(const std::vector<std::string>& flags = {}) {
    network_.emplace(TestNetwork::Options{.io = io(),
                                          .ports = std::vector<std::string>(1),
                                          .ipv6 = NetnsSandbox::Ipv6::kOn,
                                          .flags = flags});
    client_.emplace();
    WriteAcl("allow br0\n");
  }

  static void WriteAcl(const std::string& text, mode_t mode = 0644,
                       const std::string& path = kAclPath) {
    unlink(path.c_str());
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
  }

  static HelperRun Start(std::vector<std::string> arguments = {"--use-vnet", "--fd=%d",
                                                               "--br=br0"}) {
    return RunHelper({.program = QEMU_HELPER_PATH, .arguments = std::move(arguments)});
  }

  // A copy of the program, with that mode.
  static std::string Install(mode_t mode) {
    std::string path = "/run/tapswitch/helper";
    unlink(path.c_str());
    std::ifstream from(QEMU_HELPER_PATH, std::ios::binary);
    std::ofstream(path, std::ios::binary) << from.rdbuf();
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  static HelperRun StartAsNobody(const std::string& program) {
    return RunHelper({.program = program, .arguments = {"--fd=%d", "--br=br0"}, .user = kNobody});
  }

  // Why nothing came, and that nothing is left.
  std::string Refusal(const HelperRun& run) {
    EXPECT_EQ(run.status, 1);
    EXPECT_FALSE(run.tap.valid());
    EXPECT_EQ(network_->sandbox().TryRun("ip -br link | grep tap").status, 1);
    EXPECT_TRUE(WaitUntil([&] { return Ports().size() == 1; })) << client_->Call("port.list");
    return run.errors;
  }

  std::vector<std::string> Ports() {
    std::vector<std::string> names;
    for (const json& port : client_->Call("port.list")) names.push_back(port["ifname"]);
    return names;
  }
  json Port(const std::string& name) { return client_->Call("port.list", {{"name", name}}).at(0); }
  bool WaitUntilUp(const std::string& name) {
    return WaitUntil([&] { return Port(name)["link"] == "up"; });
  }

  void ExpectThatFramesPass(const Guest& guest) {
    const PacketSocket host = network_->host(1).OpenPacketSocket(static_cast<uint16_t>(kTestType));
    const auto question = TestFrame(kBroadcastAddress, Station(7), "from the guest");
    guest.Send(question);
    EXPECT_EQ(host.Receive(), question);
    const auto answer = TestFrame(Station(7), Station(1), "to the guest");
    host.Send(answer);
    EXPECT_EQ(guest.Receive(), answer);
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Io, QemuHelperTest, kEachIo, IoName);

TEST_P(QemuHelperTest, AGuestTalksThroughTheSwitch) {
  StartSwitch();
  HelperRun run = Start();
  ASSERT_EQ(run.status, 0) << run.errors;
  ASSERT_TRUE(run.tap.valid());
  ifreq tap{};
  ASSERT_EQ(ioctl(run.tap.get(), TUNGETIFF, &tap), 0);
  EXPECT_STREQ(tap.ifr_name, "tap0");
  EXPECT_NE(tap.ifr_flags & IFF_VNET_HDR, 0);
  EXPECT_EQ(network_->sandbox().Run("cat /proc/sys/net/ipv6/conf/tap0/disable_ipv6"), "1\n")
      << "the host has nothing to say to the guest";
  EXPECT_EQ(Port("tap0")["type"], "netdev");
  EXPECT_EQ(Port("tap0")["ephemeral"], true);
  ASSERT_TRUE(WaitUntilUp("tap0"));
  ExpectThatFramesPass(Guest(std::move(run.tap), true));
}

TEST_P(QemuHelperTest, AGuestMayDoWithoutVirtio) {
  StartSwitch();
  HelperRun run = Start({"--fd", "%d", "--br", "br0"});
  ASSERT_EQ(run.status, 0) << run.errors;
  ifreq tap{};
  ASSERT_EQ(ioctl(run.tap.get(), TUNGETIFF, &tap), 0);
  EXPECT_EQ(tap.ifr_flags & IFF_VNET_HDR, 0);
  ASSERT_TRUE(WaitUntilUp("tap0"));
  ExpectThatFramesPass(Guest(std::move(run.tap), false));
}

TEST_P(QemuHelperTest, PortsGoWithTheirGuests) {
  StartSwitch();
  for (int round = 0; round < 20; ++round) {
    HelperRun run = Start();
    ASSERT_EQ(run.status, 0) << run.errors;
    // QEMU is killed, and the next one may come before the switch has noticed.
    run.tap = FileDescriptor();
    if (round % 2 == 0) {
      ASSERT_TRUE(WaitUntil([&] { return Ports().size() == 1; }));
    }
  }
  EXPECT_TRUE(WaitUntil([&] { return Ports().size() == 1; })) << client_->Call("port.list");
  std::vector<HelperRun> guests;
  for (int guest = 0; guest < 10; ++guest) guests.push_back(Start());
  EXPECT_EQ(Ports().size(), 11U);
  guests.clear();
  EXPECT_TRUE(WaitUntil([&] { return Ports().size() == 1; })) << client_->Call("port.list");
}

TEST_P(QemuHelperTest, TheSettingsOfGuestsAreTheSwitchsBusiness) {
  StartSwitch({"--attach=tap*,isolated,max_macs=1"});
  const HelperRun run = Start();
  ASSERT_EQ(run.status, 0) << run.errors;
  const json link = client_->Call("link.list", {{"dev", "tap0"}}).at(0);
  EXPECT_EQ(link["isolated"], true);
  EXPECT_EQ(link["fdb_max_learned"], 1);
}

TEST_P(QemuHelperTest, OnlyWhatTheListAllowsIsGiven) {
  StartSwitch();
  WriteAcl("allow br1\n");
  EXPECT_THAT(Refusal(Start()), HasSubstr("bridge br0: "));
  WriteAcl("allow all\ndeny br0\n");
  EXPECT_THAT(Refusal(Start()), HasSubstr("bridge br0: "));
  WriteAcl("allow br0\nnonsense\n");
  EXPECT_THAT(Refusal(Start()), HasSubstr("line 2"));
  unlink(kAclPath);
  EXPECT_THAT(Refusal(Start()), HasSubstr("No such file"));
}

TEST_P(QemuHelperTest, AListThatOthersCanChangeIsWorthless) {
  StartSwitch();
  WriteAcl("allow br0\n", 0664);
  EXPECT_THAT(Refusal(Start()), HasSubstr("chmod go-w"));
  WriteAcl("allow br0\n");
  ASSERT_EQ(chown(kAclPath, kNobody, 0), 0);
  EXPECT_THAT(Refusal(Start()), HasSubstr("chown root"));
  WriteAcl("allow br0\n", 0644, "/run/tapswitch/real");
  unlink(kAclPath);
  ASSERT_EQ(symlink("/run/tapswitch/real", kAclPath), 0);
  EXPECT_THAT(Refusal(Start()), HasSubstr("symbolic link"));
}

TEST_P(QemuHelperTest, BadArgumentsAreRefused) {
  StartSwitch();
  EXPECT_THAT(Refusal(Start({"--fd=%d"})), HasSubstr("--br"));
  EXPECT_THAT(Refusal(Start({"--br=br0"})), HasSubstr("--fd"));
  EXPECT_THAT(Refusal(Start({"--br=../tapswitch/br0", "--fd=%d"})), HasSubstr("--br"));
  EXPECT_THAT(Refusal(Start({"--br=br0", "--fd=0"})), HasSubstr("--fd"));
  EXPECT_THAT(Refusal(Start({"--br=br0", "--fd=999"})), HasSubstr("--fd"));
  EXPECT_THAT(Refusal(Start({"--br=br0", "--fd=%d", "--isolated=off"})), HasSubstr("argument"));
}

TEST_P(QemuHelperTest, NothingIsLeftWhenThereIsNoSuchSwitch) {
  StartSwitch();
  WriteAcl("allow all\n");
  EXPECT_THAT(Refusal(Start({"--br=br7", "--fd=%d"})), HasSubstr("br7"));
}

// The TAP would be in one namespace, and the switch would attach its namesake in another.
TEST_P(QemuHelperTest, ItHasToRunWhereTheSwitchRuns) {
  StartSwitch();
  network_->sandbox().Run("ip link add tap0 type veth peer name other");
  const HelperRun run =
      RunHelper({.program = "/usr/sbin/ip",
                 .arguments = {"netns", "exec", "h1", QEMU_HELPER_PATH, "--fd=%d", "--br=br0"}});
  EXPECT_EQ(run.status, 1);
  EXPECT_FALSE(run.tap.valid());
  EXPECT_THAT(run.errors, HasSubstr("another network namespace"));
  EXPECT_THAT(Ports(), ElementsAre("vnet1"));
}

TEST_P(QemuHelperTest, WithSetUserIdAnybodyMayStartIt) {
  StartSwitch();
  const HelperRun plain = StartAsNobody(Install(0755));
  EXPECT_THAT(Refusal(plain), HasSubstr("/run/tapswitch/br0.sock"));
  HelperRun run = StartAsNobody(Install(04755));
  ASSERT_EQ(run.status, 0) << run.errors;
  ASSERT_TRUE(WaitUntilUp("tap0"));
  ExpectThatFramesPass(Guest(std::move(run.tap), false));
}

// As with qemu-bridge-helper: what the caller may not read is not for him.
TEST_P(QemuHelperTest, AnIncludedListCountsForThoseWhoMayReadIt) {
  StartSwitch();
  const std::string helper = Install(04755);
  WriteAcl("include /run/tapswitch/some.conf\n");
  WriteAcl("allow br0\n", 0640, "/run/tapswitch/some.conf");
  EXPECT_THAT(Refusal(StartAsNobody(helper)), HasSubstr("does not allow"));
  ASSERT_EQ(chown("/run/tapswitch/some.conf", 0, kNobody), 0);
  EXPECT_EQ(StartAsNobody(helper).status, 0);
}

TEST_P(QemuHelperTest, FileCapabilitiesDoForMembersOfTheControlGroup) {
  const group* const nobody = getgrgid(kNobody);
  if (nobody == nullptr) GTEST_SKIP() << "needs a group 65534";
  StartSwitch({std::string("--control_group=") + nobody->gr_name});
  // A device that is open to all, as udev makes it.
  network_->sandbox().Run(
      "mknod -m 666 /run/tapswitch/tun c 10 200 && mount --bind /run/tapswitch/tun /dev/net/tun");
  const std::string helper = Install(0755);
  if (network_->sandbox().TryRun("setcap cap_net_admin=p " + helper).status != 0) {
    GTEST_SKIP() << "needs setcap";
  }
  const HelperRun run = StartAsNobody(helper);
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_TRUE(run.tap.valid());
  network_->sandbox().Run("umount --lazy /dev/net/tun");
}

}  // namespace
}  // namespace tapswitch::qemu_helper_test
