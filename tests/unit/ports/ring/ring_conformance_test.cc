// The contract of ports/ring/ring.h, held against each real ring: files, writes, reads, and the
// promise about buffers. ring_conformance_wait_test.cc goes on.

#include "tests/support/ring_conformance.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tapswitch::ring_conformance_test {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

INSTANTIATE_TEST_SUITE_P(Rings, RingConformanceTest, testing::ValuesIn(kRingKindsByRead),
                         RingKindName);

// ---- Files.

TEST_P(RingConformanceTest, RefusesAFileThatWouldBlock) {
  const Link link;
  ASSERT_EQ(fcntl(link.near(), F_SETFL, 0), 0);
  const absl::StatusOr<FileSlot> file = ring_->AddFile(link.near(), nullptr, FileKind::kFrames);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
}

TEST_P(RingConformanceTest, RefusesADescriptorThatIsNotOpen) {
  EXPECT_FALSE(ring_->AddFile(-1, nullptr, FileKind::kFrames).ok());
}

TEST_P(RingConformanceTest, AFullRingRefusesFilesUntilOneIsRemoved) {
  ASSERT_NO_FATAL_FAILURE(Make({.files = 2}));
  const Link link;
  const Link other;
  const Link third;
  const FileSlot first = Add(link);
  EXPECT_NE(Add(other), first);
  EXPECT_EQ(ring_->AddFile(third.near(), nullptr, FileKind::kFrames).status().code(),
            absl::StatusCode::kResourceExhausted);
  ring_->RemoveFile(first);
  EXPECT_EQ(Add(third), first);
}

TEST_P(RingConformanceTest, ASlotServesItsNextFileAlone) {
  BufferPool& pool = MakePool(4);
  const Link first;
  const FileSlot file = Add(first, &pool);
  ring_->StartRead(file, kReadTag);
  ASSERT_NO_FATAL_FAILURE(Stop(file));

  const Link second;
  ASSERT_EQ(Add(second, &pool), file);
  ring_->StartRead(file, kReadTag);
  first.Arrive("for the first");
  second.Arrive("for the second");
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].bytes, "for the second");
  GiveBack(file);
  Stop(file);
}

// ---- Writes.

TEST_P(RingConformanceTest, WritesLeaveInTheOrderTheyWereQueued) {
  const Link link;
  const FileSlot file = Add(link);
  const std::vector<std::string> frames{"one", "two", "three", "four"};
  ASSERT_EQ(Write(file, {frames[0], frames[1]}), 2U);
  ASSERT_EQ(Write(file, {frames[2]}), 1U);
  ring_->Submit();
  ASSERT_EQ(Write(file, {frames[3]}), 1U);
  ring_->Submit();
  EXPECT_EQ(link.AllWritten(), frames);
  EXPECT_TRUE(Look().empty()) << "a write that succeeds does not complete";
}

TEST_P(RingConformanceTest, AFrameInPiecesLeavesAsOne) {
  const Link link;
  const FileSlot file = Add(link);
  const std::array<std::string, 3> parts{"head", "", "tail"};
  std::array<Piece, 3> pieces;
  std::transform(parts.begin(), parts.end(), pieces.begin(), [](const std::string& part) {
    return Piece{reinterpret_cast<const std::byte*>(part.data()), part.size()};
  });
  const WireFrame frame{.pieces = pieces, .size = 8};
  ASSERT_EQ(ring_->QueueWrites(file, {&frame, 1}, kWriteTag), 1U);
  ring_->Submit();
  EXPECT_EQ(link.AllWritten(), std::vector<std::string>{"headtail"});
}

TEST_P(RingConformanceTest, WhatWasWrittenMayBeOverwrittenOnceSubmitReturns) {
  const Link link;
  const FileSlot file = Add(link);
  std::vector<std::string> frames{"as it was"};
  ASSERT_EQ(Write(file, frames), 1U);
  ring_->Submit();
  frames[0].assign(frames[0].size(), 'x');
  EXPECT_EQ(link.AllWritten(), std::vector<std::string>{"as it was"});
}

