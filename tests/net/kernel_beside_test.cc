// Conversations that the kernel carries, beside others who use the same interfaces: filters of tc
// and nft, programs of BPF, and captures of the host.

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <sstream>
#include <string>
#include <vector>

#include "ports/interface/exclusion/bpf_link.h"
#include "ports/os/netns.h"
#include "tests/support/carried_hosts.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::kernel_beside_test {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kFrames = 100;

class KernelBesideTest : public CarriedHostsTest {
 protected:
  // Starts the switch, with traffic control as on older kernels where there is no TCX.
  void StartWith(bool has_tcx) {
    sockets_.clear();
    client_.reset();
    network_.reset();
    Start({}, {"netdev", "netdev"},
          has_tcx ? std::vector<std::string>() : std::vector<std::string>{DENY_TCX_PATH});
  }

  NetnsSandbox::Result Try(const std::string& command) {
    return network_->sandbox().TryRun(command);
  }

  // All frames arrive once and in their order, and all but some of the first by the kernel.
  void ExpectCarriedWhole() {
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    const PacketSocket receiver = network_->host(2).OpenPacketSocket();
    const uint64_t before = CarriedFrom("vnet1");
    for (uint32_t i = 1; i <= kFrames; ++i) Send(1, 2, i);
    for (uint32_t i = 1; i <= kFrames; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
    EXPECT_TRUE(receiver.Receive(10ms).empty());
    EXPECT_EQ(CarriedFrom("vnet1"), before + kFrames);
  }
};
INSTANTIATE_TEST_SUITE_P(Io, KernelBesideTest, kEachIo, IoName);

// ---- Filters

// They drop all that they see, which is nothing.
TEST_P(KernelBesideTest, FiltersAtTheIngressOfAPortSeeNothing) {
  for (const bool has_tcx : {true, false}) {
    SCOPED_TRACE(has_tcx ? "TCX" : "clsact");
    StartWith(has_tcx);
    if (IsSkipped()) return;
    if (has_tcx) Try("tc qdisc add dev vnet1 clsact");
    const auto tc =
        Try("tc filter add dev vnet1 ingress protocol all pref 50000 bpf da bytecode '1,6 0 0 2,'");
    EXPECT_EQ(tc.status, 0) << tc.output;
    const auto nft = Try(
        "nft 'table netdev t { chain c { type filter hook ingress device vnet1 priority 0; policy "
        "drop; }; }'");
    EXPECT_EQ(nft.status, 0) << nft.output;
    ExpectCarriedWhole();
  }
}

// Whichever way the frames take.
TEST_P(KernelBesideTest, AFilterOfTcAtTheEgressSeesAll) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  Try("tc qdisc add dev vnet2 clsact");
  const auto added =
      Try("tc filter add dev vnet2 egress protocol all bpf da bytecode '1,6 0 0 2,'");
  ASSERT_EQ(added.status, 0) << added.output;
  const PacketSocket receiver = network_->host(2).OpenPacketSocket();
  for (const bool is_carried : {true, false}) {
    client_->Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", is_carried}});
    for (uint32_t i = 1; i <= kFrames; ++i) Send(1, 2, i);
    EXPECT_TRUE(receiver.Receive(50ms).empty()) << is_carried;
  }
  Try("tc qdisc del dev vnet2 clsact");
  client_->Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", true}});
  ExpectCarriedWhole();
}

// ---- Programs

TEST_P(KernelBesideTest, ProgramsInFrontAndBehindThatPassFramesOnChangeNothing) {
  constexpr uint32_t kTcxIngress = 46;  // newer than Debian 12's headers
  constexpr int kTcxNext = -1;
  Start();
  if (IsSkipped()) return;
  const auto code = ReturnOf(kTcxNext);
  const NetworkNamespace netns = NetworkNamespace::Current().value();
  std::vector<FileDescriptor> links;
  for (const uint32_t flags : {kTcxBefore, 0U}) {
    const FileDescriptor program =
        LoadProgram({.type = BPF_PROG_TYPE_SCHED_CLS, .code = code, .name = "passes"});
    ASSERT_TRUE(program.valid());
    auto link = LinkProgram(netns, program,
                            {.ifindex = static_cast<int>(if_nametoindex("vnet1")),
                             .attach_type = kTcxIngress,
                             .flags = flags});
    if (!link.ok()) GTEST_SKIP() << link.status();
    links.push_back(*std::move(link));
  }
  ExpectCarriedWhole();
}

// ---- Captures of the host

TEST_P(KernelBesideTest, ACaptureOfTheHostAtEitherEndSeesEachFrameOnceAndTakesNone) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  const TemporaryDirectory directory;
  std::vector<std::string> pids;
  const std::vector<std::string> ports{"vnet1", "vnet2"};
  for (const std::string& port : ports) {
    const std::string log = directory.Path(port + ".log");
    // Its queue has room for few frames of the greatest length. Those that are sent until the
    // kernel carries them have number 0.
    const std::string numbered = "'ether proto 0x88b5 and ether[20:4] != 0'";
    pids.push_back(network_->sandbox().Run("tcpdump -l -n -e -s 96 --immediate-mode -i " + port +
                                           " " + numbered + " >" + directory.Path(port) + " 2>" +
                                           log + " & echo $!"));
    ASSERT_TRUE(WaitUntil([&] { return ContentOf(log).find("listening") != std::string::npos; }))
        << ContentOf(log);
  }
  ExpectCarriedWhole();
  for (const std::string& port : ports) {
    const auto count = [&] {
      std::istringstream lines(ContentOf(directory.Path(port)));
      size_t frames = 0;
      for (std::string line; std::getline(lines, line);) {
        frames += line.find("ethertype") != std::string::npos ? 1 : 0;
      }
      return frames;
    };
    EXPECT_TRUE(WaitUntil([&] { return count() >= kFrames; })) << port << ": " << count();
    EXPECT_EQ(count(), kFrames) << port;
  }
  for (const std::string& pid : pids) network_->sandbox().Run("kill " + pid);
}

}  // namespace
}  // namespace tapswitch::kernel_beside_test
