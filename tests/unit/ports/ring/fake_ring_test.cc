// FakeRing behaves as the real rings do, and notices who breaks the contract.

#include "tests/support/fake_ring.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tapswitch::fake_ring_test {
namespace {

constexpr size_t kBufferSize = 8;
constexpr BufferId kBuffers = 3;
constexpr Tag kReadTag{.operation = Operation::kRead, .port = {2}, .generation = 1};
constexpr Tag kWriteTag{.operation = Operation::kWrite, .port = {2}, .generation = 1};
constexpr std::chrono::milliseconds kNow(0);

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

class FakeRingTest : public testing::Test {
 protected:
  FakeRingTest() : file_(*ring_.AddFile(-1, &pool_, FileKind::kFrames)) {}

  std::vector<Completion> Turn() {
    static_cast<void>(ring_.SubmitAndWait(kNow));
    const auto completions = ring_.Reap();
    return {completions.begin(), completions.end()};
  }

  [[nodiscard]] size_t Write(std::string_view text) {
    const Piece piece{.data = Bytes(text).data(), .size = text.size()};
    const WireFrame frame{.pieces = {&piece, 1}, .size = text.size()};
    return ring_.QueueWrites(file_, {&frame, 1}, kWriteTag);
  }

  std::string TakeOut(const Completion& completion) {
    const auto bytes =
        pool_.TakeOut(completion.buffer.value(), static_cast<size_t>(completion.result));
    std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    pool_.BringHome(*completion.buffer);
    return text;
  }