TEST_P(RingConformanceTest, SubmitAndWaitWritesBeforeItWaits) {
  const Link link;
  const FileSlot file = Add(link);
  const std::vector<std::string> frames{"out"};
  ASSERT_EQ(Write(file, frames), 1U);
  EXPECT_TRUE(Turn(1ms).empty());
  EXPECT_EQ(link.AllWritten(), frames);
}

TEST_P(RingConformanceTest, MoreFramesThanTheQueueHoldsAllLeaveInOrder) {
  ASSERT_NO_FATAL_FAILURE(Make({.submission_entries = 4, .completion_entries = 8}));
  const Link link;
  const FileSlot file = Add(link);
  std::vector<std::string> frames;
  for (int i = 0; i < 50; ++i) frames.push_back("frame " + std::to_string(i));
  std::vector<std::string> rest = frames;
  while (!rest.empty()) {
    const size_t taken = Write(file, rest);
    ASSERT_GT(taken, 0U);
    ring_->Submit();
    rest.erase(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(taken));
  }
  EXPECT_EQ(link.AllWritten(), frames);
}

TEST_P(RingConformanceTest, AWriteThatFailsCompletesWithItsErrorAndSizeAndHoldsUpNothing) {
  const Link link;
  const FileSlot file = Add(link);
  const std::string huge(kUnsendable, 'h');
  const std::vector<std::string> frames{"before", huge, "after"};
  ASSERT_EQ(Write(file, frames), 3U);
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.tag, kWriteTag);
  EXPECT_EQ(events[0].completion.result, -EMSGSIZE);
  EXPECT_EQ(events[0].completion.lost, (LostFrames{.frames = 1, .bytes = huge.size()}));
  EXPECT_FALSE(events[0].completion.buffer.has_value());
  EXPECT_EQ(link.AllWritten(), (std::vector<std::string>{"before", "after"}));
}

TEST_P(RingConformanceTest, AWriteThatCannotBeDoneAtOnceFailsInsteadOfWaiting) {
  if (GetParam().name == "UringRingOfOldKernels") {
    GTEST_SKIP() << "kernels that need this ring cannot be asked for it; see uring_queue.h";
  }
  const Link link;
  const FileSlot file = Add(link);
  const std::string frame(32U << 10U, 'f');
  size_t sent = 0;
  while (send(link.near(), frame.data(), frame.size(), 0) > 0) ++sent;  // now its buffer is full
  ASSERT_EQ(Write(file, {frame}), 1U);
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.result, -EAGAIN);
  std::vector<char> bytes(frame.size());
  size_t received = 0;
  while (recv(link.far(), bytes.data(), bytes.size(), 0) > 0) ++received;
  EXPECT_EQ(received, sent);
}

TEST_P(RingConformanceTest, EveryFailedWriteIsReportedHoweverMany) {
  ASSERT_NO_FATAL_FAILURE(Make({.submission_entries = 64, .completion_entries = 64}));
  const Link link;
  const FileSlot file = Add(link);
  const std::vector<std::string> huge{std::string(kUnsendable, 'h')};
  constexpr size_t kFailures = 2 * kMaxReap + 10;
  LostFrames reported;
  for (size_t queued = 0; queued < kFailures; ++queued) {
    while (Write(file, huge) == 0) ring_->Submit();
  }
  while (reported.frames < kFailures) {
    const std::vector<RingEvent> events = Await(1);
    ASSERT_EQ(events.size(), 1U) << "they are told together";
    reported.frames += events[0].completion.lost.frames;
    reported.bytes += events[0].completion.lost.bytes;
  }
  EXPECT_EQ(reported, (LostFrames{.frames = kFailures, .bytes = kFailures * kUnsendable}));
  EXPECT_TRUE(Look().empty());
}

// ---- Reads.

