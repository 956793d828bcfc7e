// What was taken over is on disk, whole or not at all.

#include "switch/control/adopt/adoption_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_directory.h"

namespace tapswitch::adoption_record_test {
namespace {

using testing::HasSubstr;

AdoptionRecord Record() {
  return {.bridge = {.name = "br0",
                     .ifindex = 3,
                     .address = MacAddress::FromNumber(0x020000000001),
                     .mtu = 9000,
                     .settings = {{"ageing_time", 30000}},
                     .vlans = {{.vid = 7, .pvid = true}},
                     .ports = {{.name = "p1",
                                .ifindex = 4,
                                .address = MacAddress::FromNumber(0x020000000002),
                                .carrier = true,
                                .settings = {{"isolated", 1}, {"cost", 100}},
                                .vlans = {{.vid = 9, .untagged = true}}}},
                     .entries = {{.address = MacAddress::FromNumber(0x020000000003),
                                  .port = "p1",
                                  .vlan = 9,
                                  .state = LinuxEntryState::kStatic,
                                  .sticky = true,
                                  .extern_learn = true}},
                     .groups = {{.port = "p1", .entry = "04000000"}}},
          .uplink = "br0-tap",
          .netns = {4026531840}};
}

class AdoptionRecordTest : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  std::string file_ = AdoptionFile(directory_.Path("br0.sock"));
};

TEST_F(AdoptionRecordTest, WhatIsWrittenIsReadUntilItIsRemoved) {
  EXPECT_TRUE(absl::IsNotFound(ReadAdoption(file_).status()));
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());  // replaced
  const auto read = ReadAdoption(file_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Record());
  EXPECT_EQ(SocketOfAdoption(file_), directory_.Path("br0.sock"));
  RemoveAdoption(file_);
  EXPECT_TRUE(absl::IsNotFound(ReadAdoption(file_).status()));
}

TEST_F(AdoptionRecordTest, OnlyItsOwnerMayReadIt) {
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());
  EXPECT_EQ(std::filesystem::status(file_).permissions(), std::filesystem::perms(0600));
}

TEST_F(AdoptionRecordTest, WhereThereIsNoFolderTheErrorNamesTheFile) {
  const absl::Status written = WriteAdoption(directory_.Path("none/br0.sock.adopted"), Record());
  EXPECT_FALSE(written.ok());
  EXPECT_THAT(std::string(written.message()), HasSubstr("none/br0.sock.adopted"));
}

TEST_F(AdoptionRecordTest, AFileThatMakesNoSenseIsAnErrorWithTheCure) {
  for (const char* text : {"", "{", "[]", R"({"version":1})", R"({"version":"x"})"}) {
    std::ofstream(file_, std::ios::trunc) << text;
    const auto read = ReadAdoption(file_);
    EXPECT_TRUE(absl::IsDataLoss(read.status())) << text << read.status();
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("by hand"));
  }
}

TEST_F(AdoptionRecordTest, ARecordFromBeforeTheMachineWasStartedIsVoid) {
  ASSERT_TRUE(WriteAdoption(file_, Record()).ok());
  std::ifstream input(file_);
  std::string text{std::istreambuf_iterator<char>(input), {}};
  const size_t at = text.find(R"("boot_id": ")") + 12;
  text.replace(at, 8, "00000000");
  std::ofstream(file_, std::ios::trunc) << text;
  EXPECT_TRUE(absl::IsNotFound(ReadAdoption(file_).status()));
}

}  // namespace
}  // namespace tapswitch::adoption_record_test
