// Lines of clients and answers to them, from the first connection to the last.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/control_socket_fixture.h"
#include "tests/support/descriptor_limit.h"

namespace tapswitch::control_socket_test {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;

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

// A request that waits behind others need not be answered when its turn comes.
TEST_F(ControlSocketTest, KnowsWithoutATurnThatAClientHasHungUp) {
  RawClient& stays = Connect();
  RawClient& says_no_more = Connect();
  RawClient& leaves = Connect();
  const ClientId staying = IdOf(stays);
  const ClientId listening = IdOf(says_no_more);
  const ClientId leaving = IdOf(leaves);
  says_no_more.ShutDown(SHUT_WR);
  leaves.Close();
  EXPECT_FALSE(socket_->HasHungUp(staying));
  EXPECT_FALSE(socket_->HasHungUp(listening)) << "it still reads";
  EXPECT_TRUE(socket_->HasHungUp(leaving));
  Turn(2);
  EXPECT_TRUE(socket_->HasHungUp(leaving)) << "it is gone";
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
  // Given requests that wait for room, whole and half, and clients that hung up or have nothing
  // more to say while they wait.
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
}  // namespace tapswitch::control_socket_test