TEST_P(RingConformanceTest, FramesArriveInOrderEachInItsBuffer) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(4));
  link.Arrive("waits already");
  ring_->StartRead(file, kReadTag);
  std::vector<RingEvent> events = Await(1);
  link.Arrive("second");
  link.Arrive("third");
  for (RingEvent& event : Await(2)) events.push_back(std::move(event));
  ASSERT_EQ(events.size(), 3U);
  const std::array<std::string, 3> expected{"waits already", "second", "third"};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(events[i].bytes, expected[i]);
    EXPECT_EQ(events[i].completion.tag, kReadTag);
    EXPECT_TRUE(events[i].completion.more);
  }
  EXPECT_NE(events[1].completion.buffer, events[2].completion.buffer);
  Stop(file);
}

TEST_P(RingConformanceTest, AFrameLongerThanABufferFillsIt) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(2));
  ring_->StartRead(file, kReadTag);
  link.Arrive(std::string(kBufferSize + 1, 'l'));
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.result, static_cast<int32_t>(kBufferSize));
  EXPECT_EQ(events[0].bytes, std::string(kBufferSize, 'l'));
  Stop(file);
}

TEST_P(RingConformanceTest, WithoutBuffersAReadEndsAndNothingIsLost) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(3));  // not a power of two
  const std::vector<std::string> frames{"1", "2", "3", "4", "5"};
  for (const std::string& frame : frames) link.Arrive(frame);
  ring_->StartRead(file, kReadTag);
  std::vector<RingEvent> events = Await(4);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[3].completion.tag, kReadTag);
  EXPECT_EQ(events[3].completion.result, -ENOBUFS);
  EXPECT_FALSE(events[3].completion.more);
  EXPECT_FALSE(events[3].completion.buffer.has_value());
  EXPECT_TRUE(Turn(1ms).empty()) << "a read that ended does not complete again";

  GiveBack(file);
  ring_->StartRead(file, kReadTag);
  for (RingEvent& event : Await(2)) events.push_back(std::move(event));
  std::vector<std::string> read;
  for (const RingEvent& event : events) {
    if (event.completion.buffer) read.push_back(event.bytes);
  }
  EXPECT_EQ(read, frames);
  Stop(file);
}

TEST_P(RingConformanceTest, AReadStartedWithoutBuffersFailsAgain) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(1));
  link.Arrive("takes the only buffer");
  link.Arrive("waits");
  ring_->StartRead(file, kReadTag);
  ASSERT_EQ(Await(2).back().completion.result, -ENOBUFS);
  ring_->StartRead(file, kReadTag);
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.result, -ENOBUFS);
  EXPECT_FALSE(events[0].completion.more);
  ring_->RemoveFile(file);
}

TEST_P(RingConformanceTest, AReadErrorEndsTheReadAndNamesNoBuffer) {
  Link link;
  const FileSlot file = Add(link, &MakePool(2));
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  const std::vector<std::string> unread{"never read"};
  ASSERT_EQ(Write(file, unread), 1U);
  ring_->Submit();
  link.CloseFar();  // with a message unread: the near side gets ECONNRESET
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.result, -ECONNRESET);
  EXPECT_FALSE(events[0].completion.more);
  EXPECT_FALSE(events[0].completion.buffer.has_value());
  ring_->RemoveFile(file);
}

TEST_P(RingConformanceTest, ABurstOnOneFileDoesNotStarveAnother) {
  const Link busy;
  const Link quiet;
  const size_t size = preamble() + kBufferSize;
  std::vector<std::byte> quiet_memory(size);
  BufferPool quiet_pool(quiet_memory, 1, size, size);
  const FileSlot busy_file = Add(busy, &MakePool(8));
  const FileSlot quiet_file = Add(quiet, &quiet_pool);
  ring_->StartRead(busy_file, kReadTag);
  Tag quiet_tag = kReadTag;
  quiet_tag.port = PortId{4};
  ring_->StartRead(quiet_file, quiet_tag);
  for (int i = 0; i < 100; ++i) busy.Arrive("burst");
  quiet.Arrive("patient");

  static_cast<void>(ring_->SubmitAndWait(kPatience));
  size_t ahead = 0;
  bool served = false;
  for (const Completion& completion : ring_->Reap()) {
    served = served || completion.tag == quiet_tag;
    if (!served) ++ahead;
  }
  EXPECT_TRUE(served);
  EXPECT_LE(ahead, 9U) << "a group's size is its quota: eight frames and -ENOBUFS";
  ring_.reset();
}

