// Opening and making TAPs on the real kernel.

#include "ports/interface/tap/tap_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "ports/interface/tap/tap_location.h"
#include "ports/netlink/link_settings.h"
#include "tests/support/frame_builder.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/wait_until.h"

namespace tapswitch::tap_device_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Bytes = std::vector<std::byte>;

constexpr uid_t kSomeUser = 12345;

class TapDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
  }

  [[nodiscard]] static TapDevice Open(const TapOptions& options, size_t queues = 1) {
    auto device = OpenTap(options, queues);
    EXPECT_TRUE(device.ok()) << device.status();
    return device.ok() ? *std::move(device) : TapDevice();
  }

  // As a process that makes no claims.
  [[nodiscard]] static TapDevice OpenByAnother(const TapOptions& options, size_t queues = 1) {
    TapDevice device = Open(options, queues);
    device.claim = {};
    return device;
  }

  [[nodiscard]] static std::string ErrorOf(const TapOptions& options, size_t queues = 1) {
    const auto device = OpenTap(options, queues);
    EXPECT_FALSE(device.ok());
    std::string message(device.status().message());
    EXPECT_EQ(message.find('\n'), std::string::npos) << "an error is one line";
    EXPECT_THAT(message, HasSubstr("port '" + options.name + "'"));
    return message;
  }

  // The interface in namespace `netns`, "" being the sandbox.
  [[nodiscard]] static std::optional<LinkState> Link(const std::string& name,
                                                     const std::string& netns = "") {
    const auto where = netns.empty() ? NetworkNamespace::Current() : NetworkNamespace::Open(netns);
    EXPECT_TRUE(where.ok()) << where.status();
    const auto link = FindLink(*where, name);
    EXPECT_TRUE(link.ok()) << link.status();
    return link.value_or(std::nullopt);
  }

  // Frames go both ways through the TAP, behind a virtio-net header of 10 bytes.
  static void ExpectFramesPass(const TapDevice& device, const std::string& name) {
    const Bytes frame = FrameBuilder(MacAddress::FromNumber(0x02000000000B),
                                     MacAddress::FromNumber(0x02000000000A))
                            .U16(0x88B5)  // for local experiments (IEEE 802)
                            .Pad(60)
                            .Build();
    Bytes wire(kVirtioNetHeaderSize);
    wire.insert(wire.end(), frame.begin(), frame.end());

    const PacketSocket far_side(name);
    ASSERT_EQ(write(device.file.get(), wire.data(), wire.size()),
              static_cast<ssize_t>(wire.size()));
    EXPECT_EQ(far_side.Receive(), frame);

    far_side.Send(frame);
    pollfd ready{.fd = device.file.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&ready, 1, 10000), 1);
    Bytes received(2000);
    const ssize_t size = read(device.file.get(), received.data(), received.size());
    ASSERT_GT(size, 0);
    received.resize(static_cast<size_t>(size));
    EXPECT_EQ(received, wire);
  }

  // What `action` returns when a process without privileges calls it as user `uid`.
  [[nodiscard]] static std::string AsUser(uid_t uid, const std::function<std::string()>& action) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    const FileDescriptor from_child(ends[0]);
    FileDescriptor to_parent(ends[1]);
    const pid_t child = fork();
    if (child == 0) {
      const bool is_user = setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0;
      const std::string answer = is_user ? action() : "setresuid failed";
      const bool told = write(to_parent.get(), answer.data(), answer.size()) >= 0;
      _exit(told ? 0 : 1);
    }
    to_parent = FileDescriptor();
    std::string answer(4096, '\0');
    const ssize_t size = read(from_child.get(), answer.data(), answer.size());
    answer.resize(size > 0 ? static_cast<size_t>(size) : 0);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    return answer;
  }

  // A /dev/net/tun that everybody may open, as udev makes it.
  void OpenTunToEverybody() const {
    sandbox_->Run("mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200");
  }

  std::optional<NetnsSandbox> sandbox_;
};

// ---- Making one

TEST_F(TapDeviceTest, ATapThatIsMadeIsUpAndGoesWithItsFile) {
  {
    const TapDevice device = Open({.name = "vnet0"});
    EXPECT_TRUE(device.created);
    EXPECT_TRUE(device.offloads.contains(Offload::kTcp4));
    const auto link = Link("vnet0");
    ASSERT_TRUE(link && link->tun);
    EXPECT_TRUE(link->up);
    EXPECT_TRUE(link->tun->is_tap);
    EXPECT_FALSE(link->tun->persistent);
    ExpectFramesPass(device, "vnet0");
  }
  EXPECT_FALSE(Link("vnet0"));
}

