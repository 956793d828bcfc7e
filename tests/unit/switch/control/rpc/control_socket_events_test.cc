// What the control socket sends unasked.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/control_socket_fixture.h"

namespace tapswitch::control_socket_events_test {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;

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
  socket_->set_on_writable([&](ClientId drained) { EXPECT_TRUE(socket_->Push(drained, "END\n")); });
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

}  // namespace
}  // namespace tapswitch::control_socket_events_test
