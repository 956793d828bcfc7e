// However many clients scrape, and however often, the switch is asked for ten snapshots a second.
//
// What failed: each scrape took one, which keeps all workers from their frames for a moment.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "switch/control/metrics/metrics_server.h"

namespace tapswitch::scrape_rate_test {
namespace {

std::string Scrape(uint16_t port) {
  const FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
      0) {
    return "";
  }
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\n\r\n";
  send(connection.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  std::string text;
  std::array<char, 4096> part{};
  ssize_t length = 0;
  while ((length = recv(connection.get(), part.data(), part.size(), 0)) > 0) {
    text.append(part.data(), static_cast<size_t>(length));
  }
  return text;
}

TEST(ScrapeRateTest, ManyScrapesShareASnapshot) {
  std::atomic<int64_t> snapshots = 0;
  const auto server = MetricsServer::Listen("127.0.0.1:0", {.bridge = "br0", .version = "1"},
                                            [&snapshots]() -> std::optional<SwitchSnapshot> {
                                              ++snapshots;
                                              return SwitchSnapshot();
                                            });
  ASSERT_TRUE(server.ok()) << server.status();
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int64_t> answers = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        if (Scrape((*server)->port()).find("tapswitch_up") != std::string::npos) ++answers;
      }
    });
  }
  clients.clear();
  const auto span = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(answers, 200);
  EXPECT_LE(snapshots, span / std::chrono::milliseconds(100) + 1);
}

}  // namespace
}  // namespace tapswitch::scrape_rate_test
