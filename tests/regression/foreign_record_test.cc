// Files that the switch reads by name: what is there may be another user's, a FIFO or endless. Before,
// `tapctl adopt` and SIGTERM waited for whoever would write to a FIFO, a forged record directed what
// root did to interfaces, and /dev/zero took all memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "ports/os/files/plain_file.h"
#include "switch/control/adopt/adoption_record.h"
#include "switch/control/methods/files/startup_file.h"
#include "switch/process/command_line.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::foreign_record_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kAttacker = 65534;

AdoptionRecord Record() {
  return {.bridge = {.name = "br0",
                     .ifindex = 3,
                     .address = MacAddress::FromNumber(0x020000000001),
                     .mtu = 1500},
          .uplink = "br0-tap",
          .netns = {4026531840}};
}

class ForeignRecordTest : public testing::Test {
 protected:
  void SetUp() override {
    alarm(60);  // what is waited for
    ASSERT_EQ(chmod(directory_.Path("").c_str(), 0755), 0);
    ASSERT_EQ(mkdir(theirs_.c_str(), 0755), 0);
  }
  void TearDown() override { alarm(0); }

  void GiveAway() const {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be attacked so";
    for (const std::string& path : {theirs_, file_}) {
      static_cast<void>(lchown(path.c_str(), kAttacker, kAttacker));
    }
  }
  void ExpectRefused(const std::string& why) const {
    const absl::Status read = ReadAdoption(file_).status();
    EXPECT_TRUE(absl::IsPermissionDenied(read)) << read;
    EXPECT_THAT(std::string(read.message()), AllOf(HasSubstr(file_), HasSubstr(why)));
  }

  TemporaryDirectory directory_;
  std::string theirs_ = directory_.Path("theirs");
  std::string file_ = AdoptionFile(theirs_ + "/br0.sock");
};

TEST_F(ForeignRecordTest, AFifoIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(file_.c_str(), 0644), 0);
  ExpectRefused("it is a FIFO");
}

TEST_F(ForeignRecordTest, ADeviceIsNotRead) {
  std::filesystem::create_symlink("/dev/zero", file_);
  ExpectRefused("it is a symbolic link");
}

TEST_F(ForeignRecordTest, ARecordOfAnotherUserIsNotCarriedOut) {
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());
  ASSERT_TRUE(ReadAdoption(file_).ok());
  GiveAway();
  if (IsSkipped()) return;
  ExpectRefused("it belongs to uid 65534");
}

TEST_F(ForeignRecordTest, NorOneOfRootsThatAnotherUserCanPutBack) {
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());
  GiveAway();
  if (IsSkipped()) return;
  ASSERT_EQ(chown(file_.c_str(), 0, 0), 0);
  ExpectRefused("others than root and uid 0 can exchange it");
  EXPECT_TRUE(absl::IsPermissionDenied(WriteAdoption(file_, Record())));
}

TEST_F(ForeignRecordTest, NorAFileThatHasAnotherName) {
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());
  std::filesystem::create_hard_link(file_, theirs_ + "/another");
  ExpectRefused("the file has several names");
}

TEST_F(ForeignRecordTest, WritingReplacesALinkAndNotWhatItLeadsTo) {
  const std::string victim = directory_.Path("victim");
  std::ofstream(victim) << "precious";
  std::filesystem::create_symlink(victim, file_);
  std::filesystem::create_symlink(victim, file_ + ".new");
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());
  EXPECT_EQ(*ReadAdoption(file_), Record());
  EXPECT_EQ(std::filesystem::file_size(victim), 8U);
}

// All that are read by name.
const std::array<std::function<absl::Status(const std::string&)>, 3> kReaders{
    [](const std::string& path) { return ReadPlainFile(path, "it=" + path).status(); },
    [](const std::string& path) { return CheckStartupFile(path); },
    [](const std::string& path) {
      const std::array<std::string, 1> words{"--flagfile=" + path};
      const std::array<KnownFlag, 1> flags{{{.name = "flagfile", .kind = FlagKind::kText}}};
      return ReadCommandLine(words, flags).status();
    }};

TEST_F(ForeignRecordTest, OtherFilesThatAreReadByNameMustBeRegularOnes) {
  const std::string fifo = directory_.Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0644), 0);
  for (const auto& read : kReaders) {
    for (const std::string& path : {fifo, std::string("/dev/zero"), std::string("/")}) {
      const absl::Status status = read(path);
      EXPECT_FALSE(status.ok()) << path;
      EXPECT_THAT(std::string(status.message()),
                  AllOf(HasSubstr("=" + path + ": it is a"), HasSubstr("write a regular file")));
    }
  }
}

TEST_F(ForeignRecordTest, AFileThatIsTooLongIsNotReadToItsEnd) {
  const std::string path = directory_.Path("long");
  std::ofstream(path) << "x";
  std::filesystem::resize_file(path, kLongestFile + (1U << 30U));
  for (const auto& read : kReaders) {
    const absl::Status status = read(path);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("it is longer than 67108864 bytes"));
  }
}

}  // namespace
}  // namespace tapswitch::foreign_record_test