TEST_F(TapDeviceTest, OptionsAreAppliedToTheInterface) {
  const TapDevice device = Open({.name = "vnet0",
                                 .mtu = 9000,
                                 .txqueuelen = 321,
                                 .user = kSomeUser,
                                 .group = 23456,
                                 .persist = true,
                                 .offload = false,
                                 .up = false});
  EXPECT_EQ(device.offloads, OffloadSet());
  const auto link = Link("vnet0");
  ASSERT_TRUE(link && link->tun);
  EXPECT_EQ(link->mtu, 9000U);
  EXPECT_EQ(link->txqueuelen, 321U);
  EXPECT_FALSE(link->up);
  EXPECT_TRUE(link->tun->persistent);
  EXPECT_THAT(sandbox_->Run("ip -d link show vnet0"),
              AllOf(HasSubstr("user 12345"), HasSubstr("group 23456")));
}

TEST_F(TapDeviceTest, WithPersistItStays) {
  EXPECT_TRUE(Open({.name = "vnet0", .persist = true}).created);
  EXPECT_TRUE(Link("vnet0"));
  EXPECT_FALSE(Open({.name = "vnet0"}).created);
  EXPECT_TRUE(Link("vnet0")) << "opening it without persist takes nothing away";
}

TEST_F(TapDeviceTest, AChangeTheKernelRefusesLeavesNoTap) {
  // The parser would not let such an MTU pass.
  EXPECT_THAT(ErrorOf({.name = "vnet0", .mtu = 65522}),
              AllOf(HasSubstr("cannot set mtu 65522, bring it up"), HasSubstr("Invalid argument")));
  EXPECT_FALSE(Link("vnet0"));
}

// ---- One that was made beforehand

TEST_F(TapDeviceTest, EveryTapOfIpTuntapOpensAndStays) {
  for (const char* flags : {"", "user 0", "group 0", "pi", "vnet_hdr", "one_queue", "multi_queue",
                            "pi multi_queue", "user 0 group 0 pi vnet_hdr multi_queue one_queue"}) {
    SCOPED_TRACE(flags);
    sandbox_->Run(std::string("ip tuntap add dev vnet0 mode tap ") + flags);
    for (int i = 0; i < 2; ++i) {
      const TapDevice device = Open({.name = "vnet0"});
      EXPECT_FALSE(device.created);
      ExpectFramesPass(device, "vnet0");
    }
    EXPECT_TRUE(Link("vnet0"));
    sandbox_->Run("ip link del vnet0");
  }
}

TEST_F(TapDeviceTest, ATunIsRefusedByName) {
  sandbox_->Run("ip tuntap add dev vnet0 mode tun");
  EXPECT_THAT(ErrorOf({.name = "vnet0"}), AllOf(HasSubstr("'vnet0' is a tun (layer 3) device"),
                                                HasSubstr("ip tuntap add dev vnet0 mode tap")));
}

TEST_F(TapDeviceTest, OtherInterfacesAreRefusedByTheirKind) {
  sandbox_->Run("ip link add v0 type veth peer name v1 && ip link add br0 type bridge");
  EXPECT_THAT(ErrorOf({.name = "v0"}), HasSubstr("'v0' is not a TAP"));
  EXPECT_THAT(ErrorOf({.name = "v0"}), AllOf(HasSubstr("veth"), HasSubstr("choose another name")));
  EXPECT_THAT(ErrorOf({.name = "br0"}), HasSubstr("bridge"));
  EXPECT_THAT(ErrorOf({.name = "lo"}), HasSubstr("'lo' is not a TAP"));
}

TEST_F(TapDeviceTest, ATapThatIsHeldIsRefusedAfterASecond) {
  for (const char* made : {"ip tuntap add dev vnet0 mode tap",
                           "ip tuntap add dev vnet0 mode tap multi_queue", "true"}) {
    SCOPED_TRACE(made);
    sandbox_->Run(made);
    const TapDevice holder = OpenByAnother({.name = "vnet0"});
    EXPECT_THAT(ErrorOf({.name = "vnet0"}), HasSubstr("held by another process"));
    ExpectFramesPass(holder, "vnet0");
    sandbox_->Run("ip link del vnet0");
  }
}

