// The log of a detached switch is beside its control socket, perhaps in a folder of another user, who
// may have put anything there. Before, root followed a link and appended to the file that it named.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "ports/os/file_descriptor.h"
#include "ports/os/files/file_place.h"
#include "switch/process/log.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::foreign_log_file_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uid_t kAttacker = 65534;

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Appends a word to the file. Returns the error; empty: none.
std::string Append(const std::string& path) {
  const auto file = OpenForAppending(path, "--log_file=" + path, 0640);
  if (!file.ok()) return std::string(file.status().message());
  return write(file->get(), "log\n", 4) == 4 ? "" : "not written";
}

class ForeignLogFileTest : public testing::Test {
 protected:
  void SetUp() override {
    alarm(60);  // a FIFO that is waited for
    if (geteuid() != 0) GTEST_SKIP() << "only root can be attacked so";
    ASSERT_EQ(chmod(directory_.Path("").c_str(), 0755), 0);
    ASSERT_EQ(mkdir(theirs_.c_str(), 0755), 0);
    ASSERT_EQ(chown(theirs_.c_str(), kAttacker, kAttacker), 0);
    std::ofstream(victim_) << "precious";
  }
  void TearDown() override { alarm(0); }

  // As the folder's owner.
  void Link(const std::string& target) const {
    std::filesystem::create_symlink(target, log_);
    ASSERT_EQ(lchown(log_.c_str(), kAttacker, kAttacker), 0);
  }
  void ExpectRefused(const std::string& why) const {
    const absl::Status moved = MoveLogToFile(log_);
    EXPECT_THAT(std::string(moved.message()),
                AllOf(StartsWith("--log_file=" + log_ + ": "), HasSubstr(why),
                      HasSubstr("write a path in a folder that only root")));
    EXPECT_EQ(TextOf(victim_), "precious");
    EXPECT_NE(Append(log_), "");
    EXPECT_EQ(TextOf(victim_), "precious");
  }

  TemporaryDirectory directory_;
  std::string theirs_ = directory_.Path("theirs");
  std::string log_ = theirs_ + "/sw.log";
  std::string victim_ = directory_.Path("victim");
};

TEST_F(ForeignLogFileTest, ALinkIsNotFollowed) {
  Link(victim_);
  ExpectRefused("it is a link that another user can change");
}

TEST_F(ForeignLogFileTest, NorIsOneToAFileThatIsMissing) {
  Link(directory_.Path("none"));
  ExpectRefused("it is a link that another user can change");
  EXPECT_FALSE(std::filesystem::exists(directory_.Path("none")));
}

TEST_F(ForeignLogFileTest, NorAFolderThatLeadsToOneOfRoots) {
  const std::string away = theirs_ + "/away";
  std::filesystem::create_symlink(directory_.Path(""), away);
  ASSERT_EQ(lchown(away.c_str(), kAttacker, kAttacker), 0);
  EXPECT_THAT(Append(away + "/victim"), HasSubstr("a link of uid 65534"));
  EXPECT_EQ(TextOf(victim_), "precious");
}

TEST_F(ForeignLogFileTest, ASecondNameOfRootsFileIsNotWrittenTo) {
  std::filesystem::create_hard_link(victim_, log_);
  ExpectRefused("the file has several names");
}

TEST_F(ForeignLogFileTest, NorIsAFileThatIsTheirs) {
  std::ofstream(log_) << "theirs";
  ASSERT_EQ(chown(log_.c_str(), kAttacker, kAttacker), 0);
  ExpectRefused("it belongs to uid 65534");
}

TEST_F(ForeignLogFileTest, AFifoIsNotWaitedForNorWrittenTo) {
  ASSERT_EQ(mkfifo(log_.c_str(), 0600), 0);
  ASSERT_EQ(chown(log_.c_str(), kAttacker, kAttacker), 0);
  EXPECT_NE(Append(log_), "");
  const FileDescriptor reader(open(log_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ExpectRefused("it is a FIFO");
}

TEST_F(ForeignLogFileTest, AFileThatIsMissingIsMadeThereAndGoneOnWith) {
  EXPECT_EQ(Append(log_), "");
  EXPECT_EQ(Append(log_), "");
  EXPECT_EQ(TextOf(log_), "log\nlog\n");
  struct stat made {};
  ASSERT_EQ(stat(log_.c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 0U);
  EXPECT_EQ(made.st_mode & 0777U & ~0640U, 0U);
}

TEST_F(ForeignLogFileTest, WhereOnlyRootCanChangeItTheLogMayBeAnything) {
  const std::string link = directory_.Path("link");
  std::filesystem::create_symlink("victim", link);
  EXPECT_EQ(Append(link), "");
  EXPECT_EQ(TextOf(victim_), "preciouslog\n");
  const std::string fifo = directory_.Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const FileDescriptor reader(open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(Append(fifo), "");
  EXPECT_EQ(Append("/dev/null"), "");
  // A link of root's that leads to the folder of another user is looked at again there.
  Link(victim_);
  const std::string away = directory_.Path("away");
  std::filesystem::create_symlink(log_, away);
  EXPECT_THAT(Append(away), HasSubstr("it is a link that another user can change"));
}

TEST_F(ForeignLogFileTest, StandardErrorIsWrittenToWhateverItIs) {
  int ends[2];  // NOLINT(*-avoid-c-arrays): pipe takes one
  ASSERT_EQ(pipe2(static_cast<int*>(ends), O_CLOEXEC), 0);
  const FileDescriptor reader(ends[0]);
  const FileDescriptor writer(ends[1]);
  const FileDescriptor before(dup(STDERR_FILENO));
  ASSERT_EQ(dup2(writer.get(), STDERR_FILENO), STDERR_FILENO);
  const std::string error = Append("/dev/stderr");
  dup2(before.get(), STDERR_FILENO);
  EXPECT_EQ(error, "");
  char text[4];  // NOLINT(*-avoid-c-arrays)
  EXPECT_EQ(read(reader.get(), static_cast<char*>(text), sizeof(text)), 4);
}

}  // namespace
}  // namespace tapswitch::foreign_log_file_test
