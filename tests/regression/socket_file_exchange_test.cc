// The owner of a folder exchanges the file of a socket, or the folder, while root makes a socket
// there. Before, owner and mode were changed by name, and files were removed by name: root's file
// got the socket's owner or mode, or was deleted, within some rounds.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "ports/os/unix/unix_listener.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::socket_file_exchange_test {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kAttacker = 65534;
constexpr mode_t kSecret = 0600;

// A process of another user that exchanges two names again and again.
class Exchanger {
 public:
  enum class When { kAlways, kOnceItIsASocket };

  Exchanger(const std::string& one, const std::string& other, When when) : child_(fork()) {
    if (child_ == 0) Run(one, other, when);
  }
  ~Exchanger() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Exchanger(const Exchanger&) = delete;
  Exchanger& operator=(const Exchanger&) = delete;

 private:
  [[noreturn]] static void Run(const std::string& one, const std::string& other, When when) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setresgid(kAttacker, kAttacker, kAttacker) != 0) _exit(1);
    if (setresuid(kAttacker, kAttacker, kAttacker) != 0) _exit(1);
    for (;;) {
      struct stat found {};
      const bool is_socket = lstat(one.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
      if (when == When::kOnceItIsASocket && !is_socket) continue;
      renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    }
  }

  pid_t child_;
};

class SocketFileExchangeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be attacked so";
    ASSERT_EQ(chmod(directory_.Path("").c_str(), 0755), 0);
    MakeFolder(theirs_, kAttacker);
    MakeFolder(roots_, 0);
    std::ofstream(victim_) << "precious";
    ASSERT_EQ(chmod(victim_.c_str(), kSecret), 0);
  }

  static void MakeFolder(const std::string& path, uid_t owner) {
    ASSERT_EQ(mkdir(path.c_str(), 0755), 0);
    ASSERT_EQ(chown(path.c_str(), owner, owner), 0);
  }

  // Makes and ends sockets while the exchanger is at it; it may well make them fail.
  void Insist(const UnixListener::Options& options) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (std::chrono::steady_clock::now() < until) {
      { const auto listener = UnixListener::Bind(options); }
      struct stat found {};
      ASSERT_EQ(stat(victim_.c_str(), &found), 0) << "it was removed";
      ASSERT_EQ(found.st_uid, 0U);
      ASSERT_EQ(found.st_mode & 07777U, kSecret);
    }
  }

  TemporaryDirectory directory_;
  std::string theirs_ = directory_.Path("theirs");
  std::string roots_ = directory_.Path("roots");
  std::string victim_ = roots_ + "/vm.sock";
};

TEST_F(SocketFileExchangeTest, ALinkInPlaceOfTheSocketLeadsNowhere) {
  const std::string path = theirs_ + "/vm.sock";
  const std::string link = theirs_ + "/link";
  std::filesystem::create_symlink(victim_, link);
  ASSERT_EQ(lchown(link.c_str(), kAttacker, kAttacker), 0);
  const Exchanger exchanger(path, link, Exchanger::When::kOnceItIsASocket);
  Insist({.what = "port", .path = path, .mode = 0666, .user = kAttacker});
}

TEST_F(SocketFileExchangeTest, NorDoesOneWhereNobodyIsGivenTheSocket) {
  const std::string path = theirs_ + "/vm.sock";
  const std::string link = theirs_ + "/link";
  std::filesystem::create_symlink(victim_, link);
  ASSERT_EQ(lchown(link.c_str(), kAttacker, kAttacker), 0);
  const Exchanger exchanger(path, link, Exchanger::When::kOnceItIsASocket);
  const mode_t before = umask(077);
  Insist({.what = "port", .path = path, .mode = 0666});
  umask(before);
}

TEST_F(SocketFileExchangeTest, AFolderInPlaceOfTheSocketsIsNotTouched) {
  // Given theirs/d, where the socket is to be, and theirs/e, which leads to root's folder.
  MakeFolder(theirs_ + "/d", kAttacker);
  std::filesystem::create_symlink(roots_, theirs_ + "/e");
  ASSERT_EQ(lchown((theirs_ + "/e").c_str(), kAttacker, kAttacker), 0);
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const Exchanger exchanger(theirs_ + "/d", theirs_ + "/e", Exchanger::When::kAlways);
    Insist({.what = "port",
            .path = theirs_ + "/d/vm.sock",
            .type = type,
            .mode = 0666,
            .user = kAttacker});
  }
}

TEST_F(SocketFileExchangeTest, NoSocketIsMadeWhereAnothersLinkLeads) {
  std::filesystem::create_symlink(roots_, theirs_ + "/e");
  ASSERT_EQ(lchown((theirs_ + "/e").c_str(), kAttacker, kAttacker), 0);
  const auto listener =
      UnixListener::Bind({.what = "port", .path = theirs_ + "/e/new.sock", .user = kAttacker});
  EXPECT_THAT(std::string(listener.status().message()), HasSubstr("a link of uid 65534"));
  EXPECT_FALSE(std::filesystem::exists(roots_ + "/new.sock"));
}

TEST_F(SocketFileExchangeTest, ASocketInAnothersFolderIsGivenToThem) {
  const std::string path = theirs_ + "/vm.sock";
  {
    const auto listener =
        UnixListener::Bind({.what = "port", .path = path, .mode = 0640, .user = kAttacker});
    ASSERT_TRUE(listener.ok()) << listener.status();
    struct stat found {};
    ASSERT_EQ(lstat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, kAttacker);
    EXPECT_EQ(found.st_mode & 07777U, 0640U);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketFileExchangeTest, TheDirectoryThatIsMadeIsNotAnothersTarget) {
  // The folder is made below one that leads elsewhere: before, root's own folder got mode 0755.
  ASSERT_EQ(chmod(roots_.c_str(), 0700), 0);
  MakeFolder(theirs_ + "/d", kAttacker);
  std::filesystem::create_symlink(directory_.Path(""), theirs_ + "/e");
  ASSERT_EQ(lchown((theirs_ + "/e").c_str(), kAttacker, kAttacker), 0);
  const Exchanger exchanger(theirs_ + "/d", theirs_ + "/e", Exchanger::When::kAlways);
  const std::string made = theirs_ + "/d/roots";
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < until) {
    {
      const auto listener =
          UnixListener::Bind({.what = "port", .path = made + "/x.sock", .makes_folder = true});
    }
    rmdir(made.c_str());
    struct stat found {};
    ASSERT_EQ(stat(roots_.c_str(), &found), 0);
    ASSERT_EQ(found.st_mode & 07777U, 0700U);
  }
}

}  // namespace
}  // namespace tapswitch::socket_file_exchange_test
