#include "ports/socket/stream_framer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace tapswitch::stream_framer_test {
namespace {

using Bytes = std::vector<std::byte>;

Bytes Pattern(size_t size, uint8_t seed) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(seed + i);
  return bytes;
}

void AppendWire(const Bytes& frame, Bytes& stream) {
  const auto prefix = StreamPrefix(frame.size());
  stream.insert(stream.end(), prefix.begin(), prefix.end());
  stream.insert(stream.end(), frame.begin(), frame.end());
}

class StreamFramerTest : public testing::Test {
 protected:
  // Feeds bytes as far as there is room; returns how many.
  size_t Feed(std::span<const std::byte> bytes) {
    const auto room = framer_.Room();
    const size_t size = std::min(room.size(), bytes.size());
    if (size > 0) std::memcpy(room.data(), bytes.data(), size);
    framer_.Add(size);
    return size;
  }
  void TakeAll(std::vector<Bytes>& frames) {
    while (const auto frame = framer_.Next()) frames.emplace_back(frame->begin(), frame->end());
  }

  Bytes memory_ = Bytes(kStreamPrefixSize + kMaxSocketFrame);
  StreamFramer framer_{memory_};
};

TEST_F(StreamFramerTest, APrefixIsTheLengthInNetworkByteOrder) {
  const auto prefix = StreamPrefix(0x01020304);
  for (size_t i = 0; i < prefix.size(); ++i) EXPECT_EQ(std::to_integer<size_t>(prefix[i]), i + 1);
}

TEST_F(StreamFramerTest, FindsFramesWhereverTheStreamIsCut) {
  const std::vector<Bytes> frames{Pattern(60, 1), Pattern(0, 2), Pattern(14, 3), Pattern(61, 4)};
  Bytes stream;
  for (const Bytes& frame : frames) AppendWire(frame, stream);
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    SCOPED_TRACE(cut);
    std::vector<Bytes> found;
    ASSERT_EQ(Feed(std::span(stream).first(cut)), cut);
    TakeAll(found);
    ASSERT_EQ(Feed(std::span(stream).subspan(cut)), stream.size() - cut);
    TakeAll(found);
    EXPECT_EQ(found, frames);
    EXPECT_TRUE(framer_.between_frames());
  }
}

TEST_F(StreamFramerTest, FindsFramesThatComeByteByByte) {
  const std::vector<Bytes> frames{Pattern(60, 1), Pattern(1, 2), Pattern(100, 3)};
  Bytes stream;
  for (const Bytes& frame : frames) AppendWire(frame, stream);
  std::vector<Bytes> found;
  for (const std::byte byte : stream) {
    Feed(std::span(&byte, 1));
    TakeAll(found);
  }
  EXPECT_EQ(found, frames);
}

TEST_F(StreamFramerTest, TakesTheLongestFrame) {
  Bytes stream;
  AppendWire(Pattern(kMaxSocketFrame, 5), stream);
  ASSERT_EQ(Feed(stream), stream.size());
  const auto frame = framer_.Next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->size(), kMaxSocketFrame);
}

TEST_F(StreamFramerTest, IsOutOfStepForGoodAfterALengthThatNoFrameHas) {
  for (const size_t length : {kMaxSocketFrame + 1, size_t{0xFFFFFFFF}}) {
    Bytes stream;
    AppendWire(Pattern(60, 1), stream);
    const auto prefix = StreamPrefix(length);
    stream.insert(stream.end(), prefix.begin(), prefix.end());
    AppendWire(Pattern(60, 2), stream);
    Feed(stream);
    EXPECT_TRUE(framer_.Next()) << "what came before is good";
    EXPECT_FALSE(framer_.Next());
    EXPECT_EQ(framer_.bad_length(), length);
    EXPECT_FALSE(framer_.Next());

    framer_.Reset();
    EXPECT_FALSE(framer_.bad_length());
    EXPECT_TRUE(framer_.between_frames());
  }
}

TEST_F(StreamFramerTest, KnowsThatAFrameIsCutOff) {
  Bytes stream;
  AppendWire(Pattern(60, 1), stream);
  stream.pop_back();
  Feed(stream);
  EXPECT_FALSE(framer_.Next());
  EXPECT_FALSE(framer_.between_frames());
}

TEST_F(StreamFramerTest, FindsWhatRandomReadsBring) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<Bytes> frames;
  Bytes stream;
  for (int i = 0; i < 300; ++i) {
    const size_t size = random() % 8 == 0 ? random() % kMaxSocketFrame : random() % 1600;
    AppendWire(frames.emplace_back(Pattern(size, static_cast<uint8_t>(random()))), stream);
  }
  std::vector<Bytes> found;
  for (size_t at = 0; at < stream.size();) {
    const size_t size = std::min<size_t>(random() % 9000, stream.size() - at);
    const size_t taken = Feed(std::span(stream).subspan(at, size));
    at += taken;
    TakeAll(found);
    ASSERT_FALSE(framer_.Room().empty());
  }
  EXPECT_TRUE(found == frames);
}

}  // namespace
}  // namespace tapswitch::stream_framer_test
