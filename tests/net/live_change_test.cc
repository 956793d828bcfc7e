// Changes while frames flow: nothing is lost or repeated between ports that a change is not about.

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/sanitized.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::live_change_test {
namespace {

using nlohmann::json;

class LiveChangeTest : public SwitchTest {
 protected:
  // Four hosts; a stream from the first to the second at full rate while `change(round)` is made
  // again and again.
  void ExpectNoLossDuring(int rounds,
                          const std::function<void(TestNetwork&, ControlClient&, int)>& change) {
    TestNetwork network(SilentHosts(io(), 4));
    ControlClient client;
    // What is learned of the receiver is not lost with the first flush.
    client.Call("fdb.add", {{"mac", Station(2).ToString()}, {"dev", "vnet2"}, {"state", "static"}});
    SteadyStream stream(network.host(1), network.host(2), SteadyStream::kFullRate);
    ASSERT_TRUE(stream.DeliversMore(1000));
    for (int round = 0; round < rounds; ++round) {
      change(network, client, round);
      // So that each change falls into the middle of traffic.
      ASSERT_TRUE(stream.DeliversMore(SteadyStream::kFullRate)) << "round " << round;
    }
    EXPECT_EQ(stream.Finish().fault, "");
  }
};
INSTANTIATE_TEST_SUITE_P(Io, LiveChangeTest, kEachIo, IoName);

TEST_P(LiveChangeTest, PortsComeAndGo) {
  ExpectNoLossDuring(50, [](TestNetwork&, ControlClient& client, int round) {
    const std::string name = "extra" + std::to_string(round % 3);
    client.Call("port.add", {{"port", name}});
    client.Call("port.del", {{"name", name}});
  });
}

TEST_P(LiveChangeTest, FlagsChange) {
  constexpr std::array kFlags{"learning", "flood",   "mcast_flood", "bcast_flood",
                              "isolated", "hairpin", "locked"};
  ExpectNoLossDuring(100, [&](TestNetwork&, ControlClient& client, int round) {
    json change{{"dev", round % 2 == 0 ? "vnet3" : "vnet4"}};
    change["state"] = round % 5;
    for (size_t i = 0; i < kFlags.size(); ++i) change[kFlags[i]] = (round >> (i % 4)) % 2 == 0;
    client.Call("link.set", change);
    client.Call("bridge.set", {{"ageing_time", std::to_string(round + 1) + "s"}});
  });
}

TEST_P(LiveChangeTest, EntriesChange) {
  ExpectNoLossDuring(100, [](TestNetwork&, ControlClient& client, int round) {
    const json entry{
        {"mac", Station(100 + round).ToString()}, {"dev", "vnet3"}, {"state", "static"}};
    client.Call("fdb.add", entry);
    json more = entry;
    more["dev"] = "vnet4";
    client.Call("fdb.append", more);
    client.Call("fdb.replace", more);
    if (round % 2 == 0) client.Call("fdb.del", more);
    client.Call("fdb.flush", {{"dev", "vnet4"}});
    client.Call("fdb.list");
  });
}

// A whole configuration is applied again and again, and what differs in it are other ports.
TEST_P(LiveChangeTest, AnotherConfigurationIsApplied) {
  std::string saved;
  ExpectNoLossDuring(20, [&](TestNetwork&, ControlClient& client, int round) {
    if (saved.empty()) {
      for (const json& line : client.Call("config.save")) saved += line.get<std::string>() + '\n';
    }
    const std::string number = std::to_string(round);
    const std::string wanted = saved + "link set dev vnet3 isolated " +
                               (round % 2 == 0 ? "on" : "off") + "\nport add extra" + number +
                               " description 'port " + number + "'\nfdb replace " +
                               Station(100 + round).ToString() + " dev vnet4 static\n" +
                               "bridge set ageing_time " + std::to_string(round + 100) + "s\n";
    const json commands =
        client.Call("config.apply", {{"name", "wanted"}, {"text", wanted}})["commands"];
    EXPECT_GE(commands.size(), 3U) << commands;
    EXPECT_EQ(commands.dump().find("vnet1"), std::string::npos) << commands;
    EXPECT_EQ(commands.dump().find("vnet2"), std::string::npos) << commands;
  });
}

TEST_P(LiveChangeTest, LinksGoUpAndDown) {
  ExpectNoLossDuring(50, [](TestNetwork& network, ControlClient& client, int round) {
    network.sandbox().Run(std::string("ip -n h3 link set eth0 ") +
                          (round % 2 == 0 ? "down" : "up"));
    client.Call("port.list");
  });
}

TEST_P(LiveChangeTest, AThousandPortsThatCameAndWentLeaveNothing) {
  // AddressSanitizer, where it is built in, keeps up to 256 MB of what was freed to find its use.
  setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64", 0);
  TestNetwork network(SilentHosts(io(), 4));
  const pid_t process = network.tapswitchd().pid();
  ControlClient client;
  client.Call("fdb.add", {{"mac", Station(2).ToString()}, {"dev", "vnet2"}, {"state", "static"}});
  const auto come_and_go = [&](int times) {
    for (int i = 0; i < times; ++i) {
      client.Call("port.add", {{"port", "extra"}});
      client.Call("port.del", {{"name", "extra"}});
    }
  };
  SteadyStream stream(network.host(1), network.host(2), SteadyStream::kFullRate);
  come_and_go(20);  // whatever is allocated once is there now
  const size_t files = OpenFiles(process);
  const size_t kilobytes = ResidentKilobytes(process);

  // What could leak is the same but for the ring; and LeakSanitizer needs no thousand to find it.
  come_and_go(io() == "uring" && !kIsSanitized ? 1000 : 100);

  EXPECT_EQ(OpenFiles(process), files);
  EXPECT_LE(ResidentKilobytes(process), kilobytes + 4096) << "a port's buffers are 2,200 kB";
  ASSERT_TRUE(stream.DeliversMore(SteadyStream::kFullRate));
  EXPECT_EQ(stream.Finish().fault, "");
}

}  // namespace
}  // namespace tapswitch::live_change_test
