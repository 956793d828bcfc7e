#include "switch/protocol/multicast/group_message.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "switch/protocol/multicast/query_frame.h"
#include "tests/support/group_frames.h"

namespace tapswitch::group_message_test {
namespace {

constexpr IpAddress kGroup = V4(0xEF0A0A0A);
constexpr IpAddress kGroupV6 = V6(0xFF0E000000000000, 1);
constexpr IpAddress kSource = V4(0xC0000205);
constexpr MacAddress kBridge = MacAddress::FromNumber(0x0200000000BB);

struct Read {
  GroupReading reading = GroupReading::kNothing;
  GroupMessage message;
};

Read ReadFrame(std::span<const std::byte> bytes) {
  const auto header = ParseHeader(bytes);
  if (!header) return {};
  Read read;
  read.reading = ReadGroupMessage({PortId{0}, {}, *header, bytes}, read.message);
  return read;
}

TEST(GroupMessageTest, ReadsReportsAndLeavesOfOldVersions) {
  const WireBytes v1 = OldReport(kGroup, false, 0x12).Build();
  EXPECT_EQ(ReadFrame(v1).message.kind, GroupMessage::Kind::kReport);
  EXPECT_EQ(ReadFrame(v1).message.version, 1);
  const WireBytes v2 = OldReport(kGroup).Build();
  EXPECT_EQ(ReadFrame(v2).message.version, 2);
  EXPECT_EQ(ReadFrame(v2).message.group, kGroup);
  const WireBytes leave = OldReport(kGroup, true).Build();
  EXPECT_EQ(ReadFrame(leave).message.kind, GroupMessage::Kind::kLeave);
  const WireBytes done = OldReport(kGroupV6, true).Build();
  EXPECT_EQ(ReadFrame(done).message.kind, GroupMessage::Kind::kLeave);
  EXPECT_EQ(ReadFrame(done).message.group, kGroupV6);
}

TEST(GroupMessageTest, ReadsRecordsWithTheirSources) {
  const WireBytes bytes =
      NewReport({{RecordType::kAllow, kGroup, {kSource}}, {RecordType::kToInclude, kGroup}})
          .Build();
  const Read read = ReadFrame(bytes);
  ASSERT_EQ(read.reading, GroupReading::kMessage);
  RecordReader reader(read.message);
  auto record = reader.Next();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->type, RecordType::kAllow);
  EXPECT_EQ(record->group, kGroup);
  ASSERT_EQ(record->sources.size(), 1U);
  EXPECT_EQ(record->sources.at(0), kSource);
  record = reader.Next();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->sources.size(), 0U);
  EXPECT_FALSE(reader.Next());
  EXPECT_FALSE(reader.was_cut());
}

TEST(GroupMessageTest, ReadsItsOwnQueries) {
  const std::vector<IpAddress> sources{kSource, V4(0xC0000206)};
  for (const uint8_t version : {uint8_t{2}, uint8_t{3}}) {
    const QueryFrame frame({.is_v4 = true,
                            .version = version,
                            .bridge = kBridge,
                            .source = V4(0),
                            .group = kGroup,
                            .sources = sources,
                            .max_response = Ticks{100}});
    const Read read = ReadFrame(frame.bytes());
    ASSERT_EQ(read.reading, GroupReading::kMessage) << int{version};
    EXPECT_EQ(read.message.version, version);
    EXPECT_EQ(read.message.group, kGroup);
    EXPECT_EQ(read.message.max_response, Ticks{100});
    EXPECT_EQ(read.message.sources.size(), version == 3 ? 2U : 0U);
  }
  for (const uint8_t version : {uint8_t{1}, uint8_t{2}}) {
    const QueryFrame frame({.is_v4 = false,
                            .version = version,
                            .bridge = kBridge,
                            .source = LinkLocalOf(kBridge),
                            .group = {},
                            .max_response = Ticks{1000}});
    const Read read = ReadFrame(frame.bytes());
    ASSERT_EQ(read.reading, GroupReading::kMessage) << int{version};
    EXPECT_EQ(read.message.version, version);
    EXPECT_TRUE(read.message.group.is_unspecified());
    EXPECT_EQ(read.message.max_response, Ticks{1000});
    EXPECT_EQ(read.message.sender, LinkLocalOf(kBridge));
  }
}

TEST(GroupMessageTest, LongResponseTimesAreRoundedDown) {
  for (const uint64_t centiseconds : {100U, 1280U, 3000U, 12500U, 300000U}) {
    const QueryFrame frame({.is_v4 = true,
                            .version = 3,
                            .bridge = kBridge,
                            .source = V4(0),
                            .group = {},
                            .max_response = Ticks{centiseconds}});
    const uint64_t read = ReadFrame(frame.bytes()).message.max_response.centiseconds;
    EXPECT_LE(read, centiseconds);
    EXPECT_GE(read, centiseconds * 9 / 10);
  }
}

TEST(GroupMessageTest, QueriesComeFromThisLink) {
  auto far = QueryFrom(kSource);
  far.hops = 2;
  EXPECT_EQ(ReadFrame(far.Build()).reading, GroupReading::kMalformed);
  EXPECT_EQ(ReadFrame(QueryFrom(V6(0x20010DB800000000, 1)).Build()).reading,
            GroupReading::kMalformed);
  EXPECT_EQ(ReadFrame(QueryFrom(V6(0xFE80000000000000, 1)).Build()).reading,
            GroupReading::kMessage);
}

TEST(GroupMessageTest, ReportsOfMldComeFromThisLink) {
  auto report = OldReport(kGroupV6);
  report.from = V6(0x20010DB800000000, 1);
  EXPECT_EQ(ReadFrame(report.Build()).reading, GroupReading::kMalformed);
  report.from = V6(0, 0);
  EXPECT_EQ(ReadFrame(report.Build()).reading, GroupReading::kMessage)
      << "of a host that has no address yet";
  report.hops = 64;
  EXPECT_EQ(ReadFrame(report.Build()).reading, GroupReading::kMalformed);
}

TEST(GroupMessageTest, CutMessagesAreNotBelieved) {
  const std::vector<WireBytes> sound{
      OldReport(kGroup).Build(), OldReport(kGroupV6).Build(), QueryFrom(kSource).Build(),
      NewReport({{RecordType::kAllow, kGroup, {kSource, kSource, kSource, kSource}}}).Build(),
      NewReport({{RecordType::kAllow, kGroupV6, {kGroupV6}}}).Build()};
  for (const WireBytes& frame : sound) {
    ASSERT_EQ(ReadFrame(frame).reading, GroupReading::kMessage);
    for (size_t size = 14; size < 38; ++size) {
      const WireBytes cut(frame.begin(), frame.begin() + static_cast<long>(size));
      EXPECT_NE(ReadFrame(cut).reading, GroupReading::kMessage) << size;
    }
  }
}

TEST(GroupMessageTest, OtherPacketsAreNotAboutGroups) {
  EXPECT_EQ(ReadFrame(DataTo(kGroup, kSource)).reading, GroupReading::kNothing);
  EXPECT_EQ(ReadFrame(DataTo(kGroupV6, kHostV6)).reading, GroupReading::kNothing);
}

}  // namespace
}  // namespace tapswitch::group_message_test
