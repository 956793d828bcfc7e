#include "ports/link/frame_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch::frame_queue_test {
namespace {

using Bytes = std::vector<std::byte>;

// A header and a frame of so many bytes, all of the same value.
Bytes Message(size_t size, int value) {
  Bytes message(kVirtioNetHeaderSize + size, static_cast<std::byte>(value));
  return message;
}

bool Append(FrameQueue& queue, const Bytes& message) {
  const size_t half = message.size() / 2;
  const std::array<Piece, 2> pieces{
      {{message.data(), half}, {message.data() + half, message.size() - half}}};
  return queue.Append({.pieces = pieces, .size = message.size() - kVirtioNetHeaderSize});
}

Bytes First(const FrameQueue& queue) { return {queue.at(0).begin(), queue.at(0).end()}; }

TEST(FrameQueueTest, KeepsFramesWithTheirHeadersInOrder) {
  Bytes memory(FrameQueue::kMaxBytes);
  FrameQueue queue(memory);
  EXPECT_TRUE(queue.empty());
  ASSERT_TRUE(Append(queue, Message(60, 1)));
  ASSERT_TRUE(Append(queue, Message(1514, 2)));
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(First(queue), Message(60, 1));
  queue.Pop();
  EXPECT_EQ(First(queue), Message(1514, 2));
  queue.Pop();
  EXPECT_TRUE(queue.empty());
}

TEST(FrameQueueTest, HoldsAFixedNumberOfFramesAndOfBytes) {
  Bytes memory(FrameQueue::kMaxBytes);
  FrameQueue queue(memory);
  for (size_t i = 0; i < FrameQueue::kMaxFrames; ++i) ASSERT_TRUE(Append(queue, Message(14, 0)));
  EXPECT_FALSE(Append(queue, Message(14, 0)));
  while (!queue.empty()) queue.Pop();
  size_t taken = 0;
  while (Append(queue, Message(65535, 0))) ++taken;
  EXPECT_EQ(taken, FrameQueue::kMaxBytes / Message(65535, 0).size());
}

// Sizes at random, so that the end of the memory is met in every way.
TEST(FrameQueueTest, ReturnsWhatItTookWhateverTheSizes) {
  std::mt19937 random(5);
  Bytes memory(FrameQueue::kMaxBytes);
  FrameQueue queue(memory);
  std::deque<Bytes> expected;
  size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0 && !expected.empty()) {
      ASSERT_EQ(First(queue), expected.front()) << i;
      queue.Pop();
      expected.pop_front();
      continue;
    }
    const Bytes message = Message(14 + random() % 65'000, i);
    if (Append(queue, message)) {
      expected.push_back(message);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0U) << "it was full at times";
  EXPECT_EQ(queue.size(), expected.size());
}

TEST(FrameQueueTest, AnotherQueueGoesOnWithItsFrames) {
  Bytes memory(FrameQueue::kMaxBytes);
  FrameQueue queue(memory);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Append(queue, Message(60 + static_cast<size_t>(i), i)));
  Bytes other_memory(FrameQueue::kMaxBytes);
  FrameQueue other(other_memory);
  ASSERT_TRUE(other.Restore(queue.Save()));
  for (int i = 0; i < 5; ++i, other.Pop()) {
    EXPECT_EQ(First(other), Message(60 + static_cast<size_t>(i), i));
  }
}

TEST(FrameQueueTest, RefusesATextThatMakesNoSense) {
  Bytes memory(FrameQueue::kMaxBytes);
  FrameQueue queue(memory);
  ASSERT_TRUE(Append(queue, Message(60, 1)));
  Bytes cut = queue.Save();
  cut.pop_back();
  Bytes other_memory(FrameQueue::kMaxBytes);
  for (const Bytes& bad : {cut, Bytes(3), Bytes(4), Bytes(8, std::byte{0xFF})}) {
    FrameQueue other(other_memory);
    EXPECT_FALSE(other.Restore(bad));
    EXPECT_TRUE(other.empty());
  }
}

}  // namespace
}  // namespace tapswitch::frame_queue_test
