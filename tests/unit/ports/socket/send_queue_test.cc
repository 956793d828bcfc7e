#include "ports/socket/send_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch::send_queue_test {
namespace {

using Bytes = std::vector<std::byte>;

class SendQueueTest : public testing::Test {
 protected:
  // A frame in two pieces, behind a virtio-net header.
  bool Append(const Bytes& frame, size_t done = 0) {
    Bytes wire(kVirtioNetHeaderSize, std::byte{0xEE});
    wire.insert(wire.end(), frame.begin(), frame.end());
    const size_t first = kVirtioNetHeaderSize + frame.size() / 2;
    const std::array<Piece, 2> pieces{
        {{wire.data(), first}, {wire.data() + first, wire.size() - first}}};
    return queue_.Append({.pieces = pieces, .size = frame.size()}, done);
  }

  static Bytes Gather(const std::array<iovec, 2>& pieces) {
    Bytes bytes;
    for (const iovec& piece : pieces) {
      const auto* const data = static_cast<const std::byte*>(piece.iov_base);
      bytes.insert(bytes.end(), data, data + piece.iov_len);
    }
    return bytes;
  }

  static Bytes Stream(const Bytes& frame) {
    const auto prefix = StreamPrefix(frame.size());
    Bytes stream(prefix.begin(), prefix.end());
    stream.insert(stream.end(), frame.begin(), frame.end());
    return stream;
  }

  Bytes memory_ = Bytes(SendQueue::kMaxBytes);
  SendQueue queue_{memory_};
};

TEST_F(SendQueueTest, IsEmptyAtFirst) { EXPECT_TRUE(queue_.empty()); }

TEST_F(SendQueueTest, KeepsFramesBehindTheirPrefixesWithoutVirtioNetHeaders) {
  const Bytes frame(60, std::byte{7});
  ASSERT_TRUE(Append(frame));
  EXPECT_EQ(Gather(queue_.AllBytes()), Stream(frame));
  EXPECT_EQ(Gather(queue_.FirstFrame()), frame);
}

TEST_F(SendQueueTest, KeepsTheRestOfAFrameWhereverItWasCut) {
  Bytes frame(61);
  for (size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::byte>(i);
  const Bytes stream = Stream(frame);
  for (size_t done = 0; done < stream.size(); ++done) {
    ASSERT_TRUE(Append(frame, done));
    EXPECT_EQ(Gather(queue_.AllBytes()), Bytes(stream.begin() + done, stream.end())) << done;
    EXPECT_EQ(queue_.PopFrame(), frame.size());
  }
}

TEST_F(SendQueueTest, TakesNoMoreBytesThanItHasRoomFor) {
  const Bytes frame(60'000);
  size_t taken = 0;
  while (Append(frame)) ++taken;
  EXPECT_EQ(taken, SendQueue::kMaxBytes / (frame.size() + kStreamPrefixSize));
  EXPECT_FALSE(Append(Bytes(30'000)));
  EXPECT_TRUE(Append(Bytes(60))) << "a smaller one still fits";
  queue_.Sent(frame.size() + kStreamPrefixSize);
  EXPECT_TRUE(Append(Bytes(59'000)));
}

TEST_F(SendQueueTest, TakesNoMoreFramesThanItHasRoomFor) {
  for (size_t i = 0; i < SendQueue::kMaxFrames; ++i) ASSERT_TRUE(Append(Bytes(14)));
  EXPECT_FALSE(Append(Bytes(14)));
  queue_.Sent(14 + kStreamPrefixSize - 1);
  EXPECT_FALSE(Append(Bytes(14))) << "the first one is not yet out";
  queue_.Sent(1);
  EXPECT_TRUE(Append(Bytes(14)));
}

TEST_F(SendQueueTest, AgreesWithAPlainQueue) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::deque<std::byte> expected;
  for (int i = 0; i < 3000; ++i) {
    if (random() % 2 == 0) {
      Bytes frame(random() % 4000);
      for (std::byte& byte : frame) byte = static_cast<std::byte>(random());
      if (!Append(frame)) continue;
      const Bytes stream = Stream(frame);
      expected.insert(expected.end(), stream.begin(), stream.end());
    } else if (!expected.empty()) {
      const size_t sent = random() % std::min<size_t>(expected.size() + 1, 9000);
      queue_.Sent(sent);
      expected.erase(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(sent));
    }
    ASSERT_EQ(Gather(queue_.AllBytes()), Bytes(expected.begin(), expected.end()));
  }
}

}  // namespace
}  // namespace tapswitch::send_queue_test
