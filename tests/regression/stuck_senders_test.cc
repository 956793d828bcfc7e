// What a port on a socket keeps for its peer is sent once it can be, although nothing tells when.
//
// What failed: with ENOBUFS in the middle of its queue a stream port, and without a descriptor to
// wait by a datagram port, waited for news that did not come.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ports/socket/dgram_port.h"
#include "ports/socket/stream_port.h"
#include "tests/support/descriptor_limit.h"
#include "tests/support/frame_builder.h"
#include "tests/support/lone_port.h"
#include "tests/support/socket_peer.h"
#include "tests/support/temporary_directory.h"

namespace {
bool no_memory_to_send = false;
}  // namespace

// In place of the C library's.
extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (no_memory_to_send) {
    errno = ENOBUFS;
    return -1;
  }
  return syscall(SYS_sendmsg, fd, message, flags);
}

namespace tapswitch::stuck_senders_test {
namespace {

using Bytes = std::vector<std::byte>;

Bytes Frame(size_t number) {
  return FrameBuilder(MacAddress::FromNumber(0x02000000000B),
                      MacAddress::FromNumber(0x02000000000A))
      .Type(EtherType::kIpv4)
      .Text(std::to_string(number))
      .Pad(1500)
      .Build();
}

class StuckSendersTest : public testing::Test {
 protected:
  // Until some of them wait. Returns how many there are.
  size_t SendUntilSomeWait() {
    size_t count = 0;
    while (count < 400) {
      Bytes wire(kVirtioNetHeaderSize);
      const Bytes frame = Frame(count++);
      wire.insert(wire.end(), frame.begin(), frame.end());
      const Piece piece{.data = wire.data(), .size = wire.size()};
      const WireFrame one{.pieces = {&piece, 1}, .size = frame.size()};
      lone_.lane().SendBy(lone_.port(), {&one, 1});
    }
    return lone_.counters().sent.frames;
  }

  TemporaryDirectory directory_;
  LonePort lone_;
};

TEST_F(StuckSendersTest, AStreamPortGoesOnAfterThereWasNoMemory) {
  auto listener = UnixListener::Bind({.what = "port 'vm1'", .path = directory_.Path("vm1")});
  ASSERT_TRUE(listener.ok()) << listener.status();
  lone_.Add(std::make_unique<StreamPort>(
      lone_.identity(), std::make_shared<UnixListener>(*std::move(listener)), 1500));
  StreamPeer peer(directory_.Path("vm1"));
  lone_.ring().BecomeReadable(lone_.ring().watched().at(0).fd);
  lone_.Turn();
  ASSERT_TRUE(lone_.port().status().link_up);
  const size_t sent = SendUntilSomeWait();
  ASSERT_TRUE(lone_.ring().watched().at(0).writability) << "so some of them wait";

  size_t received = 0;
  const auto receive_what_is_there = [&] {
    while (const auto frame = peer.Receive(std::chrono::milliseconds(0))) {
      ASSERT_EQ(*frame, Frame(received++));
    }
  };
  receive_what_is_there();
  ASSERT_LT(received, sent);
  no_memory_to_send = true;
  lone_.ring().BecomeWritable(lone_.ring().watched().at(0).fd);
  lone_.Turn();
  no_memory_to_send = false;
  const size_t before = received;
  lone_.Turn(10);
  receive_what_is_there();
  EXPECT_GT(received, before) << "without news of room";
  // The rest may be more than the socket takes at once; of that there is news.
  for (int i = 0; i < 10 && received < sent; ++i) {
    lone_.ring().BecomeWritable(lone_.ring().watched().at(0).fd);
    lone_.Turn();
    receive_what_is_there();
  }
  EXPECT_EQ(received, sent);
}

TEST_F(StuckSendersTest, ADatagramPortGoesOnWithoutADescriptorToWaitBy) {
  auto socket = UnixListener::Bind(
      {.what = "port 'vm1'", .path = directory_.Path("vm1"), .type = SOCK_DGRAM});
  ASSERT_TRUE(socket.ok()) << socket.status();
  lone_.Add(std::make_unique<DgramPort>(lone_.identity(), *std::move(socket),
                                        directory_.Path("peer"), 1500));
  const DgramPeer peer(directory_.Path("peer"));
  size_t sent = 0;
  {
    const DescriptorLimit none(3);
    sent = SendUntilSomeWait();
  }
  ASSERT_EQ(lone_.ring().watched().size(), 1U) << "there was none";
  size_t received = 0;
  for (size_t turns = 0; received < sent && turns < sent; ++turns) {
    while (const auto frame = peer.Receive(std::chrono::milliseconds(0))) {
      ASSERT_EQ(*frame, Frame(received++));
    }
    lone_.Turn(10);
  }
  EXPECT_EQ(received, sent);
}

// Whoever has the path after another is not the one that the port was told to wait for.
TEST_F(StuckSendersTest, ADatagramPortGoesOnWithWhoHasThePathNow) {
  auto socket = UnixListener::Bind(
      {.what = "port 'vm1'", .path = directory_.Path("vm1"), .type = SOCK_DGRAM});
  ASSERT_TRUE(socket.ok()) << socket.status();
  lone_.Add(std::make_unique<DgramPort>(lone_.identity(), *std::move(socket),
                                        directory_.Path("peer"), 1500));
  auto first = std::make_unique<DgramPeer>(directory_.Path("peer"));
  const size_t sent = SendUntilSomeWait();
  unlink(directory_.Path("peer").c_str());
  const DgramPeer second(directory_.Path("peer"));
  lone_.Turn(10);
  EXPECT_TRUE(second.Receive(std::chrono::milliseconds(0)));
  EXPECT_GT(sent, 0U);
}

}  // namespace
}  // namespace tapswitch::stuck_senders_test
