#include "switch/control/rpc/control_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "tests/support/raw_client.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr size_t kMiB = 1U << 20U;

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return now_; }
  void Advance(Ticks span) { now_ = now_ + span; }

 private:
  Tick now_{1000};
};

// Everything happens in one thread: clients write, the socket turns, clients read. A request
// "N" is answered with N bytes and '\n', "quiet" with nothing, all else with itself.
class ControlSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<ControlSocket>> made =
        ControlSocket::Listen({.path = path_, .group = {}}, clock_);
    ASSERT_TRUE(made.ok()) << made.status();
    socket_ = *std::move(made);
    socket_->set_handler([this](ClientId id, std::string_view line) { return Answer(id, line); });
    socket_->set_on_disconnect([this](ClientId id) { disconnected_.push_back(id); });
    socket_->set_on_drained([this](ClientId id) { drained_.push_back(id); });
  }

  std::string Answer(ClientId id, std::string_view line) {
    asked_.push_back(id);
    if (line == "quiet") return "";
    if (!line.empty() && line.find_first_not_of("0123456789") == std::string_view::npos) {
      return std::string(std::stoul(std::string(line)), 'x') + "\n";
    }
    return std::string(line) + "\n";
  }

  void Turn(int times = 1) {
    for (int i = 0; i < times; ++i) socket_->Turn(std::chrono::milliseconds(0));
  }

  RawClient& Connect() {
    clients_.emplace_back();
    EXPECT_TRUE(clients_.back().Connect(path_));
    Turn();
    return clients_.back();
  }

  // Its id, by letting it ask for something.
  ClientId IdOf(RawClient& client) {
    client.Send("quiet\n");
    Turn(2);
    return asked_.back();
  }

  // Whether a turn waits, for as long as it is let: one that returns early, with nothing to do, would
  // do so again and again.
  [[nodiscard]] bool Rests() {
    constexpr std::chrono::milliseconds kTimeout{20};
    const auto start = std::chrono::steady_clock::now();
    socket_->Turn(kTimeout);
    return std::chrono::steady_clock::now() - start >= kTimeout;
  }

  // Turns and reads until the client has got `size` bytes, or nothing comes any more.
  std::string ReadBytes(RawClient& client, size_t size) {
    std::string all;
    for (int idle = 0; all.size() < size && idle < 100; ++idle) {
      Turn();
      const std::string got = client.Receive(size - all.size());
      if (!got.empty()) idle = 0;
      all += got;
    }
    return all;
  }

  std::string Ask(RawClient& client, const std::string& line) {
    client.Send(line + "\n");
    Turn(2);
    return client.Receive();
  }

  // Fills the memory for output with clients that ask and do not read. They stay in clients_, and so
  // do `waiting` more whose requests are not taken any more.
  void UseUpTheRoom(size_t waiting = 0) {
    constexpr size_t kReply = 2 * kMiB;
    for (size_t i = 0; i < ControlSocket::kMaxHeld / kReply + waiting; ++i) {
      Connect().Send(fmt::format("{}\n", kReply));
      Turn(2);
    }
    ASSERT_GE(socket_->held(), ControlSocket::kMaxHeld);
    ASSERT_LE(socket_->held(), ControlSocket::kMaxHeld + 2 * kReply) << "one reply beyond";
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("br0.sock");
  ManualClock clock_;
  std::unique_ptr<ControlSocket> socket_;
  std::deque<RawClient> clients_;
  std::vector<ClientId> asked_;
  std::vector<ClientId> disconnected_;
  std::vector<ClientId> drained_;
};

TEST(LineBuffer, FindsLinesThatAreThereAlreadyWhenMoreArrives) {
  LineBuffer buffer;
  buffer.Append("one\ntwo\nth");
  EXPECT_EQ(buffer.TakeLine(), "one");
  buffer.Append("ree\n");
  EXPECT_EQ(buffer.TakeLine(), "two");
  EXPECT_EQ(buffer.size(), 6U);
  EXPECT_EQ(buffer.TakeLine(), "three");
  EXPECT_FALSE(buffer.has_line());
  EXPECT_EQ(buffer.size(), 0U);
}

// --- Requests and answers.

TEST_F(ControlSocketTest, AnswersLinesInTheirOrder) {
  RawClient& client = Connect();
  client.Send("one\ntwo\n\nthree\n");
  EXPECT_EQ(ReadBytes(client, 15), "one\ntwo\n\nthree\n");
}

