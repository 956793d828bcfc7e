// Connections that say nothing keep no scrape waiting. Before, a thread waited two seconds for each,
// and there were two threads.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "switch/control/metrics/http_listener.h"
#include "switch/control/metrics/metrics_server.h"

namespace tapswitch::idle_scrapers_test {
namespace {

using ::testing::HasSubstr;

FileDescriptor ConnectTo(uint16_t port) {
  FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  return connection;
}

void Ask(const FileDescriptor& connection) {
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.1\r\n\r\n";
  send(connection.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
}

std::string ReadAll(const FileDescriptor& connection) {
  std::string text;
  std::array<char, 65536> part{};
  ssize_t length = 0;
  while ((length = recv(connection.get(), part.data(), part.size(), 0)) > 0) {
    text.append(part.data(), static_cast<size_t>(length));
  }
  return text;
}

std::string Scrape(uint16_t port) {
  const FileDescriptor connection = ConnectTo(port);
  Ask(connection);
  return ReadAll(connection);
}

class IdleScrapersTest : public testing::Test {
 protected:
  void SetUp() override {
    rlimit files{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  }
  void Connect(size_t count, std::string_view text) {
    for (size_t i = 0; i < count; ++i) {
      connections_.push_back(ConnectTo(server_->port()));
      send(connections_.back().get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
  }
  // A scrape takes some milliseconds; the bound is for a machine that does much else. Two seconds for
  // each of the others would be minutes.
  void ExpectScrape() const {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(Scrape(server_->port()), HasSubstr("tapswitch_up"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  }

  std::atomic<int> snapshots_ = 0;
  size_t ports_ = 1;
  std::unique_ptr<MetricsServer> server_ =
      MetricsServer::Listen("127.0.0.1:0", {.bridge = "br0", .version = "1"},
                            [this]() -> std::optional<SwitchSnapshot> {
                              ++snapshots_;
                              SwitchSnapshot snapshot;
                              for (size_t i = 0; i < ports_; ++i) {
                                snapshot.ports.push_back({.name = "vnet" + std::to_string(i)});
                              }
                              return snapshot;
                            })
          .value();
  std::vector<FileDescriptor> connections_;
};

TEST_F(IdleScrapersTest, TwoHundredThatSayNothingKeepNobodyWaiting) {
  Connect(200, "");
  ExpectScrape();
}

TEST_F(IdleScrapersTest, NorDoThoseThatSayHalf) {
  Connect(200, "GET /metr");
  ExpectScrape();
}

TEST_F(IdleScrapersTest, NorDoThoseThatDoNotReadWhatTheyHaveAskedFor) {
  ports_ = 1000;  // more than the kernel takes for a client that does not read
  Connect(100, "GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(Scrape(server_->port()), HasSubstr("tapswitch_up"));
  EXPECT_LT(snapshots_, 50) << "they share what they are sent";
}

TEST_F(IdleScrapersTest, WhoWasFirstAndSaysNothingMakesRoom) {
  const FileDescriptor first = ConnectTo(server_->port());
  Connect(2 * HttpListener::kMostClients, "");
  EXPECT_EQ(ReadAll(first), "") << "it is closed, though its time is not over";
  const FileDescriptor late = ConnectTo(server_->port());
  Ask(late);
  EXPECT_THAT(ReadAll(late), HasSubstr("tapswitch_up"));
}

}  // namespace
}  // namespace tapswitch::idle_scrapers_test
