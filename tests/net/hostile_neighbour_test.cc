// A neighbour who does everything that the owner of a port may, all at once, while two others
// exchange numbered frames: they lose none, see none twice, and the switch answers and ends as
// ever.
//
// As one of the tests it takes seconds. $TAPSWITCH_HOSTILE_SECONDS is for how long it goes on
// instead, for 60 of which, on a machine that does nothing else, the round trip of the two is held
// against that at rest:
//   export TAPSWITCH_HOSTILE_SECONDS=60
//   build/release-test/tests/network_test --file=hostile_neighbour_test.cc

#include <gtest/gtest.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/raw_client.h"
#include "tests/support/round_trips.h"
#include "tests/support/socket_peer.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::hostile_neighbour_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kFlapping = 3;   // a TAP
constexpr int kRecreated = 4;  // a veth
constexpr int kFlooding = 5;   // a TAP
constexpr int kCongested = 6;  // a veth whose queue takes nothing
constexpr size_t kSockets = 1000;

// How often the neighbour does what others have to ask the kernel about.
constexpr milliseconds kFlapPause(2);

seconds LongForm() {
  const char* const given = getenv("TAPSWITCH_HOSTILE_SECONDS");
  return seconds(given != nullptr ? atoi(given) : 0);
}

// Something that the neighbour does over and over. It has the processor when nobody else wants it:
// whoever shares a processor with others is the scheduler's business, not the switch's.
class Misdeed {
 public:
  explicit Misdeed(std::function<void()> deed)
      : thread_([deed = std::move(deed)](const std::stop_token& stop) {
          setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 19);
          while (!stop.stop_requested()) deed();
        }) {}

 private:
  std::jthread thread_;
};

class HostileNeighbourTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    const rlimit files{.rlim_cur = 8192, .rlim_max = 8192};
    setrlimit(RLIMIT_NOFILE, &files);
    network_.emplace(TestNetwork::Options{
        .io = io(),
        .ports = {"", "", "", "netdev", "", "netdev"},
        .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
        .flags = {"unix:deaf,path=" + Path("deaf"), "unix:crowded,path=" + Path("crowded")}});
    network_->sandbox().Run("tc qdisc add dev " + network_->host(kCongested).port() +
                            " root tbf rate 8kbit burst 2000 limit 2000");
    for (const int host : {1, 2}) {
      network_->host(host).OpenPacketSocket(0).Send(
          FrameBuilder(kBroadcastAddress, Station(host)).Type(EtherType{0x88B6}).Pad(60).Build());
    }
  }

  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }

  [[nodiscard]] RoundTrips::Summary Measure(std::chrono::nanoseconds span) {
    RoundTrips trips(network_->host(1), network_->host(2));
    std::this_thread::sleep_for(span);
    RoundTrips::Summary summary = trips.Finish();
    EXPECT_EQ(summary.fault, "");
    EXPECT_GT(summary.count, 0U);
    std::printf("%s: %zu round trips, median %ld us, p99 %ld us, longest %ld us\n", io().c_str(),
                summary.count, summary.median.count(), summary.p99.count(),
                summary.longest.count());
    return summary;
  }

  // Changes of the link that need no more than an ioctl, as the owner of its namespace.
  [[nodiscard]] std::function<void()> Flap() const {
    return [socket = std::make_shared<FileDescriptor>(
                network_->host(kFlapping).OpenSocket(AF_INET, SOCK_DGRAM)),
            number = uint8_t{0}]() mutable {
      ifreq request{};
      std::string("eth0").copy(request.ifr_name, sizeof(request.ifr_name) - 1);
      const auto set = [&](unsigned long what) { ioctl(socket->get(), what, &request); };
      request.ifr_flags = 0;
      set(SIOCSIFFLAGS);
      request.ifr_hwaddr = {.sa_family = ARPHRD_ETHER, .sa_data = {2, 0, 0, 9, 9, 0}};
      request.ifr_hwaddr.sa_data[5] = static_cast<char>(++number);
      set(SIOCSIFHWADDR);
      request.ifr_mtu = 1400 + number % 100;
      set(SIOCSIFMTU);
      request.ifr_flags = IFF_UP;
      set(SIOCSIFFLAGS);
      std::this_thread::sleep_for(kFlapPause);
    };
  }

  [[nodiscard]] std::function<void()> DeleteAndMakeAgain() const {
    const TestHost& host = network_->host(kRecreated);
    const std::string command = "ip -n " + host.name() + " link delete eth0; ip link add " +
                                host.port() + " up type veth peer name eth0 netns " + host.name() +
                                " && ip -n " + host.name() + " link set eth0 up";
    return [this, command] {
      static_cast<void>(network_->sandbox().TryRun(command));
      std::this_thread::sleep_for(milliseconds(20));
    };
  }

  // Frames to everybody and to nobody in particular, each from another station.
  [[nodiscard]] std::function<void()> Flood() const {
    return [socket = std::make_shared<PacketSocket>(network_->host(kFlooding).OpenPacketSocket(0)),
            number = uint64_t{0}]() mutable {
      const MacAddress source = MacAddress::FromNumber(0x02DD00000000 + ++number % 100'000);
      const MacAddress destination =
          number % 2 == 0 ? kBroadcastAddress : MacAddress::FromNumber(0x02EE00000000 + number);
      static_cast<void>(socket->TrySend(
          FrameBuilder(destination, source).Type(EtherType{0x88B9}).Pad(60).Build()));
    };
  }

  // Sockets by the thousand, to the port that anybody may connect to and to the control socket,
  // with requests whose answers nobody reads.
  [[nodiscard]] std::function<void()> OpenSockets() const {
    return [path = Path("crowded")] {
      std::vector<RawClient> clients(kSockets);
      for (size_t i = 0; i < clients.size(); ++i) {
        const std::string& to = i % 4 == 0 ? std::string(ControlClient::kDefaultPath) : path;
        if (!clients[i].Connect(to)) continue;
        clients[i].Send(i % 4 == 0 ? R"({"jsonrpc":"2.0","id":1,"method":"port.list"})"
                                     "\n"
                                   : "nonsense");
      }
      std::this_thread::sleep_for(milliseconds(20));
    };
  }

  TemporaryDirectory directory_;
  std::optional<TestNetwork> network_;
};
INSTANTIATE_TEST_SUITE_P(Io, HostileNeighbourTest, kEachIo, IoName);

TEST_P(HostileNeighbourTest, OthersLoseNothing) {
  const bool is_long = LongForm() > seconds(0);
  const RoundTrips::Summary at_rest = Measure(is_long ? seconds(5) : seconds(1));
  const pid_t process = network_->tapswitchd().pid();
  const size_t resident = ResidentKilobytes(process);
  const size_t open_files = OpenFiles(process);
  RoundTrips::Summary under_fire;
  {
    const StreamPeer deaf(Path("deaf"));
    const std::array misdeeds{Misdeed(Flap()), Misdeed(DeleteAndMakeAgain()), Misdeed(Flood()),
                              Misdeed(OpenSockets())};
    under_fire = Measure(is_long ? std::chrono::nanoseconds(LongForm()) : milliseconds(2500));
    ControlClient client;
    EXPECT_EQ(client.Call("port.list").size(), 8U) << "commands are answered";
    EXPECT_LT(ResidentKilobytes(process), resident + (64U << 10U) + kHeldBackKilobytes);
  }
  if (is_long) {
    EXPECT_LE(under_fire.p99, 3 * at_rest.p99);
  }
  EXPECT_TRUE(WaitUntil([&] { return OpenFiles(process) <= open_files + 8; }))
      << OpenFiles(process) << " files are open, " << open_files << " before";
  network_->tapswitchd().Stop();
}

}  // namespace
}  // namespace tapswitch::hostile_neighbour_test
