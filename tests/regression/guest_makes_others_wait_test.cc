// A guest whose front end gives files that make others wait: eventfds that are full and block, and
// files of a file system that does not answer. And one with chains of buffers that take long.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ports/vhost_user/front_end_files.h"
#include "tests/support/control_client.h"
#include "tests/support/hostile_guest_fixture.h"
#include "tests/support/silent_file_system.h"
#include "tests/support/vhost_front_end.h"
#include "tests/support/wait_until.h"

namespace tapswitch::guest_makes_others_wait_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

void CommandsAreCarriedOut() {
  EXPECT_EQ(ControlClient().Call("port.list", json::object()).size(), 3);
}

using GuestMakesOthersWaitTest = HostileGuestFixture<SwitchTest>;
INSTANTIATE_TEST_SUITE_P(All, GuestMakesOthersWaitTest, kEachIo, IoName);

// Its calls come to a counter that is full. In each moment between two looks of the switch it may
// have become one that blocks.
TEST_P(GuestMakesOthersWaitTest, ByAnEventThatBlocksNowAndThen) {
  Join(hostile_, "bad");
  const int call = hostile_.call(0);
  // With an earlier call in it, it could not be filled.
  eventfd_t count = 0;
  static_cast<void>(eventfd_read(call, &count));
  ASSERT_EQ(eventfd_write(call, std::numeric_limits<uint64_t>::max() - 1), 0);
  ASSERT_NE(eventfd_write(call, 1), 0) << "it should be full";
  std::atomic<bool> goes_on = true;
  std::thread flips([&] {
    const int flags = fcntl(call, F_GETFL);
    while (goes_on) {
      fcntl(call, F_SETFL, flags | O_NONBLOCK);
      fcntl(call, F_SETFL, flags & ~O_NONBLOCK);
    }
  });
  for (int i = 0; i < 5000 && !HasFatalFailure(); ++i) {
    OthersTalk();
    // Its buffers are given back, so that it is called each time.
    while (hostile_.Receive(std::chrono::milliseconds(0))) {
    }
  }
  CommandsAreCarriedOut();
  goes_on = false;
  // A writer that waits, of the switch or of this test, goes on.
  fcntl(call, F_SETFL, fcntl(call, F_GETFL) | O_NONBLOCK);
  static_cast<void>(eventfd_read(call, &count));
  flips.join();
}

class FilesThatWaitTest : public GuestMakesOthersWaitTest {
 protected:
  void SetUp() override {
    GuestMakesOthersWaitTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(mkdir(Path("files").c_str(), 0700), 0);
    files_.emplace(Path("files"));
    if (!files_->is_there()) GTEST_SKIP() << "there is no FUSE here: /dev/fuse";
    file_ = files_->Open();
    ASSERT_TRUE(file_.valid());
    files_->BeSilent();
    ASSERT_TRUE(hostile_.Connect(Path("bad")));
    hostile_.Negotiate();
  }
  void TearDown() override {
    files_.reset();  // whoever waits for it goes on
    GuestMakesOthersWaitTest::TearDown();
  }
  void ItIsSaid() {
    EXPECT_TRUE(hostile_.WaitForHangUp());
    ASSERT_TRUE(WaitUntil([] { return Show("bad")["details"].contains("last_error"); }));
    EXPECT_THAT(Show("bad")["details"]["last_error"].get<std::string>(),
                HasSubstr("memory-backend-memfd"));
  }
  void NobodyWaits() {
    ItIsSaid();
    OthersTalk(50);
    CommandsAreCarriedOut();
    EXPECT_NO_THROW(ControlClient().Call("port.del", {{"name", "bad"}}));
    OthersTalk(50);
    // Linux lets no process end while it closes such a file.
    files_.reset();
    switch_->Stop();
  }

  std::optional<SilentFileSystem> files_;
  FileDescriptor file_;
};
INSTANTIATE_TEST_SUITE_P(All, FilesThatWaitTest, kEachIo, IoName);

TEST_P(FilesThatWaitTest, AsMemory) {
  hostile_.SetMemory(hostile_.memory().region(), file_.get());
  for (uint32_t ring : {0, 1}) hostile_.StartRing(ring);
  NobodyWaits();
}

TEST_P(FilesThatWaitTest, WithAMessageThatTakesNone) {
  const int fd = file_.get();
  hostile_.Request(VhostRequest::kSetOwner, {}, {&fd, 1});
  NobodyWaits();
}

// Each leaves a thread that does not end, so only a few may come.
TEST_P(FilesThatWaitTest, AgainAndAgain) {
  const int fd = file_.get();
  const auto is_refused = [] {
    return Show("bad")["reason"].get<std::string>().find("cannot be closed") != std::string::npos;
  };
  hostile_.HangUp();
  for (int i = 0; i < UnwantedFiles::kMostThreads; ++i) {
    ASSERT_FALSE(is_refused());
    VhostFrontEnd again;
    ASSERT_TRUE(again.Connect(Path("bad")) &&
                again.Request(VhostRequest::kSetOwner, {}, {&fd, 1}) && again.WaitForHangUp());
  }
  ASSERT_TRUE(WaitUntil(is_refused)) << Show("bad");
  OthersTalk(50);
  files_.reset();
  file_ = FileDescriptor();
  ASSERT_TRUE(WaitUntil([&] { return hostile_.Connect(Path("bad")) && hostile_.Start(); }));
  WaitForLink("bad");
}

}  // namespace
}  // namespace tapswitch::guest_makes_others_wait_test