TEST_F(TapDeviceTest, ATapThatIsReleasedMeanwhileIsWaitedFor) {
  for (const bool persist : {true, false}) {
    SCOPED_TRACE(persist);
    const std::string name = persist ? "vnet0" : "vnet1";
    TapDevice holder = OpenByAnother({.name = name, .persist = persist});
    std::thread release([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      holder.file = FileDescriptor();
    });
    EXPECT_EQ(Open({.name = name}).created, !persist);
    release.join();
  }
}

TEST_F(TapDeviceTest, SettingsOfAnExistingTapAreRestoredWhenOpeningFails) {
  sandbox_->AddNetns("h1");
  sandbox_->Run("ip tuntap add dev vnet0 mode tap && ip link set vnet0 mtu 1400 up");
  EXPECT_THAT(ErrorOf({.name = "vnet0", .netns = "h1", .mtu = 65522, .persist = true}),
              HasSubstr("cannot move it to netns h1, set mtu 65522"));
  EXPECT_FALSE(Link("vnet0", "h1"));
  const auto link = Link("vnet0");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->mtu, 1400U);
  EXPECT_TRUE(link->up);
}

// ---- Several queues

TEST_F(TapDeviceTest, ATapOfSeveralQueuesGoesWithTheLastOfItsFiles) {
  TapDevice device = Open({.name = "vnet0"}, 3);
  EXPECT_EQ(device.more_queues.size(), 2U);
  EXPECT_EQ(Link("vnet0")->tun->queues, 3U);
  EXPECT_TRUE(Link("vnet0")->up);
  device.file = FileDescriptor();
  EXPECT_TRUE(Link("vnet0"));
  device.more_queues.clear();
  EXPECT_FALSE(Link("vnet0"));
}

TEST_F(TapDeviceTest, QueuesAreBoundedByTheOption) {
  EXPECT_EQ(Open({.name = "vnet0", .queues = 2}, 3).more_queues.size(), 1U);
  const TapDevice device = Open({.name = "vnet0", .queues = 1}, 3);
  EXPECT_TRUE(device.more_queues.empty());
  EXPECT_FALSE(Link("vnet0")->tun->multi_queue);
}

TEST_F(TapDeviceTest, ATapThatExistsHasAsManyQueuesAsItWasMadeFor) {
  sandbox_->Run("ip tuntap add dev vnet0 mode tap && ip tuntap add dev vnet1 mode tap multi_queue");
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(Open({.name = "vnet0"}, 2).more_queues.empty());
    EXPECT_EQ(Open({.name = "vnet1"}, 2).more_queues.size(), 1U);
  }
  EXPECT_TRUE(Link("vnet0"));
  EXPECT_TRUE(Link("vnet1"));
}

TEST_F(TapDeviceTest, WithPersistItKeepsItsKind) {
  EXPECT_TRUE(Open({.name = "vnet0", .persist = true}, 2).created);
  const TapDevice device = Open({.name = "vnet0"});
  EXPECT_FALSE(device.created);
  EXPECT_TRUE(Link("vnet0")->tun->multi_queue);
  EXPECT_EQ(Link("vnet0")->tun->queues, 1U);
  ExpectFramesPass(device, "vnet0");
}

TEST_F(TapDeviceTest, ATapOneOfWhoseQueuesIsHeldIsBusy) {
  sandbox_->Run("ip tuntap add dev vnet0 mode tap multi_queue");
  TapDevice holder = OpenByAnother({.name = "vnet0"}, 2);
  holder.file = FileDescriptor();
  EXPECT_THAT(ErrorOf({.name = "vnet0"}, 2), HasSubstr("held by another process"));
  EXPECT_EQ(Link("vnet0")->tun->queues, 1U);
}

TEST_F(TapDeviceTest, SeveralQueuesMoveToTheNamespaceAndGoWithIt) {
  sandbox_->AddNetns("h1");
  const TapDevice device = Open({.name = "eth0", .netns = "h1"}, 2);
  EXPECT_EQ(device.more_queues.size(), 1U);
  EXPECT_EQ(Link("eth0", "h1")->tun->queues, 2U);
  EXPECT_THAT(sandbox_->Run("ip -br link"), Not(HasSubstr("tapswitch")));
  sandbox_->Run("ip netns del h1");
  for (const FileDescriptor* const file : {&device.file, &device.more_queues[0]}) {
    EXPECT_TRUE(WaitUntil([&] { return absl::IsNotFound(LocateTap(file->get()).status()); }));
  }
}

