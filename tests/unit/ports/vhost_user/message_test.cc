// Messages of vhost-user. What front ends do wrong is in tests/net/vhost_hostile_test.cc.

#include "ports/vhost_user/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/support/vhost_front_end.h"

namespace tapswitch::message_test {
namespace {

using Bytes = std::vector<std::byte>;

absl::StatusOr<VhostMessage> Parse(VhostRequest request, const Bytes& payload, size_t files = 0,
                                   uint32_t flags = 1) {
  const Bytes bytes = VhostFrontEnd::Message(request, payload, flags);
  const auto header =
      ParseVhostHeader(std::span(bytes).subspan(0, kVhostHeaderSize).first<kVhostHeaderSize>());
  if (!header.ok()) return header.status();
  return ParseVhostMessage(*header, std::span(bytes).subspan(kVhostHeaderSize), files);
}

TEST(VhostMessageTest, NumbersRingsAndFilesAreRead) {
  const auto features =
      Parse(VhostRequest::kSetFeatures, VhostFrontEnd::Payload(uint64_t{42}), 0, 9);
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_EQ(features->value, 42U);
  EXPECT_TRUE(features->needs_reply);
  const auto size =
      Parse(VhostRequest::kSetVringNum, VhostFrontEnd::Payload(uint32_t{3}, uint32_t{256}));
  EXPECT_EQ(size->ring, 3U);
  EXPECT_EQ(size->value, 256U);
  const auto kick = Parse(VhostRequest::kSetVringKick, VhostFrontEnd::Payload(uint64_t{1}), 1);
  EXPECT_EQ(kick->ring, 1U);
  EXPECT_TRUE(kick->has_descriptor);
  EXPECT_FALSE(
      Parse(VhostRequest::kSetVringCall, VhostFrontEnd::Payload(uint64_t{0x101}))->has_descriptor);
}

TEST(VhostMessageTest, ATableOfMemoryMayBeSentWhole) {
  const VhostRegion region{.guest_address = 1, .size = 2, .user_address = 3, .file_offset = 4};
  Bytes payload = VhostFrontEnd::Payload(uint32_t{1}, uint32_t{0});
  const Bytes numbers = VhostFrontEnd::RegionPayload(region);
  payload.insert(payload.end(), numbers.begin(), numbers.end());
  EXPECT_THAT(Parse(VhostRequest::kSetMemTable, payload, 1)->regions, testing::ElementsAre(region));
  payload.resize(8 + 8 * 32);
  EXPECT_THAT(Parse(VhostRequest::kSetMemTable, payload, 1)->regions, testing::ElementsAre(region));
  payload.resize(8 + 3 * 32);
  EXPECT_FALSE(Parse(VhostRequest::kSetMemTable, payload, 1).ok());
}

TEST(VhostMessageTest, RepliesNameTheirRequest) {
  const auto reply = MakeRingReply(VhostRequest::kGetVringBase, 1, 77);
  std::array<uint32_t, 5> words{};
  std::memcpy(words.data(), reply.data(), sizeof(words));
  EXPECT_THAT(words, testing::ElementsAre(11, 5, 8, 1, 77));
}

TEST(VhostMessageTest, ErrorsNameTheRequest) {
  EXPECT_THAT(std::string(Parse(VhostRequest::kSetOwner, {}, 1).status().message()),
              "SET_OWNER: it has 1 file descriptors instead of 0");
  EXPECT_THAT(std::string(Parse(static_cast<VhostRequest>(99), {}).status().message()),
              "request 99: the switch does not serve it");
}

}  // namespace
}  // namespace tapswitch::message_test
