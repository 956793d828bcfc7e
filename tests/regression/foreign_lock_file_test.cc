// A file PATH.lock beside a socket belongs to whoever made it. Before, the switch opened it, locked
// it and removed it, also when it refused to start.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include "ports/os/unix/unix_listener.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::foreign_lock_file_test {
namespace {

using ::testing::HasSubstr;

class ForeignLockFileTest : public testing::Test {
 protected:
  [[nodiscard]] static absl::StatusOr<UnixListener> Bind(const std::string& path) {
    return UnixListener::Bind({.what = "control socket", .path = path});
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("db");
};

TEST_F(ForeignLockFileTest, ItStaysWhenTheSwitchEnds) {
  std::ofstream(path_ + ".lock") << "of another program";
  { ASSERT_TRUE(Bind(path_).ok()); }
  EXPECT_EQ(std::filesystem::file_size(path_ + ".lock"), 18U);
}

TEST_F(ForeignLockFileTest, ItStaysWhenTheSwitchIsRefused) {
  std::ofstream(path_) << "a database";
  std::ofstream(path_ + ".lock") << "of another program";
  EXPECT_THAT(std::string(Bind(path_).status().message()), HasSubstr("is no socket"));
  EXPECT_EQ(std::filesystem::file_size(path_ + ".lock"), 18U);
  EXPECT_EQ(std::filesystem::file_size(path_), 10U);
}

TEST_F(ForeignLockFileTest, NoneIsMade) {
  const auto listener = Bind(path_);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_FALSE(std::filesystem::exists(path_ + ".lock"));
}

TEST_F(ForeignLockFileTest, TwoSpellingsOfAPathAreOne) {
  ASSERT_EQ(mkdir(directory_.Path("folder").c_str(), 0755), 0);
  std::filesystem::create_symlink(directory_.Path("folder"), directory_.Path("link"));
  const auto listener = Bind(directory_.Path("folder/db"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  // As while the first has not bound yet: only the lock tells.
  std::filesystem::remove(directory_.Path("folder/db"));
  for (const char* const other : {"folder/../folder/db", "folder//db", "./folder/db", "link/db"}) {
    EXPECT_TRUE(absl::IsAlreadyExists(Bind(directory_.Path(other)).status())) << other;
  }
  EXPECT_TRUE(Bind(directory_.Path("folder/other")).ok());
}

TEST_F(ForeignLockFileTest, PeersSeeThePathAsItWasWritten) {
  const auto listener = Bind(path_);
  ASSERT_TRUE(listener.ok()) << listener.status();
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  ASSERT_EQ(getsockname(listener->fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(std::string(address.sun_path), path_);
}

}  // namespace
}  // namespace tapswitch::foreign_lock_file_test