TEST_F(TapDeviceTest, SeveralQueuesOfATapThatExistsInTheNamespaceAreOpenedThere) {
  sandbox_->AddNetns("h1");
  sandbox_->Run("ip -n h1 tuntap add dev vnet0 mode tap multi_queue");
  const TapDevice device = Open({.name = "vnet0", .netns = "h1"}, 2);
  EXPECT_FALSE(device.created);
  EXPECT_EQ(Link("vnet0", "h1")->tun->queues, 2U);
}

// ---- Namespaces

TEST_F(TapDeviceTest, ATapIsMadeInTheNamespaceThatIsAskedFor) {
  sandbox_->AddNetns("h1");
  // Its name is taken here, by something else.
  sandbox_->Run("ip link add eth0 type bridge");
  for (const char* netns : {"h1", "/run/netns/h1"}) {
    SCOPED_TRACE(netns);
    const TapDevice device = Open({.name = "eth0", .netns = netns, .mtu = 1400});
    EXPECT_TRUE(device.created);
    const auto link = Link("eth0", "h1");
    ASSERT_TRUE(link);
    EXPECT_TRUE(link->up);
    EXPECT_EQ(link->mtu, 1400U);
    EXPECT_TRUE(Link("eth0").has_value());
    EXPECT_THAT(sandbox_->Run("ip -br link"), Not(HasSubstr("tapswitch")));
  }
  EXPECT_FALSE(Link("eth0", "h1"));
}

TEST_F(TapDeviceTest, ManyNamespacesMayUseTheSameName) {
  std::vector<TapDevice> devices;
  for (const std::string netns : {"h1", "h2", "h3"}) {
    sandbox_->AddNetns(netns);
    devices.push_back(Open({.name = "eth0", .netns = netns}));
    EXPECT_TRUE(Link("eth0", netns));
  }
}

TEST_F(TapDeviceTest, ATapThatExistsInTheNamespaceIsOpenedThere) {
  sandbox_->AddNetns("h1");
  sandbox_->Run("ip -n h1 tuntap add dev vnet0 mode tap multi_queue");
  sandbox_->Run("ip tuntap add dev vnet0 mode tap");
  const TapDevice device = Open({.name = "vnet0", .netns = "h1"});
  EXPECT_FALSE(device.created);
  EXPECT_TRUE(Link("vnet0", "h1")->up);
  EXPECT_FALSE(Link("vnet0")->up) << "the one here is left alone";
}

TEST_F(TapDeviceTest, ATapMadeBeforehandInTheSwitchsNamespaceIsMoved) {
  sandbox_->AddNetns("h1");
  sandbox_->Run("ip tuntap add dev vnet0 mode tap");
  {
    const TapDevice device = Open({.name = "vnet0", .netns = "h1"});
    EXPECT_FALSE(device.created);
    EXPECT_FALSE(Link("vnet0"));
    EXPECT_TRUE(Link("vnet0", "h1")->up);
  }
  EXPECT_TRUE(Link("vnet0", "h1")) << "it keeps its persistence";
}

TEST_F(TapDeviceTest, ATapThatSomebodyHoldsInTheSwitchsNamespaceIsNotTaken) {
  sandbox_->AddNetns("h1");
  const TapDevice holder = Open({.name = "vnet0"});
  const TapDevice device = Open({.name = "vnet0", .netns = "h1"});
  EXPECT_TRUE(device.created);
  EXPECT_TRUE(Link("vnet0"));
}

TEST_F(TapDeviceTest, ATapGoesWithItsNamespaceAlthoughItIsHeld) {
  sandbox_->AddNetns("h1");
  const TapDevice device = Open({.name = "eth0", .netns = "h1"});
  sandbox_->Run("ip netns del h1");
  EXPECT_TRUE(WaitUntil([&] { return absl::IsNotFound(LocateTap(device.file.get()).status()); }));
}

