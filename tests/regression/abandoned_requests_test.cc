// A request that only asks costs nothing once its client has hung up.
//
// What failed: the switch made an answer for each of the hundreds of clients that had asked and
// left, so that a client that stayed waited for half a minute on a busy machine.

#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "tests/support/control_client.h"
#include "tests/support/process_usage.h"
#include "tests/support/raw_client.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::abandoned_requests_test {
namespace {

// Makes an answer that takes the switch some milliseconds.
void FillTable() {
  constexpr int kStations = 2000;
  ControlClient client;
  client.Call("port.add", {{"port", "vnet1"}});
  for (int i = 0; i < kStations; ++i) {
    client.Call("fdb.add", {{"mac", MacAddress::FromNumber(0x020000000000U + i).ToString()},
                            {"dev", "vnet1"},
                            {"state", "static"}});
  }
}

class AbandonedRequestsTest : public SwitchTest {};
INSTANTIATE_TEST_SUITE_P(Io, AbandonedRequestsTest, testing::Values("epoll"), IoName);

TEST_P(AbandonedRequestsTest, AreNotAnswered) {
  constexpr int kAnswered = 50;
  constexpr int kClients = 50;
  constexpr int kRequestsOfEach = 20;
  const NetnsSandbox sandbox;
  SwitchProcess tapswitchd({"--io=" + io()});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  FillTable();
  const pid_t process = tapswitchd.pid();
  const size_t open_files = OpenFiles(process);

  long before = ProcessorTicks(process);
  {
    ControlClient client;
    for (int i = 0; i < kAnswered; ++i) client.Call("fdb.list");
  }
  const long answered = ProcessorTicks(process) - before;

  before = ProcessorTicks(process);
  kill(process, SIGSTOP);
  for (int i = 0; i < kClients; ++i) {
    RawClient client;
    ASSERT_TRUE(client.Connect(ControlClient::kDefaultPath));
    for (int j = 0; j < kRequestsOfEach; ++j) {
      client.Send(R"({"jsonrpc":"2.0","id":1,"method":"fdb.list"})"
                  "\n");
    }
  }
  kill(process, SIGCONT);
  ControlClient().Call("port.list");  // all that connected before it are known now
  ASSERT_TRUE(WaitUntil([&] { return OpenFiles(process) <= open_files; }));
  EXPECT_LT(ProcessorTicks(process) - before, 4 * answered) << "of 20 times as many requests";
}

// The switch carries out a change whether its client waits or not.
TEST_P(AbandonedRequestsTest, AreCarriedOutIfTheyChangeSomething) {
  const NetnsSandbox sandbox;
  SwitchProcess tapswitchd({"--io=" + io()});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  kill(tapswitchd.pid(), SIGSTOP);
  {
    RawClient client;
    ASSERT_TRUE(client.Connect(ControlClient::kDefaultPath));
    client.Send(R"({"jsonrpc":"2.0","id":1,"method":"port.add","params":{"port":"vnet1"}})"
                "\n");
  }
  kill(tapswitchd.pid(), SIGCONT);
  EXPECT_TRUE(WaitUntil([] { return ControlClient().Call("port.list").size() == 1; }));
}

}  // namespace
}  // namespace tapswitch::abandoned_requests_test
