#include "ports/os/unix/unix_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/raw_client.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::unix_listener_test {
namespace {

using ::testing::HasSubstr;

class UnixListenerTest : public testing::Test {
 protected:
  [[nodiscard]] absl::StatusOr<UnixListener> Bind() const { return BindFor(std::nullopt); }
  [[nodiscard]] absl::StatusOr<UnixListener> BindFor(std::optional<gid_t> group) const {
    return UnixListener::Bind({.what = "control socket",
                               .path = path_,
                               .occupant = "a bridge of this name is running",
                               .mode = 0660,
                               .group = group,
                               .makes_folder = true});
  }
  [[nodiscard]] std::string Error() const {
    const absl::StatusOr<UnixListener> listener = Bind();
    return listener.ok() ? "" : std::string(listener.status().message());
  }
  // A socket at the path, bound by somebody who knows nothing of our lock.
  FileDescriptor BindForeign(int type = SOCK_STREAM) const {
    FileDescriptor fd(socket(AF_UNIX, type, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  [[nodiscard]] static mode_t ModeOf(const std::string& path) {
    struct stat found {};
    EXPECT_EQ(stat(path.c_str(), &found), 0);
    return found.st_mode & 07777U;
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("br0.sock");
};

TEST_F(UnixListenerTest, LetsClientsConnectAtOnce) {
  const absl::StatusOr<UnixListener> listener = Bind();
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(RawClient().Connect(path_));
}

TEST_F(UnixListenerTest, IsOpenToOwnerAndGroupWhateverTheUmask) {
  for (const mode_t mask : {0U, 077U}) {
    const mode_t before = umask(mask);
    const absl::StatusOr<UnixListener> listener = Bind();
    umask(before);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(ModeOf(path_), 0660U);
  }
}

TEST_F(UnixListenerTest, BelongsToTheGroupNamed) {
  const gid_t group = geteuid() == 0 ? 12345 : getegid();
  const absl::StatusOr<UnixListener> listener = BindFor(group);
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat found {};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_gid, group);
  EXPECT_EQ(found.st_uid, geteuid());
}

TEST_F(UnixListenerTest, MakesTheDirectoryItIsInButNotWhatThatIsIn) {
  path_ = directory_.Path("run/br0.sock");
  const mode_t before = umask(077);
  EXPECT_TRUE(Bind().ok());
  umask(before);
  EXPECT_EQ(ModeOf(directory_.Path("run")), 0755U);

  path_ = directory_.Path("a/b/br0.sock");
  EXPECT_THAT(Error(), HasSubstr(directory_.Path("a/b")));
  EXPECT_FALSE(std::filesystem::exists(directory_.Path("a")));
}

TEST_F(UnixListenerTest, LeavesTheModeOfADirectoryThatIsThere) {
  ASSERT_EQ(mkdir(directory_.Path("private").c_str(), 0700), 0);
  path_ = directory_.Path("private/br0.sock");
  EXPECT_TRUE(Bind().ok());
  EXPECT_EQ(ModeOf(directory_.Path("private")), 0700U);
}

TEST_F(UnixListenerTest, TakesOverTheSocketOfADeadProcess) {
  // Given what a killed bridge leaves: a socket that nobody listens on.
  BindForeign();
  ASSERT_FALSE(RawClient().Connect(path_));

  const absl::StatusOr<UnixListener> listener = Bind();

  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(RawClient().Connect(path_));
}

TEST_F(UnixListenerTest, RefusesThatOfALiveBridge) {
  const absl::StatusOr<UnixListener> first = Bind();
  ASSERT_TRUE(first.ok()) << first.status();

  EXPECT_THAT(Error(), HasSubstr("running already, at " + path_));
  EXPECT_TRUE(RawClient().Connect(path_)) << "the live one is not disturbed";
}

TEST_F(UnixListenerTest, RefusesThatOfAnotherProgram) {
  const FileDescriptor other = BindForeign();
  ASSERT_EQ(listen(other.get(), 1), 0);
  EXPECT_THAT(Error(), HasSubstr("running already"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, RefusesADatagramSocketInUse) {
  const FileDescriptor other = BindForeign(SOCK_DGRAM);
  EXPECT_THAT(Error(), HasSubstr("running already"));
}

TEST_F(UnixListenerTest, RefusesAndKeepsWhatIsNoSocket) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(Error(), HasSubstr(path_ + " is there and is no socket"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(UnixListenerTest, RefusesALinkEvenToASocket) {
  BindForeign();
  std::filesystem::rename(path_, directory_.Path("target"));
  std::filesystem::create_symlink(directory_.Path("target"), path_);
  EXPECT_THAT(Error(), HasSubstr("no socket"));
}

TEST_F(UnixListenerTest, RefusesAPathThatTheKernelCannotTake) {
  path_ = directory_.Path(std::string(108, 'x'));
  EXPECT_THAT(Error(), HasSubstr(path_));
  path_ = "";
  EXPECT_THAT(Error(), HasSubstr("0 bytes"));
}

TEST_F(UnixListenerTest, TidiesUpAtTheEnd) {
  { ASSERT_TRUE(Bind().ok()); }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.Path("")));
}

TEST_F(UnixListenerTest, LeavesWhatSomebodyElsePutInItsPlace) {
  std::optional<absl::StatusOr<UnixListener>> listener(Bind());
  ASSERT_TRUE(listener->ok());
  std::filesystem::rename(path_, path_ + ".old");
  const FileDescriptor other = BindForeign();
  listener.reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, LetsOneOfManyTakeOverThatStartAtTheSameTime) {
  for (int round = 0; round < 50; ++round) {
    // Given a stale socket, or none, and several that start while one may just be ending.
    std::filesystem::remove(path_);
    if (round % 2 == 0) BindForeign();
    std::atomic<int> listening = 0;
    std::atomic<int> takeovers = 0;
    std::atomic<bool> doubled = false;
    const auto start = [&] {
      for (int attempt = 0; attempt < 10; ++attempt) {
        const absl::StatusOr<UnixListener> listener = Bind();
        if (!listener.ok()) continue;
        ++takeovers;
        if (++listening > 1) doubled = true;
        EXPECT_TRUE(RawClient().Connect(path_));
        --listening;
      }
    };
    std::vector<std::thread> starters;
    for (int i = 0; i < 4; ++i) starters.emplace_back(start);
    for (std::thread& starter : starters) starter.join();

    // Then never did two believe that the path was theirs.
    ASSERT_FALSE(doubled);
    ASSERT_GE(takeovers, 1);
  }
}

}  // namespace
}  // namespace tapswitch::unix_listener_test
