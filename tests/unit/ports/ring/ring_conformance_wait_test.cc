// The contract of ports/ring/ring.h, held against each real ring: stopping, watching, waiting, and
// a full completion queue. Begins in ring_conformance_test.cc.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "tests/support/ring_conformance.h"
#include "tests/support/wait_until.h"

namespace tapswitch::ring_conformance_wait_test {
namespace {

using std::chrono_literals::operator""ms;

constexpr Tag kWatchTag{.operation = Operation::kReadiness, .slot = 5};

// ---- Looking before waiting.

TEST_P(RingConformanceTest, APeekTellsWhatTheNextLookFinds) {
  const FileDescriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  ASSERT_TRUE(ring_->Watch(event.get(), kWatchTag).ok());
  EXPECT_TRUE(Look().empty());
  EXPECT_FALSE(ring_->Peek());
  ASSERT_EQ(eventfd_write(event.get(), 1), 0);
  EXPECT_TRUE(ring_->Peek());
  EXPECT_TRUE(ring_->Peek());
  EXPECT_EQ(Look().size(), 1U);
  EXPECT_TRUE(Look().empty());
  EXPECT_FALSE(ring_->Peek());
  ring_->Unwatch(event.get(), kWatchTag);
}

TEST_P(RingConformanceTest, APeekTellsOfFrames) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(2));
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  EXPECT_TRUE(Look().empty());  // the start itself may be news
  EXPECT_FALSE(ring_->Peek());
  link.Arrive("a frame");
  EXPECT_TRUE(ring_->Peek());
  EXPECT_EQ(Await(1).size(), 1U);
  ring_->StopRead(file, kReadTag);
  static_cast<void>(Await(1));
  ring_->RemoveFile(file);
}

// ---- Stopping a read.

TEST_P(RingConformanceTest, AnIdleReadThatIsStoppedCompletesOnceMore) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(2));
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  ring_->StopRead(file, kReadTag);
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.tag, kReadTag);
  EXPECT_EQ(events[0].completion.result, -ECANCELED);
  EXPECT_FALSE(events[0].completion.more);
  link.Arrive("nobody reads this");
  EXPECT_TRUE(Turn(1ms).empty());
  ring_->RemoveFile(file);
}

// Workers that share the ports have all of them in their rings, and each port is read by one.
TEST_P(RingConformanceTest, AFileThatIsNotReadWakesNobody) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(8));
  for (int reads = 0; reads < 3; ++reads) {
    link.Arrive("waits for the next read");
    EXPECT_NE(ring_->SubmitAndWait(20ms), WaitResult::kCompletions) << reads << " reads before";
    ring_->StartRead(file, kReadTag);
    const std::vector<RingEvent> events = Await(1);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].bytes, "waits for the next read");
    home_.clear();
    ring_->StopRead(file, kReadTag);
    EXPECT_EQ(Await(1).size(), 1U);
    EXPECT_TRUE(Look().empty());
  }
  ring_->RemoveFile(file);
}

TEST_P(RingConformanceTest, AReadStoppedRightAfterItsStartCompletes) {
  for (const bool frames_wait : {false, true}) {
    const Link link;
    const FileSlot file = Add(link, &MakePool(2));
    if (frames_wait) {
      for (int i = 0; i < 5; ++i) link.Arrive("waits");
    }
    ring_->StartRead(file, kReadTag);
    ring_->StopRead(file, kReadTag);
    bool ended = false;
    for (int turns = 0; turns < 10 && !ended; ++turns) {
      const std::vector<RingEvent> events = Turn(100ms);
      ended = !events.empty() && !events.back().completion.more;
    }
    EXPECT_TRUE(ended);
    home_.clear();
    ring_->RemoveFile(file);
  }
}

TEST_P(RingConformanceTest, StoppingAReadThatHasJustEndedAddsNoCompletion) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(1));
  link.Arrive("takes the only buffer");
  link.Arrive("waits");
  ring_->StartRead(file, kReadTag);
  static_cast<void>(ring_->SubmitAndWait(kPatience));
  ring_->StopRead(file, kReadTag);  // its end, with -ENOBUFS, has not been reaped
  const std::vector<RingEvent> events = Await(2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].completion.result, -ENOBUFS);
  EXPECT_TRUE(Turn(1ms).empty());
  ring_->RemoveFile(file);
}

// ---- Watching.