TEST_F(ControlSocketTest, AnswersWhoConnectedAndAskedBeforeItsFirstTurn) {
  RawClient client;
  ASSERT_TRUE(client.Connect(path_));
  client.Send("early\n");
  EXPECT_EQ(ReadBytes(client, 6), "early\n");
}

TEST_F(ControlSocketTest, SendsNothingForALineWithoutAnAnswer) {
  RawClient& client = Connect();
  EXPECT_EQ(Ask(client, "quiet"), "");
  EXPECT_EQ(Ask(client, "next"), "next\n");
}

TEST_F(ControlSocketTest, WaitsForTheRestOfALineAndServesOthersMeanwhile) {
  RawClient& slow = Connect();
  RawClient& other = Connect();
  slow.Send("ha");
  Turn(3);
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_EQ(Ask(other, "other"), "other\n");
  EXPECT_EQ(Ask(slow, "lf"), "half\n");
}

TEST_F(ControlSocketTest, FindsTheSameLinesHoweverTheyAreCut) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto up_to = [&](size_t most) {
    return std::uniform_int_distribution<size_t>(0, most)(random);
  };
  // Given lines of all lengths, in one text.
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += std::string(up_to(up_to(1) == 0 ? 5 : 3000), static_cast<char>('a' + i % 26)) + "\n";
  }
  // When they arrive in random pieces, with turns in between.
  RawClient& client = Connect();
  std::string got;
  for (size_t at = 0; at < text.size();) {
    at += client.Send(text.substr(at, up_to(up_to(1) == 0 ? 10 : 5000)));
    Turn(static_cast<int>(up_to(2)));
    got += client.Receive();
  }
  got += ReadBytes(client, text.size() - got.size());
  // Then the echo is the text.
  EXPECT_EQ(got, text);
}

TEST_F(ControlSocketTest, TakesOneRequestOfEachClientPerTurn) {
  // Given a client with a thousand requests under way, and one that comes later with one.
  RawClient& chatty = Connect();
  RawClient& modest = Connect();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "chat\n";
  chatty.Send(many);
  Turn(2);
  const size_t before = asked_.size();
  // When the other one asks.
  modest.Send("please\n");
  Turn();
  // Then it has its answer, and the first got one answer in the same time.
  EXPECT_EQ(modest.Receive(), "please\n");
  EXPECT_EQ(asked_.size(), before + 2);
}

TEST_F(ControlSocketTest, KnowsWhoAsks) {
  RawClient& client = Connect();
  const ClientId id = IdOf(client);
  const std::optional<ControlPeer> peer = socket_->peer(id);
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, geteuid());
  client.Close();
  Turn(2);
  EXPECT_FALSE(socket_->peer(id).has_value());
}

// --- The end of a client.

TEST_F(ControlSocketTest, AnswersAClientThatHasNothingMoreToSay) {
  // As `printf ... | socat - UNIX:...` does. A last line without its end is no request.
  RawClient& client = Connect();
  client.Send("one\ntwo\nunfinished");
  client.ShutDown(SHUT_WR);
  EXPECT_EQ(ReadBytes(client, 100), "one\ntwo\n");
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(disconnected_.size(), 1U);
  EXPECT_EQ(socket_->clients(), 0U);
}

TEST_F(ControlSocketTest, GivesALongAnswerWholeToAClientThatHasNothingMoreToSay) {
  RawClient& client = Connect();
  client.Send("5000000\n");
  client.ShutDown(SHUT_WR);
  EXPECT_EQ(ReadBytes(client, 6000000).size(), 5000001U);
  EXPECT_TRUE(client.closed());
}

TEST_F(ControlSocketTest, PerformsWhatAClientAskedThatDoesNotWaitForAnswers) {
  RawClient& client = Connect();
  client.Send("one\n1000000\ntwo\nunfinished");
  client.Close();
  Turn(10);
  EXPECT_EQ(asked_.size(), 3U);
  EXPECT_EQ(disconnected_.size(), 1U);
  EXPECT_EQ(socket_->clients(), 0U);
}

