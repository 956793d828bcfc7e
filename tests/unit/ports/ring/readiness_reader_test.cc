#include "ports/ring/readiness_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "ports/os/file_descriptor.h"

namespace tapswitch::readiness_reader_test {
namespace {

constexpr size_t kBufferSize = 64;

// A file that is read, and its far side.
struct Source {
  explicit Source(BufferId buffers)
      : memory(buffers * kBufferSize), pool(memory, buffers, kBufferSize, kBufferSize) {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()), 0);
    near = FileDescriptor(ends[0]);
    far = FileDescriptor(ends[1]);
  }

  void Arrive(int frames) const {
    for (int i = 0; i < frames; ++i) ASSERT_EQ(send(far.get(), "frame", 5, 0), 5);
  }

  std::vector<std::byte> memory;
  BufferPool pool;
  FileDescriptor near;
  FileDescriptor far;
};

class ReadinessReaderTest : public testing::Test {
 protected:
  static Tag TagOf(FileSlot file) {
    return {.operation = Operation::kRead, .port = {static_cast<uint16_t>(file.value)}};
  }

  void Start(FileSlot file) { reader_.Start(file, TagOf(file)); }

  std::vector<Completion> Read(size_t room = kMaxReap) {
    std::vector<Completion> completions(room);
    completions.resize(reader_.Read(completions));
    return completions;
  }

  // Which files `completions` are of, in order.
  static std::vector<int> Ports(const std::vector<Completion>& completions) {
    std::vector<int> ports;
    for (const Completion& completion : completions) ports.push_back(completion.tag.port.value);
    return ports;
  }

  const FileSlot a_{0};
  const FileSlot b_{1};
  ReadinessReader reader_{2};
};

TEST_F(ReadinessReaderTest, HasNothingToDoUntilAReadIsStarted) {
  Source source(4);
  source.Arrive(1);
  reader_.Add(a_, source.near.get(), source.pool);
  reader_.MarkReadable(a_);
  EXPECT_FALSE(reader_.pending());
  EXPECT_TRUE(Read().empty());
  Start(a_);
  EXPECT_TRUE(reader_.pending());
  EXPECT_EQ(Read().size(), 1U);
}

TEST_F(ReadinessReaderTest, ReadsUntilThereIsNothingLeftAndThenWaitsToBeTold) {
  Source source(8);
  reader_.Add(a_, source.near.get(), source.pool);
  Start(a_);
  EXPECT_TRUE(Read().empty());
  EXPECT_FALSE(reader_.pending());

  source.Arrive(3);
  EXPECT_TRUE(Read().empty()) << "it was not told";
  reader_.MarkReadable(a_);
  const std::vector<Completion> completions = Read();
  ASSERT_EQ(completions.size(), 3U);
  for (const Completion& completion : completions) {
    EXPECT_EQ(completion.result, 5);
    EXPECT_TRUE(completion.more);
  }
  EXPECT_FALSE(reader_.pending());
}

TEST_F(ReadinessReaderTest, IsStillReadableAfterItRanOutOfBuffers) {
  Source source(2);
  reader_.Add(a_, source.near.get(), source.pool);
  source.Arrive(3);
  Start(a_);
  const std::vector<Completion> first = Read();
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[2].result, -ENOBUFS);
  EXPECT_FALSE(first[2].more);
  EXPECT_FALSE(reader_.pending());

  reader_.Return(a_, std::array{*first[0].buffer, *first[1].buffer});
  Start(a_);
  const std::vector<Completion> second = Read();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].result, 5);
}

TEST_F(ReadinessReaderTest, GoesOnWhereTheRoomForCompletionsEnded) {
  Source source(8);
  reader_.Add(a_, source.near.get(), source.pool);
  source.Arrive(5);
  Start(a_);
  EXPECT_EQ(Read(3).size(), 3U);
  EXPECT_TRUE(reader_.pending()) << "or the ring would sleep on two frames";
  EXPECT_EQ(Read(3).size(), 2U);
  EXPECT_FALSE(reader_.pending());
}

