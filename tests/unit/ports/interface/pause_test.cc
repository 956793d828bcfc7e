// A port on an interface that pauses, against a ring that injects faults: no frame is lost, and
// nothing is closed.

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include "tests/support/tap_port_fixture.h"

namespace tapswitch::pause_test {
namespace {

class PauseTest : public TapPortTest {
 protected:
  void PausePort() {
    ASSERT_TRUE(port_->Pause());
    if (!port_->paused()) Turn();
    ASSERT_TRUE(port_->paused());
  }

  // Frames of different sizes wait to be read.
  void Arrive(size_t first_size, size_t count) {
    for (size_t i = 0; i < count; ++i) ring_.Arrive(kFile, Wire(FrameOf(first_size + i)));
  }

  // Moves what waits into the completions of the ring, where the port has not seen it yet.
  void LetTheRingReceive() { static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0))); }

  std::vector<size_t> ReceivedSizes(int turns = 1) {
    std::vector<size_t> sizes;
    for (int i = 0; i < turns; ++i) {
      for (const Bytes& frame : Turn()) sizes.push_back(frame.size());
    }
    return sizes;
  }
};

// ---- Frames

TEST_F(PauseTest, TheKernelHasNoReadAndTheFileItsBuffersAndTheCountersStay) {
  Arrive(60, 1);
  Turn();
  ASSERT_TRUE(port_->Pause());
  EXPECT_FALSE(port_->paused()) << "the read has not ended yet";
  Turn();
  EXPECT_TRUE(port_->paused());
  EXPECT_FALSE(ring_.reading(kFile));
  EXPECT_TRUE(ring_.has_file(kFile));
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
  EXPECT_EQ(counters_.received, (FrameCounter{.frames = 1, .bytes = 60}));
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(queries_, 1) << "the end of its own read is no reason to doubt the link";
}

TEST_F(PauseTest, WhatWasReceivedBeforeIsDelivered) {
  Arrive(60, 3);
  LetTheRingReceive();
  ASSERT_TRUE(port_->Pause());
  EXPECT_EQ(ReceivedSizes(), (std::vector<size_t>{60, 61, 62}));
  EXPECT_TRUE(port_->paused());
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(PauseTest, WhatWasReceivedBeforeIsDeliveredAlsoOverSeveralTurns) {
  ring_.SetCompletionRoom(1);
  Arrive(60, 3);
  LetTheRingReceive();
  ASSERT_TRUE(port_->Pause());
  std::vector<size_t> sizes = ReceivedSizes(4);
  EXPECT_TRUE(port_->paused());
  port_->Resume();
  for (const size_t size : ReceivedSizes(6)) sizes.push_back(size);
  EXPECT_EQ(sizes, (std::vector<size_t>{60, 61, 62}));
}

TEST_F(PauseTest, WhatArrivesMeanwhileWaitsAndComesAfterResume) {
  PausePort();
  Arrive(60, 4);
  EXPECT_TRUE(ReceivedSizes(3).empty());
  EXPECT_EQ(ring_.waiting(kFile), 4U);
  port_->Resume();
  EXPECT_FALSE(port_->paused());
  Arrive(64, 2);
  EXPECT_EQ(ReceivedSizes(), (std::vector<size_t>{60, 61, 62, 63, 64, 65}));
  EXPECT_EQ(counters_.received.frames, 6U);
}

TEST_F(PauseTest, NothingIsLostHoweverOftenItPauses) {
  std::vector<size_t> received;
  const auto receive = [&] {
    for (const size_t size : ReceivedSizes()) received.push_back(size);
  };
  std::vector<size_t> sent;
  for (size_t i = 0; i < 40; ++i) {
    Arrive(60 + i, 1);
    sent.push_back(60 + i);
    if (i % 3 == 0) {
      EXPECT_TRUE(port_->Pause());
    }
    if (i % 2 == 0) receive();
    if (i % 5 == 0) port_->Resume();
  }
  port_->Resume();
  receive();
  receive();
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(ring_.reading(kFile));
}

TEST_F(PauseTest, AResumeBeforeTheReadHasEndedHasItStartedAgain) {
  ASSERT_TRUE(port_->Pause());
  port_->Resume();
  Arrive(60, 1);
  Turn();
  EXPECT_FALSE(port_->paused());
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_EQ(ReceivedSizes(), std::vector<size_t>{60});
}

TEST_F(PauseTest, SendingGoesOn) {
  PausePort();
  Send(Wire(FrameOf(60)));
  Turn();
  EXPECT_EQ(ring_.written().size(), 1U);
  EXPECT_EQ(counters_.sent.frames, 1U);
}

// ---- Buffers

TEST_F(PauseTest, WithAllBuffersInUseItPausesAtOnceAndResumesWithTheNextRecycle) {
  Arrive(60, kReceiveBufferCount + 1);
  Turn([&](const FrameBatch& batch) {
    EXPECT_EQ(batch.frames().size(), kReceiveBufferCount);
    ASSERT_TRUE(port_->Pause());
    EXPECT_TRUE(port_->paused()) << "the read had ended for want of buffers";
    port_->Resume();
    EXPECT_FALSE(ring_.reading(kFile)) << "it would fail at once";
  });
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_EQ(ReceivedSizes(), std::vector<size_t>{60 + kReceiveBufferCount});
}

TEST_F(PauseTest, FramesInUseComeHomeWhilePaused) {
  Arrive(60, 2);
  LetTheRingReceive();
  ASSERT_TRUE(port_->Pause());
  Turn([&](const FrameBatch& batch) {
    EXPECT_EQ(batch.frames().size(), 2U);
    EXPECT_TRUE(port_->paused());
    EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount - 2U);
  });
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
  EXPECT_FALSE(ring_.reading(kFile)) << "Recycle starts nothing";
}