TEST_P(RingConformanceTest, AWatchReportsEachTimeADescriptorBecomesReadable) {
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  ASSERT_TRUE(ring_->Watch(event.get(), kWatchTag).ok());
  EXPECT_TRUE(Look().empty());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(eventfd_write(event.get(), 1), 0);
    const std::vector<RingEvent> events = Await(1);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].completion.tag, kWatchTag);
    EXPECT_NE(events[0].completion.result & POLLIN, 0);
    eventfd_t value = 0;
    ASSERT_EQ(eventfd_read(event.get(), &value), 0);
    EXPECT_TRUE(Turn(1ms).empty());
  }
}

TEST_P(RingConformanceTest, AWatchReportsWhatWasReadableBefore) {
  const FileDescriptor event(eventfd(1, EFD_NONBLOCK));
  ASSERT_TRUE(ring_->Watch(event.get(), kWatchTag).ok());
  EXPECT_EQ(Await(1).size(), 1U);
}

TEST_P(RingConformanceTest, AWatchThatEndedIsSilentAndFreesItsSlot) {
  ASSERT_NO_FATAL_FAILURE(Make({.files = 1}));
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ring_->Watch(event.get(), kWatchTag).ok());
    EXPECT_TRUE(Look().empty());
    ring_->Unwatch(event.get(), kWatchTag);
    ASSERT_EQ(eventfd_write(event.get(), 1), 0);
    EXPECT_TRUE(Turn(1ms).empty());
    eventfd_t value = 0;
    ASSERT_EQ(eventfd_read(event.get(), &value), 0);
  }
}

TEST_P(RingConformanceTest, AWatchReportsRoomForWritingWhereThatIsWanted) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
  const FileDescriptor near(pair[0]);
  const FileDescriptor far(pair[1]);
  std::array<char, 4096> some{};
  const auto fill = [&] {
    while (send(near.get(), some.data(), some.size(), 0) > 0) continue;
  };
  const auto drain = [&] {
    while (recv(far.get(), some.data(), some.size(), 0) > 0) continue;
  };
  const auto reports_room = [&](std::chrono::milliseconds limit) {
    return std::ranges::any_of(Turn(limit), [](const RingEvent& event) {
      return (event.completion.result & POLLOUT) != 0;
    });
  };
  ASSERT_TRUE(ring_->Watch(near.get(), kWatchTag).ok());
  EXPECT_FALSE(reports_room(1ms)) << "not at first";
  for (int i = 0; i < 3; ++i) {
    fill();
    ring_->WatchWritability(near.get(), kWatchTag, true);
    EXPECT_FALSE(reports_room(1ms));
    drain();
    EXPECT_TRUE(WaitUntil([&] { return reports_room(1ms); }));
  }
  while (reports_room(1ms)) continue;
  ring_->WatchWritability(near.get(), kWatchTag, true);
  EXPECT_TRUE(WaitUntil([&] { return reports_room(1ms); })) << "asked again, it tells again";

  ring_->WatchWritability(near.get(), kWatchTag, false);
  while (reports_room(1ms)) continue;
  fill();
  drain();
  EXPECT_FALSE(reports_room(1ms));
  ASSERT_EQ(send(far.get(), "x", 1, 0), 1);
  EXPECT_EQ(Await(1).size(), 1U) << "it still reports what can be read";
  ring_->Unwatch(near.get(), kWatchTag);
}

TEST_P(RingConformanceTest, AWatchSurvivesAnOverflow) {
  ASSERT_NO_FATAL_FAILURE(Make({.submission_entries = 4, .completion_entries = 4}));
  const Link link;
  const FileSlot file = Add(link);
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  ASSERT_TRUE(ring_->Watch(event.get(), kWatchTag).ok());
  EXPECT_TRUE(Look().empty());
  const std::vector<std::string> huge{std::string(kUnsendable, 'h')};
  for (int round = 0; round < 5; ++round) {
    // Failed writes fill the completion queue before the watch has its turn.
    for (int i = 0; i < 8; ++i) {
      while (Write(file, huge) == 0) ring_->Submit();
    }
    ASSERT_EQ(eventfd_write(event.get(), 1), 0);
    std::vector<RingEvent> events;
    EXPECT_TRUE(WaitUntil([&] {
      for (RingEvent& one : Turn(100ms)) events.push_back(std::move(one));
      return std::any_of(events.begin(), events.end(),
                         [](const RingEvent& one) { return one.completion.tag == kWatchTag; });
    })) << "armed again, it may report the same readiness twice, but not never";
    eventfd_t value = 0;
    ASSERT_EQ(eventfd_read(event.get(), &value), 0);
  }
}

// ---- Waiting.

TEST_P(RingConformanceTest, WithNothingToDoAZeroTimeoutOnlyLooks) {
  EXPECT_EQ(ring_->SubmitAndWait(0ms), WaitResult::kTimeout);
  EXPECT_TRUE(ring_->Reap().empty());
}

