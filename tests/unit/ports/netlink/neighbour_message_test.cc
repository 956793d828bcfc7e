// What rtnetlink says of bridges, vxlan devices and neighbours, as bytes.

#include "ports/netlink/neighbour_message.h"

#include <gtest/gtest.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

namespace tapswitch::neighbour_message_test {
namespace {

constexpr MacAddress kMac = MacAddress::FromNumber(0x0200000000A1);

// A message in memory that is aligned as one of the kernel is.
class Message {
 public:
  explicit Message(const std::string& bytes) : words_((bytes.size() + 3) / 4) {
    std::memcpy(words_.data(), bytes.data(), bytes.size());
  }
  [[nodiscard]] nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(words_.data()); }
  [[nodiscard]] ndmsg& entry() { return *reinterpret_cast<ndmsg*>(&words_[NLMSG_HDRLEN / 4]); }

 private:
  std::vector<uint32_t> words_;
};

Message RequestFor(const NeighbourChange& change) {
  std::string bytes;
  AppendRequest(change, 5, bytes);
  return Message(bytes);
}

TEST(NeighbourMessageTest, APortIsSetAsARoutingDaemonExpectsIt) {
  Message message = RequestFor({.ifindex = 3, .mac = kMac});
  EXPECT_EQ(message.header().nlmsg_type, RTM_NEWNEIGH);
  EXPECT_EQ(message.header().nlmsg_seq, 5U);
  EXPECT_EQ(message.entry().ndm_family, AF_BRIDGE);
  EXPECT_EQ(message.entry().ndm_flags, NTF_MASTER | NTF_EXT_LEARNED);
  const auto parsed = ParseNeighbour(message.header());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->kind, KernelNeighbour::Kind::kBridge);
  EXPECT_EQ(parsed->mac, kMac);
  EXPECT_EQ(parsed->ifindex, 3);
  EXPECT_FALSE(parsed->sticky);
  EXPECT_TRUE(parsed->extern_learn);
  EXPECT_FALSE(parsed->removed);
}

// Linux drops NTF_STICKY of what is learned elsewhere, and tells nobody.
TEST(NeighbourMessageTest, AStickyOneIsNotLearnedElsewhere) {
  Message message = RequestFor({.ifindex = 3, .mac = kMac, .sticky = true});
  EXPECT_EQ(message.entry().ndm_flags, NTF_MASTER | 0x40);
  EXPECT_EQ(message.entry().ndm_state, NUD_NOARP);
  const auto parsed = ParseNeighbour(message.header());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->sticky);
  EXPECT_FALSE(parsed->permanent);
}

TEST(NeighbourMessageTest, ARemovalNamesThePort) {
  Message message =
      RequestFor({.kind = NeighbourChange::Kind::kRemovePort, .ifindex = 3, .mac = kMac});
  EXPECT_EQ(message.header().nlmsg_type, RTM_DELNEIGH);
  EXPECT_EQ(message.entry().ndm_flags, NTF_MASTER);
}

TEST(NeighbourMessageTest, ATunnelIsRemovedFromTheDriverAlone) {
  Message message =
      RequestFor({.kind = NeighbourChange::Kind::kRemoveTunnel, .ifindex = 3, .mac = kMac});
  EXPECT_EQ(message.entry().ndm_flags, NTF_SELF);
  EXPECT_EQ(ParseNeighbour(message.header())->kind, KernelNeighbour::Kind::kTunnel);
}

TEST(NeighbourMessageTest, NeighboursOfBothVersions) {
  const std::vector<IpAddress> addresses{
      IpAddress::FromV4(0x0A000001), IpAddress::FromV6(std::span<const std::byte, 16>(
                                         std::vector<std::byte>(16, std::byte{0x11}).data(), 16))};
  for (const IpAddress address : addresses) {
    Message message = RequestFor({.kind = NeighbourChange::Kind::kSetIp,
                                  .ifindex = 9,
                                  .mac = kMac,
                                  .ip = address,
                                  .router = true});
    const auto parsed = ParseNeighbour(message.header());
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->kind, KernelNeighbour::Kind::kIp);
    EXPECT_EQ(parsed->ip, address);
    EXPECT_TRUE(parsed->permanent);
    EXPECT_TRUE(parsed->reachable);
    EXPECT_TRUE(parsed->router);
  }
}

TEST(NeighbourMessageTest, WhatIsCutShortIsNothing) {
  std::string bytes;
  AppendRequest({.ifindex = 3, .mac = kMac}, 5, bytes);
  for (size_t size = sizeof(nlmsghdr); size < bytes.size(); ++size) {
    Message message(bytes.substr(0, size));
    message.header().nlmsg_len = static_cast<uint32_t>(size);
    const auto parsed = ParseNeighbour(message.header());
    if (parsed) {
      EXPECT_EQ(parsed->mac, kMac) << size;
    }
  }
}

TEST(NeighbourMessageTest, OtherFamiliesAreNothing) {
  Message message = RequestFor({.ifindex = 3, .mac = kMac});
  message.entry().ndm_family = AF_PACKET;
  EXPECT_FALSE(ParseNeighbour(message.header()).has_value());
}

}  // namespace
}  // namespace tapswitch::neighbour_message_test
