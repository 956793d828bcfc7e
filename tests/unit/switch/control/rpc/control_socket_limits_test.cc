// Clients that want too much of the control socket, or read too little.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/control_socket_fixture.h"
#include "tests/support/descriptor_limit.h"

namespace tapswitch::control_socket_limits_test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST_F(ControlSocketTest, TakesTheLongestLineAndRefusesOneThatIsLonger) {
  const std::string longest(kMaxLine, 'a');
  std::string rest = longest + "\n";
  RawClient& client = Connect();
  std::string got;
  while (!rest.empty()) {
    rest.erase(0, client.Send(rest));
    Turn();
  }
  EXPECT_EQ(ReadBytes(client, longest.size() + 1), longest + "\n");

  rest = longest + "a\n";
  while (!rest.empty() && !client.broken()) {
    rest.erase(0, client.Send(rest));
    Turn();
  }
  EXPECT_THAT(ReadBytes(client, 10000), HasSubstr("longer than 1048576 bytes"));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(ControlSocketTest, StopsALineOfAGigabyteEarly) {
  // Given a client that sends for as long as it is let.
  RawClient& client = Connect();
  const std::string piece(kMiB, 'a');
  size_t sent = 0;
  while (sent < (size_t{1} << 30U) && !client.broken()) {
    sent += client.Send(piece);
    Turn();
    EXPECT_LE(socket_->received(), kMaxLine + (64U << 10U));
  }
  // Then it was told after little more than a line, and nothing of it is kept.
  EXPECT_TRUE(client.broken());
  EXPECT_LT(sent, 4 * kMiB);
  EXPECT_THAT(client.Receive(), HasSubstr("-32600"));
  EXPECT_EQ(socket_->received(), 0U);
}

TEST_F(ControlSocketTest, HandsOverBytesThatAreNoText) {
  std::string garbage;
  for (int i = 0; i < 256; ++i) {
    if (i != '\n') garbage += static_cast<char>(i);
  }
  EXPECT_EQ(Ask(Connect(), garbage), garbage + "\n");
}

TEST_F(ControlSocketTest, LimitsWhatAllUnfinishedLinesTakeTogether) {
  // Given more clients than the limit has room for, each with nearly a line.
  const std::string unfinished(kMaxLine - 1, 'a');
  const size_t count = ControlSocket::kMaxReceived / unfinished.size() + 8;
  std::vector<size_t> sent(count);
  for (size_t i = 0; i < count; ++i) Connect();
  for (int round = 0; round < 100; ++round) {
    for (size_t i = 0; i < count; ++i) {
      sent[i] += clients_[i].Send(std::string_view(unfinished).substr(sent[i]));
    }
    Turn();
    ASSERT_LE(socket_->received(), ControlSocket::kMaxReceived);
  }
  // Then some were told and closed, and the others are still heard.
  EXPECT_LT(socket_->clients(), count);
  EXPECT_GE(socket_->clients(), ControlSocket::kMaxReceived / unfinished.size() - 1);
  EXPECT_EQ(Ask(Connect(), "still here"), "still here\n");
  size_t told = 0;
  for (RawClient& client : clients_) {
    if (client.Receive().find("too much input") != std::string::npos) ++told;
  }
  EXPECT_EQ(told, count + 1 - socket_->clients());
}

// --- Clients that do not read.

TEST_F(ControlSocketTest, TakesNothingFurtherFromAClientUntilItHasReadItsAnswer) {
  // Given a client that asks for a hundred megabytes at once and does not read.
  RawClient& client = Connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "1000000\n";
  client.Send(requests);
  Turn(200);
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_LT(socket_->held(), 2000000U);
  // Then others do not notice, and it gets everything once it reads.
  EXPECT_EQ(Ask(Connect(), "other"), "other\n");
  EXPECT_EQ(ReadBytes(client, 100 * 1000001).size(), 100U * 1000001U);
}

TEST_F(ControlSocketTest, DoesNotReadWhatAClientSendsThatDoesNotRead) {
  RawClient& client = Connect();
  client.Send("3000000\n");
  Turn(2);
  size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    sent += client.Send(std::string(100000, '\n'));
    Turn();
  }
  EXPECT_LT(sent, 2 * kMiB) << "the kernel's buffer, and no more";
  EXPECT_LE(socket_->received(), 64U << 10U);
}