TEST_P(RingConformanceTest, AZeroTimeoutFindsWhatHasArrived) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(2));
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  link.Arrive("here");
  EXPECT_EQ(ring_->SubmitAndWait(0ms), WaitResult::kCompletions);
  EXPECT_EQ(Look().size(), 1U);
  Stop(file);
}

TEST_P(RingConformanceTest, AWaitEndsWhenItsTimeIsUpNotBefore) {
  const Link link;
  const FileSlot file = Add(link);
  for (const bool with_a_write : {false, true}) {
    const std::vector<std::string> frames{"out"};
    if (with_a_write) {
      ASSERT_EQ(Write(file, frames), 1U);
    }
    std::chrono::steady_clock::time_point start;
    WaitResult result{};
    do {  // an io_uring that another test left interrupts waits while the kernel takes it down
      start = std::chrono::steady_clock::now();
      result = ring_->SubmitAndWait(20ms);
    } while (result == WaitResult::kInterrupted);
    EXPECT_EQ(result, WaitResult::kTimeout);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  }
}

TEST_P(RingConformanceTest, CompletionsThatWereNotReapedAreNotWaitedFor) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(4));
  ring_->StartRead(file, kReadTag);
  link.Arrive("one");
  ASSERT_EQ(ring_->SubmitAndWait(std::nullopt), WaitResult::kCompletions);
  EXPECT_EQ(ring_->SubmitAndWait(std::nullopt), WaitResult::kCompletions);
  link.Arrive("two");
  EXPECT_EQ(ring_->SubmitAndWait(std::nullopt), WaitResult::kCompletions);
  const std::vector<RingEvent> events = Look();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].bytes, "one");
  EXPECT_EQ(events[1].bytes, "two");
  Stop(file);
}

// Sends SIGALRM every five milliseconds while it lives.
class Alarm {
 public:
  Alarm() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, &old_);
    const itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 5000},
                          .it_value = {.tv_sec = 0, .tv_usec = 5000}};
    setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~Alarm() {
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &old_, nullptr);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

 private:
  struct sigaction old_ {};
};

TEST_P(RingConformanceTest, ASignalEndsAWait) {
  const Link link;
  const FileSlot file = Add(link);
  const Alarm alarm;
  EXPECT_EQ(ring_->SubmitAndWait(std::nullopt), WaitResult::kInterrupted);
  const std::vector<std::string> frames{"out"};
  ASSERT_EQ(Write(file, frames), 1U);
  EXPECT_EQ(ring_->SubmitAndWait(std::nullopt), WaitResult::kInterrupted);
  EXPECT_EQ(link.AllWritten(), frames);
}

// ---- A full completion queue.

TEST_P(RingConformanceTest, AnOverflowEndsReadsAndLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Make({.submission_entries = 4, .completion_entries = 4}));
  const Link link;
  const FileSlot file = Add(link, &MakePool(32));
  ring_->StartRead(file, kReadTag);
  std::vector<std::string> frames;
  for (int i = 0; i < 20; ++i) {
    frames.push_back(std::to_string(i));
    link.Arrive(frames.back());
  }
  std::vector<std::string> read;
  while (read.size() < frames.size()) {
    const std::vector<RingEvent> events = Await(1);
    ASSERT_FALSE(events.empty());
    for (const RingEvent& event : events) {
      EXPECT_TRUE(event.completion.buffer.has_value());
      read.push_back(event.bytes);
      if (!event.completion.more) ring_->StartRead(file, kReadTag);
    }
  }
  EXPECT_EQ(read, frames);
  EXPECT_EQ(ring_->overflows() > 0, GetParam().name == "UringRingOfPackets");
  GiveBack(file);
  ring_.reset();
}

// ---- Failures.

// A socket of each kind of completion that could stand behind those of failed writes, and files
// whose writes all fail.
class RingUnderFailures : public RingConformanceTest {
 protected:
  static constexpr size_t kFailingFiles = 12;
  static constexpr size_t kFailuresOfATurn = 2 * kMaxReap;
  static constexpr Tag kPollTag{.operation = Operation::kPoll, .port = PortId{5}};

  void SetUp() override {
    Make({.submission_entries = 64, .completion_entries = 256, .files = 24});
    if (IsSkipped()) return;
    for (const Link& link : failing_) files_.push_back(Add(link));
    ASSERT_TRUE(ring_->Watch(command_.get(), kWatchTag).ok());
    ASSERT_TRUE(ring_->Watch(socket_.get(), kPollTag).ok());
    reading_ = Add(healthy_, &MakePool(4));
    ring_->StartRead(reading_, kReadTag);
    EXPECT_TRUE(Look().empty());
  }

