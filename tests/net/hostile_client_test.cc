// Clients that mean no good: frames flow on, others are served, memory stays bounded.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::hostile_client_test {
namespace {

using nlohmann::json;

// Sends as long as the other side takes it; returns how much that was.
size_t SendWhileTaken(const ControlClient& client, std::string_view part, size_t most) {
  fcntl(client.fd(), F_SETFL, O_NONBLOCK);
  size_t taken = 0;
  for (int refusals = 0; taken < most && refusals < 20;) {
    const ssize_t sent = send(client.fd(), part.data(), part.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      taken += static_cast<size_t>(sent);
      refusals = 0;
    } else if (errno == EAGAIN) {
      ++refusals;
      usleep(1000);
    } else {
      break;  // it hung up
    }
  }
  return taken;
}

// The switch learns a moment later that clients hung up, and turns others away until then.
bool IsServed() {
  try {
    ControlClient client;
    client.Send(R"({"jsonrpc":"2.0","id":1,"method":"port.list"})"
                "\n");
    return !client.ReadLine().is_null();
  } catch (const std::system_error&) {
    return false;
  }
}

class HostileClientTest : public SwitchTest {
 protected:
  // Frames flow at full rate while `attack` lasts, and another client is served after it.
  void ExpectUnmoved(const std::function<void()>& attack) {
    // What AddressSanitizer keeps of freed memory is not the switch's.
    setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64", 0);
    TestNetwork network(SilentHosts(io(), 4));
    FillTable();
    SteadyStream stream(network.host(1), network.host(2), SteadyStream::kFullRate);
    ASSERT_TRUE(stream.DeliversMore(1000));
    attack();
    ASSERT_TRUE(stream.DeliversMore(1000));
    EXPECT_EQ(stream.Finish().fault, "");
    EXPECT_TRUE(WaitUntil(IsServed));
    EXPECT_EQ(ControlClient().Call("port.list").size(), 4U);
    // What waits to be sent is bounded by 64 MiB and one reply; the table is 4 MiB.
    EXPECT_LT(ResidentKilobytes(network.tapswitchd().pid()), 300U * 1024);
  }

  // VLANs 2 * first, 2 * first + 2 and so on, of vnet4.
  static void AddVlans(ControlClient& client, uint64_t first, uint64_t count) {
    json batch = json::array();
    for (uint64_t i = 0; i < count; ++i) {
      batch.push_back({{"jsonrpc", "2.0"},
                       {"id", i},
                       {"method", "vlan.add"},
                       {"params", {{"dev", "vnet4"}, {"vid", 2 * (first + i)}}}});
    }
    client.Send(batch.dump() + "\n");
    for (const json& reply : client.ReadLine()) ASSERT_TRUE(reply.contains("result")) << reply;
  }

  // So that a listing is long.
  static void FillTable() {
    ControlClient client;
    std::string batch = "[";
    for (int i = 1; i <= 1000; ++i) {
      if (i > 1) batch += ',';
      batch +=
          json{{"jsonrpc", "2.0"},
               {"id", i},
               {"method", "fdb.add"},
               {"params",
                {{"mac", Station(1000 + i).ToString()}, {"dev", "vnet3"}, {"state", "static"}}}}
              .dump();
    }
    client.Send(batch + "]\n");
    EXPECT_EQ(client.ReadLine().size(), 1000U);
  }
};
INSTANTIATE_TEST_SUITE_P(Io, HostileClientTest, kEachIo, IoName);

TEST_P(HostileClientTest, HalfALine) {
  ExpectUnmoved([] {
    std::deque<ControlClient> clients(50);
    for (const ControlClient& client : clients) client.Send(R"({"jsonrpc": "2.0", "id": 1, "meth)");
    EXPECT_EQ(ControlClient().Call("port.list").size(), 4U);
  });
}

TEST_P(HostileClientTest, ALineOfAGigabyte) {
  ExpectUnmoved([] {
    const ControlClient client;
    EXPECT_LT(SendWhileTaken(client, std::string(1U << 20U, 'x'), size_t{1} << 30U), 64U << 20U);
  });
}

TEST_P(HostileClientTest, Garbage) {
  ExpectUnmoved([] {
    const ControlClient client;
    SendWhileTaken(client, "\xff\xfe\x00{[}]\n\"\\u0000\n[1,2\n{}\n[[[[[[[[[[[[[[[[\n", 4U << 20U);
  });
}

TEST_P(HostileClientTest, AskingForMuchAndReadingNothing) {
  ExpectUnmoved([] {
    const std::string request =
        json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", "fdb.list"}}.dump() + "\n";
    std::deque<ControlClient> clients(50);
    for (const ControlClient& client : clients) SendWhileTaken(client, request, 100'000);
    EXPECT_EQ(ControlClient().Call("port.list").size(), 4U);
  });
}

TEST_P(HostileClientTest, AThousandConnections) {
  ExpectUnmoved([] {
    std::deque<ControlClient> clients;
    for (int i = 0; i < 1000; ++i) {
      try {
        clients.emplace_back();
      } catch (const std::system_error&) {
        break;  // the test's own files, or the backlog
      }
    }
    EXPECT_GT(clients.size(), 300U);
    // Those who came first are served.
    EXPECT_EQ(clients.front().Call("port.list").size(), 4U);
  });
}

TEST_P(HostileClientTest, AMonitorThatReadsNothingIsToldWhatItMissed) {
  ExpectUnmoved([] {
    ControlClient busy;
    AddVlans(busy, 1, 500);
    ControlClient lazy;
    lazy.Call("monitor.start", {{"objects", {"vlan"}}});
    // Each change is told with all VLANs of the port. That is more than the socket and the switch
    // keep for it, by so few changes that it is not closed meanwhile, however slow they are.
    constexpr uint64_t kChanges = 200;
    AddVlans(busy, 501, kChanges);
    uint64_t told = 0;
    uint64_t missed = 0;
    while (told + missed < kChanges) {
      const json line = lazy.ReadLine();
      ASSERT_FALSE(line.is_null()) << told << " told, " << missed << " missed";
      const json& event = line["params"];
      if (event["event"] == "missed") {
        missed += event["count"].get<uint64_t>();
      } else {
        ++told;
      }
    }
    EXPECT_EQ(told + missed, kChanges);
    EXPECT_GT(missed, 0U);
  });
}

}  // namespace
}  // namespace tapswitch::hostile_client_test
