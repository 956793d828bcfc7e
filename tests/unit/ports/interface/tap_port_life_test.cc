// What a TAP port does as its interface changes, and from its start to its end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/support/share_link.h"
#include "tests/support/tap_port_fixture.h"

namespace tapswitch::tap_port_life_test {
namespace {

using testing::HasSubstr;

// ---- The interface

TEST_F(TapPortTest, FollowsTheInterfaceDownUpAndItsMtu) {
  Announce(DownLink());
  EXPECT_FALSE(status().link_up);
  EXPECT_EQ(status().reason, "interface is down");
  EXPECT_TRUE(ring_.reading(kFile)) << "reading waits";

  LinkEvent link = UpLink();
  link.mtu = 9000;
  link.name = "renamed";
  Announce(link);
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(status().mtu, 9000U);
  EXPECT_EQ(port_->identity().name, "vnet0") << "the port keeps its name";
}

TEST_F(TapPortTest, AnEventThatIsOutOfDateChangesNothing) {
  port_->OnLinkChange(DownLink());
  port_->OnLinkChange(RemovedLink());
  EXPECT_TRUE(status().link_up) << "the kernel has been asked";
}

TEST_F(TapPortTest, AnEventWithoutNewsCostsNoQuestion) {
  port_->OnLinkChange(UpLink());
  EXPECT_EQ(queries_, 1);
}

TEST_F(TapPortTest, OtherInterfacesAreNoneOfItsBusiness) {
  LinkEvent other = DownLink();
  other.ifindex = 6;
  port_->OnLinkChange(other);
  other = DownLink();
  other.netns = kElsewhere;
  port_->OnLinkChange(other);
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(queries_, 1);
}

TEST_F(TapPortTest, FollowsTheInterfaceToAnotherNamespace) {
  LinkEvent there{.netns = kElsewhere, .ifindex = 2, .name = "eth0", .up = false, .mtu = 1500};
  answer_ = there;
  port_->OnLinkChange(RemovedLink());
  EXPECT_EQ(status().reason, "interface is down") << "moving takes it down";

  port_->OnLinkChange(UpLink());
  EXPECT_FALSE(status().link_up) << "that is another interface now";
  there.up = true;
  Announce(there);
  EXPECT_TRUE(status().link_up);
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn().size(), 1U);
}

TEST_F(TapPortTest, ADeletedDeviceIsDownForGood) {
  answer_ = absl::NotFoundError("deleted");
  port_->OnLinkChange(RemovedLink());
  EXPECT_FALSE(status().link_up);
  EXPECT_EQ(status().reason, "device was deleted; add it again");

  ring_.FailRead(kFile, EBADFD);
  Turn();
  EXPECT_FALSE(ring_.reading(kFile));
  port_->OnLinkChange(UpLink());
  EXPECT_FALSE(status().link_up) << "another interface may get its index";
}

TEST_F(TapPortTest, EbadfdOfAReadOrAWriteRevealsThatTheDeviceIsGone) {
  answer_ = absl::NotFoundError("deleted");
  ring_.FailWrites(kFile, EBADFD);
  Send(Wire(FrameOf(60)));
  Turn();
  EXPECT_EQ(status().reason, "device was deleted; add it again");
  EXPECT_EQ(dropped(DropReason::kLinkDown), 1U);
}

TEST_F(TapPortTest, EbadfdOfAReadAloneEndsReadingForGood) {
  answer_ = absl::NotFoundError("deleted");
  ring_.FailRead(kFile, EBADFD);
  Turn();
  EXPECT_EQ(status().reason, "device was deleted; add it again");
  EXPECT_FALSE(ring_.reading(kFile));
}

TEST_F(TapPortTest, AnInterfaceThatCannotBeFollowedIsTakenToBeUp) {
  answer_ = absl::PermissionDeniedError("not allowed to look there");
  port_->OnLinkChange(RemovedLink());
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(status().mtu, 1500U);

  ring_.FailWrites(kFile, EIO);
  Send(Wire(FrameOf(60)));
  Turn();
  EXPECT_EQ(dropped(DropReason::kLinkDown), 1U);
  EXPECT_TRUE(status().link_up) << "no event would ever bring it up again";
}

// ---- Its end

TEST_F(TapPortTest, ClosingWithAReadInFlightWaitsForItsLastCompletion) {
  port_->BeginClose();
  EXPECT_FALSE(port_->closed());
  Turn();
  EXPECT_TRUE(port_->closed());
}

TEST_F(TapPortTest, WhatStillArrivesWhileItClosesIsLetGo) {
  ring_.SetCompletionRoom(1);
  for (size_t i = 0; i < 3; ++i) ring_.Arrive(kFile, Wire(FrameOf(60)));
  static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
  port_->BeginClose();
  Send(Wire(FrameOf(60)));
  std::vector<Bytes> received;
  for (int turn = 0; turn < 4; ++turn) {
    for (Bytes& frame : Turn()) received.push_back(std::move(frame));
  }
  EXPECT_TRUE(received.empty());
  EXPECT_TRUE(port_->closed());
  EXPECT_EQ(dropped(DropReason::kLinkDown), 1U);
  EXPECT_TRUE(ring_.written().empty());
}

TEST_F(TapPortTest, FramesInUseWhenItBeginsToCloseComeHome) {
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  Turn([&](const FrameBatch& batch) {
    ASSERT_EQ(batch.frames().size(), 1U);
    port_->BeginClose();
  });
  Turn();
  EXPECT_TRUE(port_->closed());
}

TEST_F(TapPortTest, APortThatIsNotReadingIsClosedAtOnceWithItsWritesDone) {
  for (size_t i = 0; i <= kReceiveBufferCount; ++i) ring_.Arrive(kFile, Wire(FrameOf(60)));
  Turn([&](const FrameBatch& /*batch*/) {
    ASSERT_FALSE(ring_.reading(kFile));
    Send(Wire(FrameOf(60)));
    port_->BeginClose();
    EXPECT_TRUE(port_->closed());
    EXPECT_EQ(ring_.written().size(), 1U);
  });
  EXPECT_FALSE(ring_.reading(kFile));
}

TEST(TapPortStart, AnInterfaceThatCannotBeAskedForIsAnErrorAndLeavesNothing) {
  FakeRing ring;
  PortCounters counters;
  TapPort port({.id = {1}, .generation = 1, .name = "vnet0", .counters = &counters},
               FileDescriptor(), {}, [] { return absl::PermissionDeniedError("no"); });
  EXPECT_TRUE(absl::IsPermissionDenied(port.Start(ring)));
  EXPECT_FALSE(ring.has_file({0}));
}

// ---- A queue after the first

TEST(TapPortFollower, StartsOnceTheFirstHasAndFollowsItsLink) {
  FakeRing ring;
  PortCounters counters;
  absl::StatusOr<LinkEvent> answer =
      LinkEvent{.netns = kHost, .ifindex = 5, .name = "vnet0", .up = true, .mtu = 1500};
  const SharedLinkQueries queries = ShareLink({}, [&] { return answer; });
  TapPort port({.id = kPort, .generation = kGeneration, .name = "vnet0", .counters = &counters},
               FileDescriptor(), {}, queries.others, QueueRole::kFollower);
  EXPECT_TRUE(absl::IsFailedPrecondition(port.Start(ring)));
  ASSERT_TRUE(queries.first().ok());
  ASSERT_TRUE(port.Start(ring).ok());
  EXPECT_TRUE(port.status().link_up);

  LinkEvent removed = *answer;
  removed.removed = true;
  answer = absl::NotFoundError("deleted");
  port.OnLinkChange(removed);
  EXPECT_TRUE(port.status().link_up) << "the first has not heard of it";
  static_cast<void>(queries.first());
  port.OnLinkChange(removed);
  EXPECT_EQ(port.status().reason, "device was deleted; add it again");

  port.BeginClose();
  static_cast<void>(ring.SubmitAndWait(std::chrono::nanoseconds(0)));
  FrameBatch batch;
  port.OnCompletions(ring.Reap(), batch);
  EXPECT_TRUE(port.closed());
}

// ---- Where another thread asks the kernel

class TapPortWithoutWaitingTest : public TapPortTest {
 protected:
  void SetUp() override {
    const PortIdentity identity{
        .id = kPort, .generation = kGeneration, .name = "vnet0", .counters = &counters_};
    port_ = std::make_unique<TapPort>(
        identity, FileDescriptor(), OffloadSet::All(), [this] { return answer_; },
        QueueRole::kFirst, nullptr, [this] { ++refreshes_; });
    ASSERT_TRUE(port_->Start(ring_).ok());
  }