  std::vector<std::byte> memory_ = std::vector<std::byte>(kBuffers * kBufferSize);
  BufferPool pool_{memory_, kBuffers, kBufferSize, kBufferSize};
  FakeRing ring_;
  FileSlot file_;
};

TEST_F(FakeRingTest, DeliversFramesInOrderAndCutsLongOnes) {
  ring_.Arrive(file_, Bytes("one"));
  ring_.Arrive(file_, Bytes("longer than a buffer"));
  EXPECT_TRUE(Turn().empty()) << "nothing is read before StartRead";
  ring_.StartRead(file_, kReadTag);
  const std::vector<Completion> completions = Turn();
  ASSERT_EQ(completions.size(), 2U);
  EXPECT_EQ(TakeOut(completions[0]), "one");
  EXPECT_EQ(TakeOut(completions[1]), "longer t");
  EXPECT_TRUE(completions[1].more);
}

TEST_F(FakeRingTest, AReadWithoutBuffersEndsAndFailsAgainUntilTheyAreReturned) {
  for (int i = 0; i < kBuffers + 1; ++i) ring_.Arrive(file_, Bytes("frame"));
  ring_.StartRead(file_, kReadTag);
  const std::vector<Completion> completions = Turn();
  ASSERT_EQ(completions.size(), kBuffers + 1U);
  EXPECT_EQ(completions.back().result, -ENOBUFS);
  EXPECT_FALSE(completions.back().more);
  EXPECT_FALSE(ring_.reading(file_));

  ring_.StartRead(file_, kReadTag);
  EXPECT_EQ(Turn().at(0).result, -ENOBUFS);
  ring_.ReturnBuffers(file_, std::array{BufferId{0}});
  ring_.StartRead(file_, kReadTag);
  EXPECT_EQ(Turn().at(0).result, 5);
  EXPECT_EQ(ring_.waiting(file_), 0U);
}

TEST_F(FakeRingTest, WritesGoOutAtSubmitInOrderAndOnlyFailuresComplete) {
  ring_.SetSubmissionEntries(2);
  EXPECT_EQ(Write("one"), 1U);
  EXPECT_EQ(Write("two"), 1U);
  EXPECT_EQ(Write("three"), 0U);
  EXPECT_TRUE(ring_.written().empty());
  ring_.FailWrites(file_, ENOMEM);
  ring_.Submit();
  ASSERT_EQ(ring_.written().size(), 1U);
  EXPECT_EQ(ring_.written()[0].bytes.size(), 3U);
  const std::vector<Completion> completions = Turn();
  ASSERT_EQ(completions.size(), 1U);
  EXPECT_EQ(completions[0].result, -ENOMEM);
  EXPECT_EQ(completions[0].lost, (LostFrames{.frames = 1, .bytes = 3}));
}

TEST_F(FakeRingTest, WritesThatFailFasterThanTheyAreReapedAreToldTogether) {
  constexpr size_t kFailures = 3 * kMaxReap;
  ring_.FailWrites(file_, ENOBUFS, kFailures);
  for (size_t i = 0; i < kFailures; ++i) {
    EXPECT_EQ(Write("three"), 1U);
    ring_.Submit();
  }
  ring_.Arrive(file_, Bytes("frame"));
  ring_.StartRead(file_, kReadTag);
  const std::vector<Completion> completions = Turn();
  ASSERT_EQ(completions.size(), 2U) << "what failed, and the frame in the same turn";
  EXPECT_EQ(completions[0].result, -ENOBUFS);
  EXPECT_EQ(completions[0].lost, (LostFrames{.frames = kFailures, .bytes = 5 * kFailures}));
  EXPECT_EQ(TakeOut(completions[1]), "frame");
}

TEST_F(FakeRingTest, AnOverflowEndsTheReadWithItsFrame) {
  ring_.SetCompletionRoom(1);
  ring_.Arrive(file_, Bytes("one"));
  ring_.Arrive(file_, Bytes("two"));
  ring_.Arrive(file_, Bytes("three"));
  ring_.StartRead(file_, kReadTag);
  EXPECT_TRUE(Turn().at(0).more);
  const std::vector<Completion> late = Turn();
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(TakeOut(late[0]), "two");
  EXPECT_FALSE(late[0].more);
  EXPECT_EQ(ring_.overflows(), 1U);
  EXPECT_EQ(ring_.waiting(file_), 1U);
}

TEST_F(FakeRingTest, FaultsAreInjected) {
  ring_.FailRead(file_, EBADFD);
  ring_.StartRead(file_, kReadTag);
  EXPECT_EQ(Turn().at(0).result, -EBADFD);
  ring_.Interrupt();
  EXPECT_EQ(ring_.SubmitAndWait(kNow), WaitResult::kInterrupted);
  EXPECT_EQ(ring_.SubmitAndWait(kNow), WaitResult::kTimeout);
  Tag late = kReadTag;
  late.generation = 0;
  ring_.Complete({.tag = late, .result = -ECANCELED});
  EXPECT_EQ(Turn().at(0).tag, late);
}

TEST_F(FakeRingTest, AWatchedDescriptorIsReportedUntilUnwatch) {
  const Tag tag{.operation = Operation::kReadiness, .slot = 9};
  ASSERT_TRUE(ring_.Watch(4, tag).ok());
  ring_.BecomeReadable(4);
  EXPECT_EQ(Turn().at(0).result, POLLIN);
  ring_.Unwatch(4, tag);
  EXPECT_TRUE(ring_.watched().empty());
  EXPECT_NONFATAL_FAILURE(ring_.BecomeReadable(4), "nobody watches");
}

TEST_F(FakeRingTest, AStoppedReadCompletesOnceMore) {
  ring_.StartRead(file_, kReadTag);
  ring_.StopRead(file_, kReadTag);
  const std::vector<Completion> completions = Turn();
  ASSERT_EQ(completions.size(), 1U);
  EXPECT_EQ(completions[0].result, -ECANCELED);
  EXPECT_FALSE(completions[0].more);
  ring_.RemoveFile(file_);
  EXPECT_FALSE(ring_.has_file(file_));
}

TEST_F(FakeRingTest, NoticesAReadStartedTwice) {
  ring_.StartRead(file_, kReadTag);
  EXPECT_NONFATAL_FAILURE(ring_.StartRead(file_, kReadTag), "while it is being read");
}

TEST_F(FakeRingTest, NoticesAFileRemovedWhileItIsRead) {
  ring_.StartRead(file_, kReadTag);
  EXPECT_NONFATAL_FAILURE(ring_.RemoveFile(file_), "while it is being read");
}

TEST_F(FakeRingTest, NoticesABufferReturnedThatTheKernelHas) {
  EXPECT_NONFATAL_FAILURE(ring_.ReturnBuffers(file_, std::array{BufferId{1}}),
                          "which the kernel has");
}

TEST_F(FakeRingTest, NoticesABufferReturnedThatIsOut) {
  ring_.Arrive(file_, Bytes("frame"));
  ring_.StartRead(file_, kReadTag);
  const BufferId buffer = Turn().at(0).buffer.value();
  pool_.TakeOut(buffer, 5);
  EXPECT_NONFATAL_FAILURE(ring_.ReturnBuffers(file_, std::array{buffer}), "BringHome comes first");
  pool_.BringHome(buffer);
}

TEST_F(FakeRingTest, NoticesAFileThatIsNotThere) {
  EXPECT_NONFATAL_FAILURE(ring_.StartRead(FileSlot{63}, kReadTag), "which is not in the ring");
}

}  // namespace
}  // namespace tapswitch::fake_ring_test