// An interface goes away with its last file. Some kernels (6.1) take a moment.
TEST_P(RingConformanceTest, AFileThatWasRemovedIsNotKeptOpen) {
  Link link;
  const FileSlot file = Add(link, &MakePool(2));
  ring_->StartRead(file, kReadTag);
  link.Arrive("frame");
  ASSERT_EQ(Await(1).size(), 1U);
  Stop(file);
  link.CloseNear();
  pollfd far{.fd = link.far(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&far, 1, std::chrono::milliseconds(kPatience).count()), 1);
  char byte{};
  EXPECT_EQ(recv(link.far(), &byte, 1, 0), 0) << "the end of the stream";
}

// A bridge may have more busy ports than one turn has room for.
TEST_P(RingConformanceTest, BusyPacketSocketsDoNotStarveAFile) {
  constexpr size_t kBusyFiles = 7;  // and the quiet one
  constexpr BufferId kBuffers = kMaxReap;
  std::vector<std::byte> memory(kBusyFiles * kBuffers * kBufferSize);
  std::array<Link, kBusyFiles> busy;
  std::list<BufferPool> pools;
  for (size_t i = 0; i < kBusyFiles; ++i) {
    const auto own = std::span(memory).subspan(i * kBuffers * kBufferSize, kBuffers * kBufferSize);
    BufferPool& pool = pools.emplace_back(own, kBuffers, kBufferSize, kBufferSize);
    const FileSlot file = RingFixture::Add(busy[i].near(), &pool, FileKind::kPacketSocket);
    ring_->StartRead(file, kReadTag);
  }
  const Link quiet;
  const FileSlot quiet_file = Add(quiet, &MakePool(1));
  Tag quiet_tag = kReadTag;
  quiet_tag.port = PortId{4};
  ring_->StartRead(quiet_file, quiet_tag);

  quiet.Arrive("patient");
  bool served = false;
  for (int turn = 0; turn < 3 && !served; ++turn) {
    for (const Link& link : busy) {
      for (size_t i = 0; i < kMaxReap / 4; ++i) link.Arrive("b");
    }
    static_cast<void>(ring_->SubmitAndWait(kPatience));
    for (const Completion& completion : ring_->Reap()) served |= completion.tag == quiet_tag;
  }
  EXPECT_TRUE(served);
  ring_.reset();
}

// ---- Promise 2: a buffer returned is not written before all writes queued earlier are out.

TEST_P(RingConformanceTest, ABufferReturnedKeepsItsFrameUntilTheWriteIsOut) {
  const Link in;
  const Link out;
  BufferPool& pool = MakePool(1);
  const FileSlot from = Add(in, &pool);
  const FileSlot to = Add(out);
  in.Arrive("first");
  in.Arrive("other");
  ring_->StartRead(from, kReadTag);
  static_cast<void>(ring_->SubmitAndWait(kPatience));
  const auto completions = ring_->Reap();
  ASSERT_EQ(completions.size(), 2U);  // a frame, and -ENOBUFS
  const BufferId buffer = completions[0].buffer.value();

  const Piece piece{.data = TakeFrame(pool, buffer, 5).data(), .size = 5};
  const WireFrame frame{.pieces = {&piece, 1}, .size = 5};
  ASSERT_EQ(ring_->QueueWrites(to, {&frame, 1}, kWriteTag), 1U);
  pool.BringHome(buffer);
  ring_->ReturnBuffers(from, {&buffer, 1});
  ring_->StartRead(from, kReadTag);

  const std::vector<RingEvent> events = Await(1);
  EXPECT_EQ(out.AllWritten(), std::vector<std::string>{"first"});
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].bytes, "other");
}

