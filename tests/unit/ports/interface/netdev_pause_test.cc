// A port on an interface that gets a new socket while it pauses, as queues do when an interface
// that they share returns.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <utility>

#include "ports/interface/netdev/netdev_port.h"
#include "tests/support/tap_port_fixture.h"

namespace tapswitch::netdev_pause_test {
namespace {

class NetdevPauseTest : public testing::Test {
 protected:
  void SetUp() override {
    port_ = std::make_unique<NetdevPort>(
        PortIdentity{
            .id = kPort, .generation = kGeneration, .name = "veth0", .counters = &counters_},
        NetdevPort::Queue{.role = QueueRole::kFirst,
                          .socket = {},
                          .query = [this] { return answer_; },
                          .missed = [](int) { return 0U; },
                          .new_socket = [this] { return std::move(new_socket_); }});
    ASSERT_TRUE(port_->Start(ring_).ok());
  }

  void TearDown() override {
    port_->BeginClose();
    for (int i = 0; i < 3 && !port_->closed(); ++i) Turn();
    EXPECT_TRUE(port_->closed());
  }

  size_t Turn() {
    FrameBatch batch;
    static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
    port_->OnCompletions(ring_.Reap(), batch);
    port_->Recycle();
    return batch.frames().size();
  }

  void DeleteAndReturn() {
    answer_ = absl::NotFoundError("gone");
    LinkEvent removed = link_;
    removed.removed = true;
    port_->OnLinkChange(removed);
    new_socket_ = FileDescriptor(dup(STDIN_FILENO));
    link_.ifindex += 1;
    answer_ = link_;
    port_->OnLinkChange(link_);
  }

  FakeRing ring_;
  PortCounters counters_;
  LinkEvent link_{.netns = kHost, .ifindex = 5, .name = "veth0", .up = true, .mtu = 1500};
  absl::StatusOr<LinkEvent> answer_ = link_;
  FileDescriptor new_socket_;
  std::unique_ptr<NetdevPort> port_;
  static constexpr FileSlot kFile{0};
};

TEST_F(NetdevPauseTest, ANewSocketThatComesMeanwhileIsReadAfterResume) {
  ASSERT_TRUE(port_->Pause());
  Turn();
  ASSERT_TRUE(port_->paused());
  DeleteAndReturn();
  EXPECT_TRUE(port_->status().link_up);
  EXPECT_TRUE(port_->paused());
  EXPECT_FALSE(ring_.reading(kFile));
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn(), 0U);
  port_->Resume();
  EXPECT_EQ(Turn(), 1U);
}

TEST_F(NetdevPauseTest, ANewSocketThatComesBeforeTheReadHasEndedIsReadAfterResume) {
  ASSERT_TRUE(port_->Pause());
  DeleteAndReturn();
  EXPECT_FALSE(port_->paused());
  Turn();
  EXPECT_TRUE(port_->paused());
  EXPECT_TRUE(port_->status().link_up);
  port_->Resume();
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn(), 1U);
}

TEST_F(NetdevPauseTest, ANewSocketWaitsForFramesInUseBeforeItIsRead) {
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
  ASSERT_TRUE(port_->Pause());
  FrameBatch batch;
  static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
  port_->OnCompletions(ring_.Reap(), batch);
  EXPECT_EQ(batch.frames().size(), 1U);
  DeleteAndReturn();
  port_->Resume();
  EXPECT_FALSE(ring_.reading(kFile)) << "of the old socket, nothing is to be read any more";
  port_->Recycle();
  EXPECT_TRUE(ring_.reading(kFile));
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn(), 1U);
}

}  // namespace
}  // namespace tapswitch::netdev_pause_test