  void FailWrites() {
    for (size_t i = 0; i < kFailingFiles; ++i) {
      Tag tag = kWriteTag;
      tag.port = PortId{static_cast<uint16_t>(10 + i)};
      const Piece piece{.data = huge_.data(), .size = huge_.size()};
      const std::vector<WireFrame> frames(kFailuresOfATurn, {.pieces = {&piece, 1}, .size = 100});
      std::span<const WireFrame> rest = frames;
      while (!rest.empty()) {
        rest = rest.subspan(ring_->QueueWrites(files_[i], rest, tag));
        if (!rest.empty()) ring_->Submit();
      }
    }
  }

  // One of each kind that does not fail.
  void LetOthersHappen() const {
    ASSERT_EQ(eventfd_write(command_.get(), 1), 0);
    ASSERT_EQ(eventfd_write(socket_.get(), 1), 0);
    healthy_.Arrive("healthy");
  }
  void TakeEvents() const {
    eventfd_t value = 0;
    ASSERT_EQ(eventfd_read(command_.get(), &value), 0);
    ASSERT_EQ(eventfd_read(socket_.get(), &value), 0);
  }

  std::vector<std::byte> huge_ = std::vector<std::byte>(kUnsendable);
  std::array<Link, kFailingFiles> failing_;
  std::vector<FileSlot> files_;
  FileDescriptor command_{eventfd(0, EFD_NONBLOCK)};
  FileDescriptor socket_{eventfd(0, EFD_NONBLOCK)};
  Link healthy_;
  FileSlot reading_;
};
INSTANTIATE_TEST_SUITE_P(Rings, RingUnderFailures, testing::ValuesIn(kRingKindsByRead),
                         RingKindName);

TEST_P(RingUnderFailures, WritesThatFailFasterThanTheyAreReapedDelayNobodyAndGrowNothing) {
  LostFrames lost;
  constexpr size_t kTurns = 50;
  for (size_t turn = 0; turn < kTurns; ++turn) {
    FailWrites();
    LetOthersHappen();
    const std::vector<RingEvent> events = Look();
    const auto count = [&](const Tag& tag) {
      return std::count_if(events.begin(), events.end(),
                           [&](const RingEvent& one) { return one.completion.tag == tag; });
    };
    ASSERT_GE(count(kWatchTag), 1) << "turn " << turn;
    ASSERT_GE(count(kPollTag), 1) << "turn " << turn;
    ASSERT_EQ(count(kReadTag), 1) << "turn " << turn;
    ASSERT_LE(events.size(), kFailingFiles + 4) << "one completion for each file that fails";
    for (const RingEvent& event : events) {
      lost.frames += event.completion.lost.frames;
      lost.bytes += event.completion.lost.bytes;
    }
    GiveBack(reading_);
    TakeEvents();
  }
  EXPECT_EQ(lost.frames, kTurns * kFailingFiles * kFailuresOfATurn);
  EXPECT_EQ(lost.bytes, 100 * lost.frames);
  EXPECT_EQ(ring_->overflows(), 0U) << "the kernel had nothing to keep";
  Stop(reading_);
}

// ---- What has not been handed out.

TEST_P(RingConformanceTest, ARingIsNotDrainedBeforeWhatItReceivedIsReaped) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(4));
  EXPECT_TRUE(ring_->is_drained());
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  EXPECT_TRUE(ring_->is_drained());
  link.Arrive("frame");
  ASSERT_EQ(ring_->SubmitAndWait(kPatience), WaitResult::kCompletions);
  EXPECT_FALSE(ring_->is_drained());
  EXPECT_EQ(ring_->Reap().size(), 1U);
  EXPECT_TRUE(ring_->is_drained());
  ring_.reset();
}

// The end of a watch may have the kernel fill buffers in the middle of a turn.
TEST_P(RingConformanceTest, ARingThatReceivedAtTheEndOfAWatchIsNotDrained) {
  const Link link;
  const FileSlot file = Add(link, &MakePool(4));
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  ASSERT_TRUE(ring_->Watch(event.get(), kWatchTag).ok());
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  link.Arrive("frame");
  ring_->Unwatch(event.get(), kWatchTag);
  EXPECT_EQ(ring_->is_drained(), GetParam().name != "UringRingOfPackets");
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].bytes, "frame");
  EXPECT_TRUE(ring_->is_drained());
  Stop(file);
}

}  // namespace
}  // namespace tapswitch::ring_conformance_wait_test
