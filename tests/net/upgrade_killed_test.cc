// Either process is killed at some moment of an upgrade: one of them forwards afterwards.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::upgrade_killed_test {
namespace {

enum class Victim : uint8_t { kOld, kNew };

// The process that another one has started; nothing before that.
std::optional<pid_t> ChildOf(pid_t process) {
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
    pid_t child = 0;
    if (std::ifstream(task.path() / "children") >> child) return child;
  }
  return std::nullopt;
}

class UpgradeKilledTest : public SwitchTest {
 protected:
  // Asks for an upgrade, and kills a process a moment after the new one was started. Returns the
  // process that serves clients in the end; nothing if none does.
  static std::optional<pid_t> UpgradeAndKill(TestNetwork& network, Victim victim,
                                             std::chrono::microseconds after) {
    SwitchProcess& old = network.tapswitchd();
    const ControlClient client;
    client.Send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.upgrade\",\"params\":{}}\n");
    std::optional<pid_t> successor;
    EXPECT_TRUE(WaitUntil([&] { return (successor = ChildOf(old.pid())).has_value(); }));
    std::this_thread::sleep_for(after);
    if (victim == Victim::kOld) {
      old.Kill();
    } else {
      kill(*successor, SIGKILL);
    }
    std::optional<pid_t> serving;
    EXPECT_TRUE(WaitUntil([&] {
      serving = ServingProcess();
      if (victim == Victim::kNew) return serving || !old.running();
      return serving || waitpid(*successor, nullptr, WNOHANG) != 0;
    }));
    return serving;
  }

  static void ExpectForwarding(const TestNetwork& network) {
    FrameExchange frames(network);
    frames.Send(1, TestFrame(Station(2), Station(1), "on it goes"));
    auto received = frames.Collect();
    EXPECT_EQ(received.at(2).size(), 1U) << "once, and not by each of them";
  }
};
INSTANTIATE_TEST_SUITE_P(Io, UpgradeKilledTest, kEachIo, IoName);

TEST_P(UpgradeKilledTest, OneOfThemGoesOn) {
  constexpr int kRounds = 8;
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> microseconds(0, 250'000);
  for (int round = 0; round < kRounds; ++round) {
    const Victim victim = round % 2 == 0 ? Victim::kOld : Victim::kNew;
    const std::chrono::microseconds after(microseconds(random));
    SCOPED_TRACE("round " + std::to_string(round) + ", after " + std::to_string(after.count()));
    TestNetwork network(SilentHosts(io(), 2));
    const pid_t old = network.tapswitchd().pid();
    const auto serving = UpgradeAndKill(network, victim, after);
    if (serving) ExpectForwarding(network);
    if (victim == Victim::kNew && !serving) {
      EXPECT_EQ(network.tapswitchd().WaitForExit(), 0) << "it had handed over before";
    }
    if (victim == Victim::kOld && serving) {
      EXPECT_NE(*serving, old);
      kill(*serving, SIGTERM);
      waitpid(*serving, nullptr, 0);
    }
  }
}

}  // namespace
}  // namespace tapswitch::upgrade_killed_test