TEST_F(TapDeviceTest, ATapIsLocatedWhereverItGoes) {
  sandbox_->AddNetns("h1");
  const TapDevice device = Open({.name = "vnet0"});
  auto location = LocateTap(device.file.get());
  ASSERT_TRUE(location.ok()) << location.status();
  EXPECT_EQ(location->netns.id(), NetworkNamespace::Current()->id());
  EXPECT_EQ(location->name, "vnet0");

  sandbox_->Run("ip link set vnet0 netns h1 && ip -n h1 link set vnet0 name eth7");
  location = LocateTap(device.file.get());
  ASSERT_TRUE(location.ok()) << location.status();
  EXPECT_EQ(location->netns.id(), NetworkNamespace::Open("h1")->id());
  EXPECT_EQ(location->name, "eth7");

  sandbox_->Run("ip -n h1 link del eth7");
  EXPECT_TRUE(absl::IsNotFound(LocateTap(device.file.get()).status()));
}

TEST_F(TapDeviceTest, NamespacesThatAreNoneAreRefused) {
  sandbox_->Run("touch /run/netns/stale");
  EXPECT_THAT(ErrorOf({.name = "vnet0", .netns = "h9"}),
              AllOf(HasSubstr("no network namespace 'h9'"), HasSubstr("ip netns add h9")));
  EXPECT_THAT(ErrorOf({.name = "vnet0", .netns = "stale"}), HasSubstr("not a network namespace"));
  EXPECT_THAT(ErrorOf({.name = "vnet0", .netns = "/proc/self/ns/uts"}),
              HasSubstr("not a network namespace"));
  EXPECT_THAT(ErrorOf({.name = "vnet0", .netns = "/no/such/file"}),
              HasSubstr("No such file or directory"));
  EXPECT_FALSE(Link("vnet0"));
}

TEST_F(TapDeviceTest, TheThreadStaysInItsOwnNamespace) {
  sandbox_->AddNetns("h1");
  const NetnsId before = NetworkNamespace::Current()->id();
  const TapDevice device = Open({.name = "eth0", .netns = "h1"});
  sandbox_->Run("ip -n h1 link add v0 type bridge");
  EXPECT_THAT(ErrorOf({.name = "v0", .netns = "h1"}), HasSubstr("not a TAP"));
  EXPECT_EQ(NetworkNamespace::Current()->id(), before);
}

// ---- Permissions

TEST_F(TapDeviceTest, ItsOwnerOpensATapWithoutPrivileges) {
  OpenTunToEverybody();
  sandbox_->Run("ip tuntap add dev vnet0 mode tap user 12345 && ip link set vnet0 up");
  const std::string answer = AsUser(kSomeUser, [] {
    const auto device = OpenTap({.name = "vnet0"});
    if (!device.ok()) return device.status().ToString();
    const auto location = LocateTap(device->file.get());
    return location.ok() ? "opened " + location->name : location.status().ToString();
  });
  EXPECT_EQ(answer, "opened vnet0");
}

TEST_F(TapDeviceTest, WithoutPrivilegesTheErrorSaysWhatToDo) {
  const auto open = [] { return OpenTap({.name = "vnet0"}).status().ToString(); };
  OpenTunToEverybody();
  EXPECT_THAT(AsUser(kSomeUser, open), HasSubstr("ip tuntap add dev vnet0 mode tap user"))
      << "making one";
  sandbox_->Run("ip tuntap add dev vnet0 mode tap user 54321");
  EXPECT_THAT(AsUser(kSomeUser, open), HasSubstr("no permission to open tap 'vnet0'"));
  sandbox_->Run("ip link del vnet0 && ip tuntap add dev vnet0 mode tap user 12345");
  EXPECT_THAT(AsUser(kSomeUser, open),
              AllOf(HasSubstr("cannot bring it up"), HasSubstr("Operation not permitted")));
}

TEST_F(TapDeviceTest, AMissingOrForbiddenDriverIsNamed) {
  sandbox_->Run("mount -t tmpfs none /dev/net");
  EXPECT_THAT(ErrorOf({.name = "vnet0"}),
              AllOf(HasSubstr("/dev/net/tun is missing"), HasSubstr("modprobe tun")));
  sandbox_->Run("mknod -m 600 /dev/net/tun c 10 200");
  EXPECT_THAT(AsUser(kSomeUser, [] { return OpenTap({.name = "vnet0"}).status().ToString(); }),
              HasSubstr("no permission to open /dev/net/tun"));
}

}  // namespace
}  // namespace tapswitch::tap_device_test
