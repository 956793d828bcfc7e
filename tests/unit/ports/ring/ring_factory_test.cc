#include "ports/ring/ring_factory.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <vector>

#include "ports/ring/uring_ring.h"

namespace tapswitch::ring_factory_test {
namespace {

// A system call that is answered with `error`: always, or when its second argument is `second`.
struct Denied {
  uint32_t call = 0;
  std::optional<uint32_t> second;
  uint32_t error = 0;
};

// As container runtimes do it, for the rest of this process's life.
bool Deny(const Denied& denied) {
  std::vector<sock_filter> program{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, denied.call},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  if (denied.second) {  // its low half: the machines this runs on are little endian
    program.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[1])});
    program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, *denied.second});
    program.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  }
  program.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | denied.error});
  const sock_fprog filter{.len = static_cast<uint16_t>(program.size()), .filter = program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// For a child process: chooses a ring where `denied` is denied, and tells about it on stderr.
[[noreturn]] void ChooseWithout(const Denied& denied, IoMode mode) {
  if (!Deny(denied)) {
    std::cerr << "seccomp filter refused";
    std::exit(2);
  }
  const absl::StatusOr<ChosenRing> chosen = MakeRing(mode);
  if (chosen.ok()) {
    std::cerr << '[' << chosen->ring->description() << "] " << chosen->explanation;
  } else {
    std::cerr << chosen.status();
  }
  std::exit(0);
}

absl::Status TryMultishot() { return UringRing::Create({.multishot = true}).status(); }

TEST(RingFactoryTest, PrefersMultishotReceives) {
  if (!TryMultishot().ok()) GTEST_SKIP() << "no io_uring with multishot receives here";
  for (const IoMode mode : {IoMode::kAuto, IoMode::kUring}) {
    const absl::StatusOr<ChosenRing> chosen = MakeRing(mode);
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    EXPECT_EQ(chosen->ring->description(), "io_uring, multishot receives");
    EXPECT_EQ(chosen->explanation, "io_uring with multishot receives");
  }
}

TEST(RingFactoryTest, DoesWithoutMultishotWhereTheKernelIsOld) {
  if (!absl::IsUnimplemented(TryMultishot())) {
    GTEST_SKIP() << "multishot receives here, or no io_uring at all";
  }
  for (const IoMode mode : {IoMode::kAuto, IoMode::kUring}) {
    const absl::StatusOr<ChosenRing> chosen = MakeRing(mode);
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    EXPECT_EQ(chosen->ring->description(), "io_uring");
    EXPECT_EQ(chosen->explanation,
              "io_uring without multishot receives: this kernel is older than Linux 6.7");
  }
}

TEST(RingFactoryTest, TakesEpollWhenAskedTo) {
  const absl::StatusOr<ChosenRing> chosen = MakeRing(IoMode::kEpoll);
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_EQ(chosen->ring->description(), "epoll");
  EXPECT_EQ(chosen->explanation, "epoll, as asked for");
}

TEST(RingFactoryDeathTest, TakesEpollWhereIoUringIsForbiddenAndSaysWhy) {
  EXPECT_EXIT(ChooseWithout({.call = SYS_io_uring_setup, .error = EPERM}, IoMode::kAuto),
              testing::ExitedWithCode(0),
              "^\\[epoll\\] epoll: io_uring_setup: Operation not permitted ");
}

TEST(RingFactoryDeathTest, TakesEpollWhereIoUringIsAbsentAndSaysWhy) {
  EXPECT_EXIT(ChooseWithout({.call = SYS_io_uring_setup, .error = ENOSYS}, IoMode::kAuto),
              testing::ExitedWithCode(0),
              "^\\[epoll\\] epoll: io_uring_setup: Function not implemented ");
}

TEST(RingFactoryDeathTest, RefusesWhereIoUringIsDemandedAndForbidden) {
  EXPECT_EXIT(ChooseWithout({.call = SYS_io_uring_setup, .error = EPERM}, IoMode::kUring),
              testing::ExitedWithCode(0),
              "^UNAVAILABLE: io_uring cannot be had: io_uring_setup: Operation not permitted ");
}

TEST(RingFactoryDeathTest, GoesDownOneRungWhereTheRingCanBeSetUpButNotUsed) {
  if (!TryMultishot().ok()) GTEST_SKIP() << "no io_uring with multishot receives here";
  const Denied no_provided_buffers{
      .call = SYS_io_uring_register, .second = IORING_REGISTER_PBUF_RING, .error = EINVAL};
  for (const IoMode mode : {IoMode::kAuto, IoMode::kUring}) {
    EXPECT_EXIT(ChooseWithout(no_provided_buffers, mode), testing::ExitedWithCode(0),
                "^\\[io_uring\\] io_uring without multishot receives: "
                "io_uring_register_buf_ring: Invalid argument");
  }
}

}  // namespace
}  // namespace tapswitch::ring_factory_test
