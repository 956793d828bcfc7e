#include "switch/control/metrics/metrics_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "switch/control/metrics/listen_address.h"
#include "tests/support/wait_until.h"

namespace tapswitch::metrics_server_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const MetricsIdentity kIdentity{.bridge = "br0", .version = "1.2.3"};

std::optional<SwitchSnapshot> OnePort() {
  SwitchSnapshot snapshot;
  snapshot.ports.push_back({.name = "vnet0"});
  return snapshot;
}

FileDescriptor Connect(uint16_t port) {
  FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
      0) {
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
  return connection;
}

void Write(const FileDescriptor& connection, std::string_view text) {
  ASSERT_EQ(send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

std::string ReadAll(const FileDescriptor& connection) {
  std::string text;
  std::array<char, 4096> part{};
  ssize_t length = 0;
  while ((length = recv(connection.get(), part.data(), part.size(), 0)) > 0) {
    text.append(part.data(), static_cast<size_t>(length));
  }
  return text;
}

std::string Get(uint16_t port, const std::string& path = "/metrics") {
  const FileDescriptor connection = Connect(port);
  Write(connection, "GET " + path + " HTTP/1.0\r\n\r\n");
  return ReadAll(connection);
}

std::unique_ptr<MetricsServer> Listen(MetricsServer::TakeSnapshot take = OnePort) {
  return MetricsServer::Listen("127.0.0.1:0", kIdentity, std::move(take)).value();
}

// ----- answers -----------------------------------------------------------------------------------

TEST(MetricsServerTest, AnswersAScrapeWithWhatTheSwitchIsLikeNow) {
  std::atomic<uint32_t> entries = 5;
  const auto server = Listen([&entries] {
    auto snapshot = OnePort();
    snapshot->table.entries = entries;
    return snapshot;
  });
  const std::string answer = Get(server->port());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("tapswitch_fdb_entries{bridge=\"br0\"} 5\n"));
  EXPECT_THAT(answer, HasSubstr("port=\"vnet0\""));
  entries = 6;
  EXPECT_TRUE(WaitUntil([&] {
    return Get(server->port()).find("tapswitch_fdb_entries{bridge=\"br0\"} 6\n") !=
           std::string::npos;
  })) << "what is served is not much older";
}

TEST(MetricsServerTest, TellsThatTheSwitchDoesNotAnswer) {
  const auto server = Listen([] { return std::nullopt; });
  EXPECT_THAT(Get(server->port()), HasSubstr("tapswitch_up{bridge=\"br0\"} 0\n"));
}

TEST(MetricsServerTest, SurvivesAnExceptionOfTheSnapshot) {
  std::atomic<bool> throws = true;
  const auto server = Listen([&throws]() -> std::optional<SwitchSnapshot> {
    if (throws) throw std::runtime_error("no memory left");
    return OnePort();
  });
  EXPECT_THAT(Get(server->port()), Not(HasSubstr("tapswitch_")));
  throws = false;
  EXPECT_THAT(Get(server->port()), HasSubstr("tapswitch_up"));
}

TEST(MetricsServerTest, HasNothingElse) {
  const auto server = Listen();
  EXPECT_THAT(Get(server->port(), "/"), HasSubstr(" 404 Not Found\r\n"));
  EXPECT_THAT(Get(server->port(), "/../../etc/passwd"), Not(HasSubstr("root:")));
}

TEST(MetricsServerTest, AnswersManyAtOnce) {
  const auto server = Listen();
  std::atomic<int> answered = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      if (Get(server->port()).find("tapswitch_up") != std::string::npos) ++answered;
    });
  }
  clients.clear();
  EXPECT_EQ(answered, 16);
}

// ----- hostile clients ---------------------------------------------------------------------------

TEST(MetricsServerTest, AnswersOnAlthoughClientsSendRubbishOrNothing) {
  const auto server = Listen();
  const FileDescriptor silent = Connect(server->port());
  const FileDescriptor half = Connect(server->port());
  Write(half, "GET /metr");
  const FileDescriptor rubbish = Connect(server->port());
  Write(rubbish, std::string(4096, '\xff'));
  EXPECT_THAT(Get(server->port()), HasSubstr("tapswitch_up"));
}

TEST(MetricsServerTest, EndsAlthoughAClientIsStillConnected) {
  auto server = Listen();
  const uint16_t port = server->port();
  const FileDescriptor half = Connect(port);
  Write(half, "GET /metr");
  server.reset();
  EXPECT_THROW(Connect(port), std::runtime_error) << "nothing listens there any more";
}

// ----- addresses ---------------------------------------------------------------------------------

TEST(ListenAddressTest, IsANumericAddressAndAPort) {
  const auto ipv4 = ParseListenAddress("127.0.0.1:9100");
  ASSERT_TRUE(ipv4.ok()) << ipv4.status();
  EXPECT_EQ(ipv4->host, "127.0.0.1");
  EXPECT_EQ(ipv4->port, 9100);
}

TEST(ListenAddressTest, WithoutAddressIsAllOfThem) {
  const auto all = ParseListenAddress(":9100");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->host, "0.0.0.0");
}

TEST(ListenAddressTest, IsRefusedInOneLineThatNamesItAndTheCure) {
  for (const char* const text :
       {"", "9100", "localhost:9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:9100x", "127.0.0.1:+9100", "127.0.0.1: 9100", "1.2.3:9100", "::1:9100", "[::1]",
        "[127.0.0.1]:9100", "[::1:9100", "[fe80::1%eth0]:9100", "127.0.0.1:80,81:82", "+:9100"}) {
    const absl::Status refused = ParseListenAddress(text).status();
    const std::string message(refused.message());
    EXPECT_THAT(message, AllOf(StartsWith("--metrics_listen=" + std::string(text) + ": "),
                               HasSubstr("such as 127.0.0.1:9100"), Not(HasSubstr("\n"))))
        << text;
  }
}

TEST(MetricsServerTest, RefusesAnAddressThatIsTaken) {
  const auto first = Listen();
  const std::string address = "127.0.0.1:" + std::to_string(first->port());
  const auto second = MetricsServer::Listen(address, kIdentity, OnePort);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr(address), HasSubstr("Address already in use"), HasSubstr("choose")));
}

TEST(MetricsServerTest, RefusesAnAddressThatIsNotOfThisMachine) {
  const auto server = MetricsServer::Listen("192.0.2.1:9100", kIdentity, OnePort);
  EXPECT_THAT(std::string(server.status().message()),
              AllOf(HasSubstr("192.0.2.1:9100"), HasSubstr("Cannot assign"), HasSubstr("choose")));
}

TEST(MetricsServerTest, ListensOnAllAddresses) {
  const auto server = MetricsServer::Listen(":0", kIdentity, OnePort);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Get((*server)->port()), HasSubstr("tapswitch_up"));
}

}  // namespace
}  // namespace tapswitch::metrics_server_test
