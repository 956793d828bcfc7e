// Guests of vhost ports that come and go, and one that does nothing: neither costs the switch
// anything that lasts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/sanitized.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/vhost_front_end.h"
#include "tests/support/wait_until.h"

namespace tapswitch::vhost_reconnect_test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using Bytes = std::vector<std::byte>;

constexpr int kCycles = kIsSanitized ? 100 : 1000;
// In KiB. What is known of the last 4,096 connections, and the heap's own, took 1,300 in 1,000
// cycles, and in 12,000 not twice as much.
constexpr size_t kMostGrowth = 3072;
constexpr const char* kGuestMemory = "/memfd:guest";

// Guest one is behind "come", which is tried in both modes; two stays connected.
class VhostReconnectTest : public SwitchTest {
 protected:
  void Start(const std::string& mode) {
    sandbox_.emplace();
    mode_ = mode;
    if (mode == "client") one_.Listen(Path("come"));
    StartSwitch();
    ASSERT_TRUE(two_.Connect(Path("stay")) && two_.Start());
    WaitForLink("stay");
  }
  void StartSwitch() {
    switch_.emplace(std::vector<std::string>{"--io=" + io(),
                                             "vhost:come,mode=" + mode_ + ",path=" + Path("come"),
                                             "vhost:stay,path=" + Path("stay")});
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
    client_.emplace();
  }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }
  json Show(const std::string& name) { return client_->Call("port.list", {{"name", name}})[0]; }
  void WaitForLink(const std::string& name) {
    ASSERT_TRUE(WaitUntil([&] { return Show(name)["link"] == "up"; }))
        << Show(name).dump(1) << switch_->log();
  }
  void Join() {
    ASSERT_TRUE(mode_ == "client" ? one_.Accept() : one_.Connect(Path("come")));
    ASSERT_TRUE(one_.Start());
    WaitForLink("come");
  }
  void GuestsTalk(const std::string& text) {
    const Bytes question = TestFrame(kBroadcastAddress, Station(1), text);
    const Bytes answer = TestFrame(Station(1), Station(2), text);
    ASSERT_TRUE(one_.Send(question));
    ASSERT_EQ(two_.Receive(), question);
    ASSERT_TRUE(two_.Send(answer));
    ASSERT_EQ(one_.Receive(), answer);
  }
  // It comes, talks and goes, so many times.
  void Cycle(int times) {
    for (int i = 0; i < times && !HasFatalFailure(); ++i) {
      Join();
      GuestsTalk(std::to_string(i));
      one_.HangUp();
    }
  }
  void ExpectNothingLeftBehind(const std::string& mode) {
    Start(mode);
    Cycle(kCycles / 10);  // what is made once and kept
    Join();
    const size_t files = OpenFiles(switch_->pid());
    const size_t mappings = MappingsOf(switch_->pid(), kGuestMemory);
    const size_t kilobytes = ResidentKilobytes(switch_->pid());
    one_.HangUp();
    Cycle(kCycles);
    Join();
    // Files of an earlier connection may still have been open when they were counted.
    EXPECT_TRUE(WaitUntil([&] { return OpenFiles(switch_->pid()) <= files; }))
        << OpenFiles(switch_->pid()) << " files are open, before " << files;
    EXPECT_TRUE(WaitUntil([&] { return MappingsOf(switch_->pid(), kGuestMemory) <= mappings; }))
        << MappingsOf(switch_->pid(), kGuestMemory) << " mappings, before " << mappings;
    EXPECT_LT(ResidentKilobytes(switch_->pid()), kilobytes + kMostGrowth + kHeldBackKilobytes);
    EXPECT_EQ(Show("come")["details"]["connections"],
              std::to_string(kCycles / 10 + 1 + kCycles + 1));
    EXPECT_FALSE(Show("come")["details"].contains("offences"));
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  std::string mode_;
  std::optional<SwitchProcess> switch_;
  std::optional<ControlClient> client_;
  VhostFrontEnd one_;
  VhostFrontEnd two_;
};
INSTANTIATE_TEST_SUITE_P(Io, VhostReconnectTest, kEachIo, IoName);

TEST_P(VhostReconnectTest, AThousandConnectionsLeaveNothingBehind) {
  ExpectNothingLeftBehind("server");
}

TEST_P(VhostReconnectTest, AThousandConnectionsOfTheSwitchLeaveNothingBehind) {
  ExpectNothingLeftBehind("client");
}

// How long it took is printed: the goal is 1.5 s, of which the bound here is no measure.
TEST_P(VhostReconnectTest, GuestsAreThereAgainSoonAfterTheSwitchWasKilled) {
  for (const std::string mode : {"server", "client"}) {
    Start(mode);
    Join();
    milliseconds worst(0);
    for (int i = 0; i < 10 && !HasFatalFailure(); ++i) {
      GuestsTalk(std::to_string(i));
      switch_->Kill();
      switch_.reset();
      const auto begin = std::chrono::steady_clock::now();
      StartSwitch();
      ASSERT_TRUE(two_.Connect(Path("stay")) && two_.Start());
      WaitForLink("stay");
      Join();
      worst = std::max(worst, std::chrono::duration_cast<milliseconds>(
                                  std::chrono::steady_clock::now() - begin));
    }
    GuestsTalk("at last");
    std::printf("mode=%s: reconnected after at most %lld ms\n", mode.c_str(),
                static_cast<long long>(worst.count()));
    one_.HangUp();
    two_.HangUp();
    switch_.reset();
  }
}

// It is tried until nothing has happened for so long, as other work of a start may be late.
TEST_P(VhostReconnectTest, AGuestThatDoesNothingWakesNobodyUp) {
  constexpr std::chrono::seconds kIdle(10);
  Start("server");
  Join();
  GuestsTalk("once");
  EXPECT_TRUE(WaitUntil(
      [&] {
        const size_t before = ContextSwitches(switch_->pid());
        std::this_thread::sleep_for(kIdle);
        return ContextSwitches(switch_->pid()) == before;
      },
      6 * kIdle));
  GuestsTalk("again");
}

}  // namespace
}  // namespace tapswitch::vhost_reconnect_test