TEST_F(ControlSocketTest, ClosesAClientThatReadsNothingForTenSeconds) {
  RawClient& client = Connect();
  client.Send("3000000\n");
  Turn(2);
  clock_.Advance(Ticks{999});
  Turn(2);
  EXPECT_EQ(socket_->clients(), 1U);
  clock_.Advance(Ticks{1});
  Turn(2);
  EXPECT_EQ(socket_->clients(), 0U);
  EXPECT_EQ(socket_->held(), 0U);
  EXPECT_EQ(disconnected_.size(), 1U);
}

TEST_F(ControlSocketTest, KeepsAClientThatReadsSlowly) {
  RawClient& client = Connect();
  client.Send("3000000\n");
  Turn(2);
  size_t got = 0;
  while (got < 3000001) {
    const size_t more = client.Receive(300000).size();
    ASSERT_GT(more, 0U);
    got += more;
    Turn();
    clock_.Advance(Ticks{900});
    Turn();
  }
  EXPECT_EQ(Ask(client, "alive"), "alive\n");
}

TEST_F(ControlSocketTest, KeepsAClientThatIsSilent) {
  RawClient& client = Connect();
  clock_.Advance(Ticks{10'000'000});
  Turn(2);
  EXPECT_EQ(Ask(client, "alive"), "alive\n");
}

TEST_F(ControlSocketTest, TakesNoRequestsWhileThereIsNoRoomForAnswers) {
  UseUpTheRoom();
  RawClient& modest = Connect();
  EXPECT_EQ(Ask(modest, "please"), "");
  // When those that do not read are closed.
  clock_.Advance(ControlSocket::kMaxStall);
  Turn(2);
  // Then there is room again for who waited.
  EXPECT_EQ(ReadBytes(modest, 7), "please\n");
}

TEST_F(ControlSocketTest, GivesEverybodyItsAnswerWhenTheyReadAfterAll) {
  UseUpTheRoom(/*waiting=*/32);
  std::vector<size_t> got(clients_.size());
  for (int round = 0; round < 1000; ++round) {
    Turn();
    for (size_t i = 0; i < clients_.size(); ++i) got[i] += clients_[i].Receive().size();
    ASSERT_LE(socket_->held(), ControlSocket::kMaxHeld + 4 * kMiB);
  }
  for (const size_t size : got) EXPECT_EQ(size, 2 * kMiB + 1);
  EXPECT_EQ(socket_->held(), 0U);
}

TEST_F(ControlSocketTest, GivesRoomToEachInTurn) {
  // Given twice as many clients as there is room for, all reading, all with more to ask.
  constexpr size_t kReply = 2 * kMiB;
  constexpr size_t kClients = 2 * ControlSocket::kMaxHeld / kReply;
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += fmt::format("{}\n", kReply);
  for (size_t i = 0; i < kClients; ++i) Connect();
  for (RawClient& client : clients_) client.Send(requests);
  while (asked_.size() < 6 * kClients) {
    Turn();
    for (RawClient& client : clients_) client.Receive();
  }
  // Then nobody had to stand back for those that came first.
  std::map<ClientId, size_t> served;
  for (const ClientId id : asked_) ++served[id];
  EXPECT_EQ(served.size(), kClients);
  for (const auto& [id, times] : served) EXPECT_GE(times, 3U) << id.value;
}