// A start of a read that was asked for early in the turn must not overtake the writes that follow
// it, nor come with a Submit between them: their buffer is returned after all.
TEST_P(RingConformanceTest, AReadStartedBeforeTheWritesDoesNotOvertakeThem) {
  ASSERT_NO_FATAL_FAILURE(Make({.submission_entries = 2, .completion_entries = 16}));
  const Link in;
  const Link out;
  BufferPool& pool = MakePool(1);
  const FileSlot from = Add(in, &pool);
  const FileSlot to = Add(out);
  in.Arrive("first");
  in.Arrive("other");
  ring_->StartRead(from, kReadTag);
  static_cast<void>(ring_->SubmitAndWait(kPatience));
  const auto completions = ring_->Reap();
  ASSERT_EQ(completions.size(), 2U);
  const BufferId buffer = completions[0].buffer.value();

  ring_->StartRead(from, kReadTag);
  const Piece piece{.data = TakeFrame(pool, buffer, 5).data(), .size = 5};
  const WireFrame frame{.pieces = {&piece, 1}, .size = 5};
  const std::array<WireFrame, 2> copies{frame, frame};
  for (int i = 0; i < 2; ++i) {
    while (ring_->QueueWrites(to, copies, kWriteTag) == 0) ring_->Submit();
  }
  pool.BringHome(buffer);
  ring_->ReturnBuffers(from, {&buffer, 1});

  const std::vector<RingEvent> events = Await(1);
  EXPECT_EQ(out.AllWritten(), std::vector<std::string>(4, "first"));
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].bytes, "other");
}

// A switch in small: everything that arrives is written out, straight from the buffers, through
// queues that overflow all the time.
TEST_P(RingConformanceTest, ARelayUnderPressureLosesAndChangesNothing) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  ASSERT_NO_FATAL_FAILURE(Make({.submission_entries = 4, .completion_entries = 8}));
  const Link in;
  const Link out;
  BufferPool& pool = MakePool(16);
  const FileSlot from = Add(in, &pool);
  const FileSlot to = Add(out);
  ring_->StartRead(from, kReadTag);

  constexpr size_t kFrames = 5000;
  std::deque<std::string> expected;
  size_t sent = 0;
  size_t received = 0;
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (received < kFrames && std::chrono::steady_clock::now() < deadline) {
    for (size_t burst = random() % 40; burst > 0 && sent < kFrames && sent - received < 60;
         --burst) {
      std::string frame = std::to_string(sent++) + std::string(random() % 200, 'r');
      in.Arrive(frame);
      expected.push_back(std::move(frame));
    }
    static_cast<void>(ring_->SubmitAndWait(sent > received ? 1ms : 0ms));
    std::vector<BufferId> used;
    bool ended = false;
    for (const Completion& completion : ring_->Reap()) {
      ended = ended || !completion.more;
      if (!completion.buffer) continue;
      used.push_back(*completion.buffer);
      const auto bytes =
          TakeFrame(pool, *completion.buffer, static_cast<size_t>(completion.result) - preamble());
      const Piece piece{.data = bytes.data(), .size = bytes.size()};
      const WireFrame frame{.pieces = {&piece, 1}, .size = bytes.size()};
      while (ring_->QueueWrites(to, {&frame, 1}, kWriteTag) == 0) ring_->Submit();
    }
    for (const BufferId buffer : used) pool.BringHome(buffer);
    ring_->ReturnBuffers(from, used);
    if (ended) ring_->StartRead(from, kReadTag);
    for (const std::string& frame : out.AllWritten()) {
      ASSERT_EQ(frame, expected.front());
      expected.pop_front();
      ++received;
    }
  }
  EXPECT_EQ(received, kFrames);
}

}  // namespace
}  // namespace tapswitch::ring_conformance_test
