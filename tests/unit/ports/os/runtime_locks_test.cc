#include "ports/os/runtime_locks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "ports/os/file_descriptor.h"
#include "spdlog/fmt/fmt.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::runtime_locks_test {
namespace {

using ::testing::HasSubstr;

// The status of a process that runs `function`.
template <typename Function>
int InAnotherProcess(Function function) {
  const pid_t child = fork();
  if (child == 0) _exit(function());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WEXITSTATUS(status);
}

class RuntimeLocksTest : public testing::Test {
 protected:
  [[nodiscard]] absl::StatusOr<RuntimeLocks> Open() const { return RuntimeLocks::Open({folder_}); }

  TemporaryDirectory directory_;
  std::string folder_ = directory_.Path("tapswitch");
};

TEST_F(RuntimeLocksTest, OneAtATimeHasALock) {
  const auto locks = Open();
  ASSERT_TRUE(locks.ok()) << locks.status();
  std::optional<absl::StatusOr<RuntimeLock>> first(locks->Take("a"));
  ASSERT_TRUE(first->ok()) << first->status();
  EXPECT_TRUE(absl::IsAlreadyExists(locks->Take("a").status()));
  EXPECT_TRUE(locks->Take("b").ok());
  first.reset();
  EXPECT_TRUE(locks->Take("a").ok());
}

// The other process ends with the lock, as a successor that is killed; then it is this one's again.
TEST_F(RuntimeLocksTest, ASuccessorTakesWhatIsSharedAndNobodyElseDoes) {
  const auto locks = Open();
  const auto lock = locks->Take("a");
  ASSERT_TRUE(lock.ok()) << lock.status();
  const auto takes = [&](const char* name) {
    return InAnotherProcess([&] {
      RuntimeLocks::Inherit(FileDescriptor(dup(locks->fd())));
      return RuntimeLocks::OfProcess()->Take(name).ok() ? 1 : 0;
    });
  };
  EXPECT_EQ(takes("a"), 0) << "it is not shared yet";
  locks->Share();
  EXPECT_EQ(takes("a"), 1);
  EXPECT_EQ(InAnotherProcess([&] {
              const auto other = RuntimeLocks::Open({folder_});
              return absl::IsAlreadyExists(other->Take("a").status()) ? 0 : 1;
            }),
            0);
  EXPECT_EQ(takes("b"), 1) << "nobody has that";
}

TEST_F(RuntimeLocksTest, AnotherProcessIsToldWhoHasIt) {
  const auto locks = Open();
  const auto lock = locks->Take("a");
  ASSERT_TRUE(lock.ok()) << lock.status();
  const std::string owner = fmt::format("process {} (", getpid());
  EXPECT_EQ(InAnotherProcess([&] {
              const auto other = RuntimeLocks::Open({folder_});
              const auto taken = other->Take("a");
              if (!absl::IsAlreadyExists(taken.status())) return 1;
              return taken.status().message().find(owner) == 0 && other->Take("b").ok() ? 0 : 2;
            }),
            0);
}

TEST_F(RuntimeLocksTest, ALockEndsWithItsProcess) {
  const auto locks = Open();
  EXPECT_EQ(InAnotherProcess([&] {
              const auto other = RuntimeLocks::Open({folder_});
              static const auto lock = other->Take("a");
              return lock.ok() ? 0 : 1;
            }),
            0);
  EXPECT_TRUE(locks->Take("a").ok());
}

TEST_F(RuntimeLocksTest, OthersCannotGetAtTheFile) {
  for (const mode_t mask : {0U, 077U}) {
    const mode_t before = umask(mask);
    ASSERT_TRUE(Open().ok());
    umask(before);
    struct stat found {};
    ASSERT_EQ(stat((folder_ + "/locks").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777U, 0600U);
    ASSERT_EQ(stat(folder_.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777U, 0755U);
    std::filesystem::remove_all(folder_);
  }
}

TEST_F(RuntimeLocksTest, AFolderThatOthersMayWriteIsNotUsed) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("others may write it"));
}

TEST_F(RuntimeLocksTest, AFolderOfSomebodyElseIsNotUsed) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(mkdir(folder_.c_str(), 0755), 0);
  ASSERT_EQ(chown(folder_.c_str(), 65534, 65534), 0);
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("belongs to uid 65534"));
}

TEST_F(RuntimeLocksTest, ALinkIsNotFollowed) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0755), 0);
  const std::string target = directory_.Path("target");
  std::filesystem::create_symlink(target, folder_ + "/locks");
  EXPECT_FALSE(Open().ok());
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(RuntimeLocksTest, TheNextFolderIsTriedAndErrorsNameAll) {
  const std::string missing = directory_.Path("missing/tapswitch");
  EXPECT_TRUE(RuntimeLocks::Open({missing, folder_}).ok());
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/locks"));
  const absl::Status failed = RuntimeLocks::Open({missing}).status();
  EXPECT_THAT(std::string(failed.message()), HasSubstr(missing));
  EXPECT_THAT(std::string(failed.message()), HasSubstr("XDG_RUNTIME_DIR"));
}

TEST_F(RuntimeLocksTest, PrivilegesMayBeGivenUpAfterItWasOpened) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const auto locks = Open();
  EXPECT_EQ(InAnotherProcess([&] {
              const auto own = RuntimeLocks::Open({folder_});
              if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) {
                return 1;
              }
              return own->Take("later").ok() ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace tapswitch::runtime_locks_test