  void Answer(const LinkEvent& link) {
    answer_ = link;
    port_->OnLinkAnswer();
  }

  int refreshes_ = 0;
};

TEST_F(TapPortWithoutWaitingTest, WhatChangesBeforeItIsThereToBeToldIsAskedFor) {
  EXPECT_EQ(refreshes_, 1);
  Answer(DownLink());
  EXPECT_EQ(status().reason, "interface is down");
}

TEST_F(TapPortWithoutWaitingTest, AReadThatFailsIsTriedAgainOnceItIsKnownHowTheLinkIs) {
  ring_.FailRead(kFile, EIO);
  Turn();
  EXPECT_EQ(refreshes_, 2);
  EXPECT_FALSE(ring_.reading(kFile));
  EXPECT_TRUE(status().link_up) << "nothing is known yet";
  Answer(DownLink());
  EXPECT_EQ(status().reason, "interface is down");
  EXPECT_TRUE(ring_.reading(kFile));

  ring_.FailRead(kFile, EIO);
  Turn();
  Answer(DownLink());
  EXPECT_FALSE(ring_.reading(kFile)) << "until the link comes up";
  Announce(UpLink());
  EXPECT_TRUE(status().link_up);
  EXPECT_TRUE(ring_.reading(kFile));
}

TEST_F(TapPortWithoutWaitingTest, AnAnswerAfterItsEndIsOfNoUse) {
  port_->BeginClose();
  Answer(UpLink());
  EXPECT_FALSE(status().link_up);
}

TEST(TapPortStart, ARingWithoutRoomIsAnError) {
  FakeRing ring(0);
  PortCounters counters;
  TapPort port({.id = {1}, .generation = 1, .name = "vnet0", .counters = &counters},
               FileDescriptor(), {}, [] { return LinkEvent{.ifindex = 1, .up = true}; });
  EXPECT_TRUE(absl::IsResourceExhausted(port.Start(ring)));
}

}  // namespace
}  // namespace tapswitch::tap_port_life_test