TEST_F(ControlSocketTest, ForgetsAClientThatDisconnectsInTheMiddleOfALine) {
  RawClient& client = Connect();
  client.Send("half");
  Turn();
  EXPECT_EQ(socket_->received(), 4U);
  client.Close();
  Turn(2);
  EXPECT_EQ(socket_->clients(), 0U);
  EXPECT_EQ(socket_->received(), 0U);
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(ControlSocketTest, ForgetsAClientThatDisconnectsInTheMiddleOfAnAnswer) {
  RawClient& client = Connect();
  client.Send("5000000\n");
  Turn(2);
  EXPECT_GT(socket_->held(), 4000000U);
  EXPECT_EQ(client.Receive(1000).size(), 1000U);
  client.Close();
  Turn(2);
  EXPECT_EQ(socket_->clients(), 0U);
  EXPECT_EQ(socket_->held(), 0U);
  EXPECT_EQ(disconnected_.size(), 1U);
}

TEST_F(ControlSocketTest, ClosesAClientThatShutDownItsReading) {
  // It could write for ever, and an answer has nowhere to go.
  RawClient& client = Connect();
  client.Send("one\ntwo\n");
  client.ShutDown(SHUT_RD);
  Turn(10);
  EXPECT_EQ(asked_.size(), 2U);
  EXPECT_EQ(socket_->clients(), 0U);
}

TEST_F(ControlSocketTest, ClosesItsClientsAndRemovesItsFileAtTheEnd) {
  RawClient& client = Connect();
  socket_.reset();
  client.Receive();
  EXPECT_TRUE(client.closed());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

// --- Hostile input.

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
    Turn(10);  // the backlog is full
    ASSERT_TRUE(client.Connect(path_));
  }
  Turn(20);

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

// Lowers the number of descriptors that this process may open, as long as it lives. What is called
// meanwhile has to be called once before: UBSan opens a pipe when it meets a type for the first time.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit lowered{.rlim_cur = limit, .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

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

TEST_F(ControlSocketTest, PausesWhenItCannotEvenTurnAway) {
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

TEST_F(ControlSocketTest, PushesLinesToAClient) {
  RawClient& client = Connect();
  const ClientId id = IdOf(client);
  EXPECT_TRUE(socket_->Push(id, "first\n"));
  EXPECT_TRUE(socket_->Push(id, "second\n"));
  EXPECT_EQ(socket_->unsent(id), 13U);
  Turn();
  EXPECT_EQ(client.Receive(), "first\nsecond\n");
  EXPECT_EQ(socket_->unsent(id), 0U);
}

TEST_F(ControlSocketTest, SendsWhatIsPushedDuringATurnWithoutWaiting) {
  // Given a client that listens, and another whose request makes an event for it.
  RawClient& monitor = Connect();
  const ClientId id = IdOf(monitor);
  socket_->set_handler([&](ClientId, std::string_view) {
    EXPECT_TRUE(socket_->Push(id, "event\n"));
    return std::string("done\n");
  });
  RawClient& other = Connect();
  other.Send("act\n");
  Turn();
  EXPECT_EQ(monitor.Receive(), "event\n");
  EXPECT_EQ(other.Receive(), "done\n");
}

TEST_F(ControlSocketTest, NeverPutsAnEventIntoTheMiddleOfAnAnswer) {
  RawClient& client = Connect();
  const ClientId id = IdOf(client);
  client.Send("900000\n");
  Turn(2);
  ASSERT_GT(socket_->unsent(id), 0U);
  EXPECT_TRUE(socket_->Push(id, "event\n"));
  EXPECT_EQ(ReadBytes(client, 900007), std::string(900000, 'x') + "\nevent\n");
}

TEST_F(ControlSocketTest, RefusesEventsForAClientThatDoesNotReadUntilItDoes) {
  RawClient& client = Connect();
  const ClientId id = IdOf(client);
  const std::string event = std::string(999, 'e') + "\n";
  size_t pushed = 0;
  while (socket_->Push(id, event)) {
    ++pushed;
    ASSERT_LE(socket_->unsent(id), ControlSocket::kEventsLimit + event.size());
    Turn();
  }
  EXPECT_LE(socket_->held(), 2 * ControlSocket::kEventsLimit);
  Turn(3);
  EXPECT_THAT(drained_, IsEmpty());
  // When it reads all there is.
  EXPECT_EQ(ReadBytes(client, pushed * event.size()).size(), pushed * event.size());
  Turn();
  // Then it is told once that there is room, and there is.
  EXPECT_THAT(drained_, ElementsAre(id));
  EXPECT_TRUE(socket_->Push(id, "more\n"));
  EXPECT_EQ(ReadBytes(client, 5), "more\n");
}

TEST_F(ControlSocketTest, SendsWhatIsPushedWhenItTellsThatThereIsRoom) {
  RawClient& client = Connect();
  const ClientId id = IdOf(client);
  socket_->set_on_drained([&](ClientId drained) { EXPECT_TRUE(socket_->Push(drained, "END\n")); });
  const std::string event = std::string(999, 'e') + "\n";
  while (socket_->Push(id, event)) Turn();
  EXPECT_THAT(ReadBytes(client, 100 * kMiB), EndsWith("END\n"));
}

TEST_F(ControlSocketTest, RefusesEventsForAClientThatIsGone) {
  RawClient& client = Connect();
  const ClientId id = IdOf(client);
  client.Close();
  Turn(2);
  EXPECT_FALSE(socket_->Push(id, "event\n"));
  EXPECT_FALSE(socket_->Push(ClientId{12345}, "event\n"));
  EXPECT_EQ(socket_->unsent(id), 0U);
  EXPECT_THAT(disconnected_, ElementsAre(id));
  EXPECT_THAT(drained_, IsEmpty());
}

TEST_F(ControlSocketTest, AnswersAMonitorForWhichEventsWait) {
  RawClient& client = Connect();
  const ClientId id = IdOf(client);
  while (socket_->unsent(id) == 0) {  // what the kernel takes
    ASSERT_TRUE(socket_->Push(id, std::string(9999, 'e') + "\n"));
    Turn();
  }
  const size_t before = asked_.size();
  client.Send("stop\n");
  Turn(2);
  EXPECT_EQ(asked_.size(), before + 1);
}

TEST_F(ControlSocketTest, RefusesEventsWhenThereIsNoRoom) {
  const ClientId id = IdOf(Connect());
  UseUpTheRoom();
  EXPECT_FALSE(socket_->Push(id, "event\n"));
  EXPECT_THAT(drained_, IsEmpty());
  clock_.Advance(ControlSocket::kMaxStall);
  Turn();
  EXPECT_THAT(drained_, ElementsAre(id));
}

// --- Waiting.

TEST_F(ControlSocketTest, CallsBackForEachDescriptorItWatches) {
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  int called = 0;
  ASSERT_TRUE(socket_->Watch(event.get(), [&] { ++called; }).ok());
  Turn();
  EXPECT_EQ(called, 0);
  ASSERT_EQ(eventfd_write(event.get(), 1), 0);
  socket_->Turn(std::nullopt);
  Turn();
  EXPECT_EQ(called, 2) << "as long as it can be read";
  eventfd_t count = 0;
  ASSERT_EQ(eventfd_read(event.get(), &count), 0);
  Turn();
  EXPECT_EQ(called, 2);
  EXPECT_FALSE(socket_->Watch(-1, [] {}).ok());
}

TEST_F(ControlSocketTest, WakesForAnotherThread) {
  std::thread other([&] { socket_->Wake(); });
  socket_->Turn(std::nullopt);
  other.join();
  // A wake before the turn counts too, once.
  socket_->Wake();
  socket_->Turn(std::nullopt);
  EXPECT_TRUE(Rests());
}

TEST_F(ControlSocketTest, RestsWhenNobodyWantsAnything) {
  EXPECT_TRUE(Rests());
  Connect();
  Connect().Send("half a line");
  RawClient& served = Connect();
  EXPECT_EQ(Ask(served, "one"), "one\n");
  Turn(2);
  EXPECT_TRUE(Rests());
}

TEST_F(ControlSocketTest, RestsWhileClientsDoNotRead) {
  RawClient& client = Connect();
  client.Send("3000000\n3000000\n");
  Connect().Send("3000000\n");
  clients_.back().ShutDown(SHUT_WR);
  Turn(5);
  EXPECT_TRUE(Rests());
}

TEST_F(ControlSocketTest, RestsWhileThereIsNoRoom) {
  // Given requests that wait for room, whole and half, and clients that hung up or have nothing more
  // to say while they wait.
  UseUpTheRoom(/*waiting=*/4);
  clients_[clients_.size() - 1].Close();
  clients_[clients_.size() - 2].ShutDown(SHUT_WR);
  clients_[clients_.size() - 3].ShutDown(SHUT_RD);
  Turn(5);
  EXPECT_TRUE(Rests());
}

TEST_F(ControlSocketTest, RestsWhileItCannotAcceptAnybody) {
  EXPECT_TRUE(Rests());
  RawClient client;
  ASSERT_TRUE(client.Connect(path_));
  const DescriptorLimit limit(0);
  Turn();
  EXPECT_TRUE(Rests());
}

TEST_F(ControlSocketTest, RefusesToListenWhereAnotherDoes) {
  const auto second = ControlSocket::Listen({.path = path_, .group = {}}, clock_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), StartsWith("control socket: a bridge"));
}

}  // namespace
}  // namespace tapswitch
