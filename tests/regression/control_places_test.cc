// The control socket has places and room for root whatever members of the control group do. Before,
// 256 idle connections of one of them, or answers that it did not read, kept root's tapctl out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/control_socket_fixture.h"

namespace tapswitch::control_places_test {
namespace {

using ::testing::HasSubstr;

// Users are told apart by what the kernel says of them, whom the test becomes while it connects.
class ControlPlacesTest : public ControlSocketTest {
 protected:
  void SetUp() override {
    ControlSocketTest::SetUp();
    socket_->set_is_trusted([this](const ControlPeer&) { return trusts_; });
    socket_->set_is_waiting([this](ClientId client) { return client == monitor_; });
  }

  RawClient& ConnectTrusted() {
    trusts_ = true;
    RawClient& client = Connect();
    trusts_ = false;
    return client;
  }
  RawClient& ConnectAs(uid_t user) {
    EXPECT_EQ(chmod(directory_.Path("").c_str(), 0755), 0);
    EXPECT_EQ(chmod(path_.c_str(), 0666), 0);
    EXPECT_EQ(seteuid(user), 0);
    RawClient& client = clients_.emplace_back();
    EXPECT_TRUE(client.Connect(path_));
    EXPECT_EQ(seteuid(0), 0);
    clock_.Advance(Ticks{1});
    Turn();
    return client;
  }
  // Members of four users take all places that there are for such.
  void FillPlacesOfOthers() {
    for (size_t i = 0; i < ControlSocket::kMaxClients - ControlSocket::kTrustedPlaces; ++i) {
      ConnectAs(static_cast<uid_t>(60001 + i / ControlSocket::kMaxOfUser));
    }
  }
  size_t Closed() {
    size_t closed = 0;
    for (RawClient& client : clients_) {
      client.Receive();
      if (client.closed()) ++closed;
    }
    return closed;
  }

  bool trusts_ = false;
  ClientId monitor_;
};

TEST_F(ControlPlacesTest, OneUserHasSoManyPlacesAndNoMore) {
  for (size_t i = 0; i < ControlSocket::kMaxOfUser; ++i) Connect();
  EXPECT_EQ(socket_->clients(), ControlSocket::kMaxOfUser);
  RawClient& refused = Connect();
  EXPECT_THAT(refused.Receive(), HasSubstr("64 clients of user"));
  EXPECT_TRUE(refused.closed());
  EXPECT_EQ(Ask(clients_.front(), "still here"), "still here\n");
  EXPECT_EQ(Ask(ConnectTrusted(), "root"), "root\n");
}

TEST_F(ControlPlacesTest, RootHasAPlaceWhateverOthersDo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become others";
  FillPlacesOfOthers();
  for (size_t i = 0; i < 2 * ControlSocket::kTrustedPlaces; ++i) {
    EXPECT_EQ(Ask(ConnectTrusted(), "root"), "root\n");
  }
  EXPECT_EQ(socket_->clients(), ControlSocket::kMaxClients);
  EXPECT_EQ(Closed(), ControlSocket::kTrustedPlaces) << "others had to make room";
  EXPECT_TRUE(clients_.front().closed()) << "those who were idle longest";
}

TEST_F(ControlPlacesTest, WhoIsIdleLongestMakesRoomForAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become others";
  FillPlacesOfOthers();
  monitor_ = IdOf(clients_.front());
  EXPECT_EQ(Ask(clients_[1], "at work"), "at work\n");
  RawClient& late = ConnectAs(61000);
  EXPECT_EQ(Ask(late, "late"), "late\n");
  EXPECT_EQ(Closed(), 1U);
  EXPECT_FALSE(clients_[0].closed()) << "it watches";
  EXPECT_FALSE(clients_[1].closed()) << "it was served since";
  EXPECT_TRUE(clients_[2].closed());
  EXPECT_EQ(disconnected_.size(), 1U);
}

TEST_F(ControlPlacesTest, NobodyWhoIsAtSomethingHasToMakeRoom) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become others";
  FillPlacesOfOthers();
  for (RawClient& client : clients_) client.Send("half a line");
  Turn(4);
  RawClient& late = ConnectAs(61000);
  EXPECT_THAT(late.Receive(), HasSubstr("224 clients are connected already"));
  EXPECT_EQ(Closed(), 1U);
  EXPECT_EQ(Ask(ConnectTrusted(), "root"), "root\n");
}

TEST_F(ControlPlacesTest, RootHasRoomForAnswersWhateverOthersDoNotRead) {
  constexpr size_t kReply = 2 * kMiB;
  for (size_t i = 0; i < ControlSocket::kMaxHeldForOthers / kReply + 1; ++i) {
    Connect().Send(fmt::format("{}\n", kReply));
    Turn(2);
  }
  EXPECT_EQ(Ask(Connect(), "member"), "") << "there is no room for them";
  RawClient& root = ConnectTrusted();
  EXPECT_EQ(Ask(root, "root"), "root\n");
  root.Send(fmt::format("{}\n", kReply));
  EXPECT_EQ(ReadBytes(root, kReply + 1).size(), kReply + 1);
  // Those who do not read are closed, and then others are served.
  clock_.Advance(ControlSocket::kMaxStall);
  Turn(3);
  EXPECT_EQ(Ask(Connect(), "another"), "another\n");
}

}  // namespace
}  // namespace tapswitch::control_places_test