TEST_F(ControlSocketTest, ClosesWhoReadsALittleNowAndThenWhenThereIsNoRoom) {
  // Given clients that take a minute for their answers, and one that waits for room.
  UseUpTheRoom(/*waiting=*/1);
  const size_t before = socket_->clients();
  for (int i = 0; i < 10; ++i) {
    for (size_t j = 0; j + 1 < clients_.size(); ++j) {
      ASSERT_EQ(clients_[j].Receive(40000).size(), 40000U);
    }
    clock_.Advance(Ticks{100});
    Turn();
  }
  EXPECT_LT(socket_->clients(), before);
  EXPECT_EQ(ReadBytes(clients_.back(), 2 * kMiB + 1).size(), 2 * kMiB + 1)
      << "who waited is served";
}

// --- Many clients.

TEST_F(ControlSocketTest, TurnsAwayWhoIsTooMany) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  ASSERT_GE(files.rlim_cur, 1600U);

  // Given an early client, and a thousand connections that stay open.
  RawClient early;
  ASSERT_TRUE(early.Connect(path_));
  for (int i = 0; i < 1000; ++i) {
    RawClient& client = clients_.emplace_back();
    if (client.Connect(path_)) continue;
    TurnTicks(10);  // the backlog is full
    ASSERT_TRUE(client.Connect(path_));
  }
  TurnTicks(70);

  // Then 256 are served and all others were told why they are not.
  EXPECT_EQ(socket_->clients(), ControlSocket::kMaxClients);
  size_t told = 0;
  for (RawClient& client : clients_) {
    const std::string got = client.Receive();
    if (!client.closed()) continue;
    EXPECT_THAT(got, HasSubstr("256 clients are connected already"));
    EXPECT_THAT(got, EndsWith("\n"));
    ++told;
  }
  EXPECT_EQ(told, 1001 - ControlSocket::kMaxClients);
  EXPECT_EQ(Ask(early, "early"), "early\n");

  // And when one leaves there is room for another.
  early.Close();
  Turn(2);
  EXPECT_EQ(Ask(Connect(), "late"), "late\n");
}

TEST_F(ControlSocketTest, TakesSoManyNewClientsInATick) {
  constexpr int kMore = 5;
  clock_.Advance(Ticks{1});
  for (int i = 0; i < ControlSocket::kAcceptsPerTick + kMore; ++i) {
    clients_.emplace_back();
    ASSERT_TRUE(clients_.back().Connect(path_));
  }
  Turn(3);
  EXPECT_EQ(socket_->clients(), ControlSocket::kAcceptsPerTick);
  clock_.Advance(Ticks{1});
  Turn(2);
  EXPECT_EQ(socket_->clients(), ControlSocket::kAcceptsPerTick + kMore);
}

TEST_F(ControlSocketTest, TellsAClientThatThereAreNoDescriptors) {
  Turn();
  RawClient client;
  ASSERT_TRUE(client.Connect(path_));
  {
    // All numbers below the limit are in use: the client has taken the lowest that was free.
    const DescriptorLimit limit(static_cast<rlim_t>(client.fd()) + 1);
    Turn(2);
  }
  EXPECT_THAT(client.Receive(), HasSubstr("no file descriptors"));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Ask(Connect(), "later"), "later\n");
}

TEST_F(ControlSocketTest, PausesWhenItCannotEvenReject) {
  Turn();
  RawClient client;
  ASSERT_TRUE(client.Connect(path_));
  client.Send("patient\n");
  {
    const DescriptorLimit limit(0);
    Turn();
  }
  // It does not try again at once: that would be a loop at full speed ...
  Turn(5);
  EXPECT_EQ(socket_->clients(), 0U);
  // ... but a second later.
  clock_.Advance(Ticks{100});
  Turn();
  EXPECT_EQ(ReadBytes(client, 8), "patient\n");
  // And who comes when there are none again is told, as before.
  RawClient unlucky;
  ASSERT_TRUE(unlucky.Connect(path_));
  {
    const DescriptorLimit limit(static_cast<rlim_t>(unlucky.fd()) + 1);
    Turn();
  }
  EXPECT_THAT(unlucky.Receive(), HasSubstr("no file descriptors"));
}

// --- Events.

}  // namespace
}  // namespace tapswitch::control_socket_limits_test