TEST_F(ReadinessReaderTest, AFileThatFillsTheRoomLetsOthersGoFirstNextTime) {
  Source busy(16);
  Source other(16);
  reader_.Add(a_, busy.near.get(), busy.pool);
  reader_.Add(b_, other.near.get(), other.pool);
  busy.Arrive(6);
  other.Arrive(2);
  Start(a_);
  Start(b_);
  EXPECT_EQ(Ports(Read(4)), (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(Ports(Read(4)), (std::vector<int>{1, 1, 0, 0}));
}

TEST_F(ReadinessReaderTest, AStoppedReadCompletesOnceMoreAheadOfWhatWaits) {
  Source source(4);
  reader_.Add(a_, source.near.get(), source.pool);
  Start(a_);
  EXPECT_TRUE(Read().empty());
  source.Arrive(1);
  reader_.Stop(a_);
  EXPECT_TRUE(reader_.pending());
  const std::vector<Completion> completions = Read();
  ASSERT_EQ(completions.size(), 1U);
  EXPECT_EQ(completions[0].result, -ECANCELED);
  EXPECT_FALSE(completions[0].more);
  EXPECT_FALSE(completions[0].buffer.has_value());
}

TEST_F(ReadinessReaderTest, StoppingAReadThatEndedAddsNothing) {
  Source source(1);
  reader_.Add(a_, source.near.get(), source.pool);
  source.Arrive(2);
  Start(a_);
  EXPECT_EQ(Read().back().result, -ENOBUFS);
  reader_.Stop(a_);
  EXPECT_FALSE(reader_.pending());
  EXPECT_TRUE(Read().empty());
}

TEST_F(ReadinessReaderTest, TheEndOfTheFileEndsTheRead) {
  Source source(4);
  reader_.Add(a_, source.near.get(), source.pool);
  source.far = FileDescriptor();
  Start(a_);
  const std::vector<Completion> completions = Read();
  ASSERT_EQ(completions.size(), 1U);
  EXPECT_EQ(completions[0].result, 0);
  EXPECT_FALSE(completions[0].more);
  EXPECT_FALSE(completions[0].buffer.has_value());
}

TEST_F(ReadinessReaderTest, AnErrorEndsTheReadAndItsBufferServesTheNext) {
  Source source(1);
  reader_.Add(a_, source.near.get(), source.pool);
  ASSERT_EQ(send(source.near.get(), "unread", 6, 0), 6);
  source.far = FileDescriptor();  // with a message unread: ECONNRESET
  Start(a_);
  const std::vector<Completion> first = Read();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].result, -ECONNRESET);
  EXPECT_FALSE(first[0].more);
  Start(a_);
  EXPECT_EQ(Read().back().result, 0) << "not -ENOBUFS: the only buffer is free still";
}

TEST_F(ReadinessReaderTest, AFileRemovedWhileInLineIsForgotten) {
  Source source(1);
  Source next(4);
  reader_.Add(a_, source.near.get(), source.pool);
  Start(a_);
  reader_.Stop(a_);
  EXPECT_EQ(Read().size(), 1U);
  reader_.MarkReadable(a_);
  reader_.Remove(a_);
  EXPECT_FALSE(reader_.pending());
  reader_.Add(a_, next.near.get(), next.pool);
  EXPECT_TRUE(Read().empty());
}

// The poison that BufferPool lays on free buffers is for this program; the kernel's filling them is
// no error. (Says something in the AddressSanitizer build.)
TEST_F(ReadinessReaderTest, FillsBuffersThatArePoisoned) {
  Source source(2);
  reader_.Add(a_, source.near.get(), source.pool);
  source.Arrive(1);
  Start(a_);
  const std::vector<Completion> completions = Read();
  ASSERT_EQ(completions.size(), 1U);
  const auto bytes = source.pool.TakeOut(*completions[0].buffer, 5);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(bytes.data()), 5), "frame");
  source.pool.BringHome(*completions[0].buffer);
}

}  // namespace
}  // namespace tapswitch::readiness_reader_test