TEST_F(PauseTest, BuffersThatAreWithheldStayWithheld) {
  port_->LimitReceiving(5);
  Arrive(60, 1);
  Turn();
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount - 1U) << "it withholds what comes home";
  Arrive(60, kReceiveBufferCount);
  Turn();
  ASSERT_EQ(ring_.free_buffers(kFile), 5U);
  PausePort();
  EXPECT_EQ(ring_.free_buffers(kFile), 5U);
  const size_t waiting = ring_.waiting(kFile);
  Arrive(60, 20);
  port_->Resume();
  EXPECT_EQ(ReceivedSizes().size(), 5U);
  EXPECT_EQ(ring_.waiting(kFile), waiting + 15);
}

TEST_F(PauseTest, ALimitThatChangesMeanwhileHoldsAfterResume) {
  port_->LimitReceiving(5);
  Arrive(60, kReceiveBufferCount);
  Turn();
  PausePort();
  port_->LimitReceiving(7);
  port_->Recycle();
  EXPECT_EQ(ring_.free_buffers(kFile), 7U);
  EXPECT_FALSE(ring_.reading(kFile));
  Arrive(60, 20);
  port_->Resume();
  EXPECT_EQ(ReceivedSizes().size(), 7U);
  port_->LimitReceiving(1000);
  Turn();
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(PauseTest, GivesBackIdleMemoryAndResumesAllTheSame) {
  Arrive(60, 1);
  Turn();
  PausePort();
  port_->ReleaseIdleMemory();
  port_->ReleaseIdleMemory();
  Arrive(61, 1);
  port_->Resume();
  EXPECT_EQ(ReceivedSizes(), std::vector<size_t>{61});
}

// ---- Errors and the link

TEST_F(PauseTest, AReadThatFailedIsTriedAgainAfterResume) {
  ring_.FailRead(kFile, ENOMEM);
  Turn([&](const FrameBatch& /*batch*/) {
    ASSERT_TRUE(port_->Pause());
    EXPECT_TRUE(port_->paused());
  });
  EXPECT_FALSE(ring_.reading(kFile));
  EXPECT_TRUE(status().link_up);
  port_->Resume();
  EXPECT_TRUE(ring_.reading(kFile));
  ring_.FailRead(kFile, ENOMEM);
  Turn();
  EXPECT_FALSE(status().link_up) << "the failure before the pause counts";
}

TEST_F(PauseTest, AnErrorThatCameBeforeTheEndCounts) {
  ring_.FailRead(kFile, ENOMEM);
  LetTheRingReceive();
  ASSERT_TRUE(port_->Pause());
  Turn();
  EXPECT_TRUE(port_->paused());
  EXPECT_EQ(queries_, 2);
  port_->Resume();
  EXPECT_TRUE(ring_.reading(kFile));
}

TEST_F(PauseTest, ReadingThatWaitsForTheLinkWaitsForResumeToo) {
  for (int i = 0; i < 2; ++i) {
    ring_.FailRead(kFile, ENOMEM);
    Turn();
  }
  ASSERT_TRUE(port_->Pause());
  EXPECT_TRUE(port_->paused());
  EXPECT_FALSE(status().link_up);
  port_->Resume();
  EXPECT_FALSE(ring_.reading(kFile)) << "the link has not come up";

  ASSERT_TRUE(port_->Pause());
  Announce(UpLink());
  EXPECT_TRUE(status().link_up);
  EXPECT_FALSE(ring_.reading(kFile));
  port_->Resume();
  EXPECT_TRUE(ring_.reading(kFile));
}

TEST_F(PauseTest, TheLinkIsFollowedDownAndUp) {
  PausePort();
  Announce(DownLink());
  EXPECT_EQ(status().reason, "interface is down");
  LinkEvent link = UpLink();
  link.mtu = 9000;
  Announce(link);
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(status().mtu, 9000U);
  EXPECT_FALSE(ring_.reading(kFile));

  Announce(DownLink());
  port_->Resume();
  EXPECT_TRUE(ring_.reading(kFile)) << "reading waits in the kernel, as without a pause";
  Announce(UpLink());
  Arrive(60, 1);
  EXPECT_EQ(ReceivedSizes(), std::vector<size_t>{60});
}

TEST_F(PauseTest, ADeviceThatIsDeletedMeanwhileIsNotReadAgain) {
  PausePort();
  answer_ = absl::NotFoundError("deleted");
  port_->OnLinkChange(RemovedLink());
  EXPECT_EQ(status().reason, "device was deleted; add it again");
  port_->Resume();
  EXPECT_FALSE(ring_.reading(kFile));
  Turn();
  EXPECT_FALSE(ring_.reading(kFile));
}

TEST_F(PauseTest, AnAnswerThatIsAwaitedComesFirst) {
  port_->BeginClose();
  Turn();
  FakeRing ring;
  TapPort port(
      {.id = kPort, .generation = kGeneration, .name = "vnet0", .counters = &counters_},
      FileDescriptor(), OffloadSet::All(), [] { return UpLink(); }, QueueRole::kFirst, nullptr,
      [] {});
  ASSERT_TRUE(port.Start(ring).ok());
  FrameBatch batch;
  ring.FailRead(kFile, EIO);
  static_cast<void>(ring.SubmitAndWait(std::chrono::nanoseconds(0)));
  port.OnCompletions(ring.Reap(), batch);
  port.Recycle();
  ASSERT_TRUE(port.Pause());
  EXPECT_TRUE(port.paused());
  port.Resume();
  EXPECT_FALSE(ring.reading(kFile)) << "nobody knows yet how the link is";
  ASSERT_TRUE(port.Pause());
  port.OnLinkAnswer();
  EXPECT_FALSE(ring.reading(kFile));
  port.Resume();
  EXPECT_TRUE(ring.reading(kFile));
  port.BeginClose();
  static_cast<void>(ring.SubmitAndWait(std::chrono::nanoseconds(0)));
  port.OnCompletions(ring.Reap(), batch);
  EXPECT_TRUE(port.closed());
}

// ---- Its end

TEST_F(PauseTest, APausedPortIsClosedAtOnceWithItsWritesDone) {
  PausePort();
  Send(Wire(FrameOf(60)));
  port_->BeginClose();
  EXPECT_TRUE(port_->closed());
  EXPECT_EQ(ring_.written().size(), 1U);
  port_->Resume();
  EXPECT_FALSE(ring_.reading(kFile));
}

TEST_F(PauseTest, APortThatIsAboutToPauseIsClosedOnceItsReadHasEnded) {
  Arrive(60, 1);
  LetTheRingReceive();
  ASSERT_TRUE(port_->Pause());
  port_->BeginClose();
  EXPECT_FALSE(port_->closed());
  EXPECT_TRUE(ReceivedSizes().empty()) << "what still comes is let go";
  EXPECT_TRUE(port_->closed());
}

TEST_F(PauseTest, APausedPortWithWithheldBuffersCloses) {
  port_->LimitReceiving(1);
  Arrive(60, kReceiveBufferCount);
  Turn();
  PausePort();
  port_->BeginClose();
  EXPECT_TRUE(port_->closed());
}

}  // namespace
}  // namespace tapswitch::pause_test
