#include "ports/vhost_user/guest_caller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <limits>

#include "ports/os/file_descriptor.h"

namespace tapswitch::guest_caller_test {
namespace {

constexpr uint64_t kFull = std::numeric_limits<uint64_t>::max() - 1;

TEST(GuestCallerTest, SignalsAddOneEach) {
  GuestCaller caller = GuestCaller::Create().value();
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  for (int i = 0; i < 10'000; ++i) caller.Signal(event.get());
  eventfd_t count = 0;
  ASSERT_EQ(eventfd_read(event.get(), &count), 0);
  EXPECT_EQ(count, 10'000);
}

// A write would wait for ever.
TEST(GuestCallerTest, DoesNotWaitForACounterThatIsFullAndBlocks) {
  GuestCaller caller = GuestCaller::Create().value();
  const FileDescriptor event(eventfd(0, 0));
  ASSERT_EQ(eventfd_write(event.get(), kFull), 0);
  for (int i = 0; i < 1'000; ++i) caller.Signal(event.get());
  eventfd_t count = 0;
  ASSERT_EQ(eventfd_read(event.get(), &count), 0);
  EXPECT_GE(count, kFull);
  caller.Signal(event.get());
  ASSERT_EQ(eventfd_read(event.get(), &count), 0);
  EXPECT_EQ(count, 1);
}

TEST(GuestCallerTest, LeavesOtherFilesAlone) {
  GuestCaller caller = GuestCaller::Create().value();
  const FileDescriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  caller.Signal(null.get());
  caller.Signal(-1);
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  caller.Signal(event.get());
  eventfd_t count = 0;
  EXPECT_EQ(eventfd_read(event.get(), &count), 0);
}

TEST(GuestCallerTest, OneThatWasMovedSignals) {
  GuestCaller first = GuestCaller::Create().value();
  GuestCaller second = std::move(first);
  const FileDescriptor event(eventfd(0, EFD_NONBLOCK));
  second.Signal(event.get());
  eventfd_t count = 0;
  EXPECT_EQ(eventfd_read(event.get(), &count), 0);
}

}  // namespace
}  // namespace tapswitch::guest_caller_test
