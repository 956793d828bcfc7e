// The options of a udp port.

#include "ports/socket/udp_options.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>
#include <string_view>

namespace tapswitch::udp_options_test {
namespace {

using testing::HasSubstr;

absl::StatusOr<UdpOptions> Parse(std::string_view text) {
  const auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return ParseUdpOptions(*spec);
}

std::string ErrorOf(std::string_view text) {
  const absl::Status status = Parse(text).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
  std::string message(status.message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << "an error is one line";
  EXPECT_THAT(message, HasSubstr("'u1'"));
  return message;
}

TEST(UdpOptionsTest, TwoAddressesAreEnough) {
  const auto options = Parse("udp:u1,local=192.0.2.1:9000,remote=192.0.2.2:9001");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->mtu, 1500U);
  sockaddr_in local{};
  ASSERT_EQ(options->local.size, sizeof(local));
  std::memcpy(&local, &options->local.storage, sizeof(local));
  EXPECT_EQ(local.sin_family, AF_INET);
  EXPECT_EQ(ntohl(local.sin_addr.s_addr), 0xC0000201U);
  EXPECT_EQ(ntohs(local.sin_port), 9000);
}

TEST(UdpOptionsTest, AddressesMayBeOfIpv6) {
  const auto options = Parse("udp:u1,local=[2001:db8::1]:9000,remote=[::1]:9001,mtu=9000");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->mtu, 9000U);
  sockaddr_in6 remote{};
  ASSERT_EQ(options->remote.size, sizeof(remote));
  std::memcpy(&remote, &options->remote.storage, sizeof(remote));
  EXPECT_EQ(remote.sin6_family, AF_INET6);
  EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&remote.sin6_addr));
  EXPECT_EQ(ntohs(remote.sin6_port), 9001);
}

TEST(UdpOptionsTest, BothAddressesAreNeededAndOfOneFamily) {
  EXPECT_THAT(ErrorOf("udp:u1"), HasSubstr("it needs local=ADDRESS:PORT and remote="));
  EXPECT_THAT(ErrorOf("udp:u1,local=127.0.0.1:1"), HasSubstr("it needs"));
  EXPECT_THAT(ErrorOf("udp:u1,local=127.0.0.1:1,remote=[::1]:1"), HasSubstr("of one of them"));
}

TEST(UdpOptionsTest, WhatIsNoAddressIsNamed) {
  for (const std::string bad : {"", "9000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", ":9000",
                                "127.0.0.1:65536", "127.0.0.1:9000x", "localhost:9000", "::1:9000",
                                "[::1]", "[127.0.0.1]:9000", "[::1:9000", "127.0.0.256:1"}) {
    EXPECT_THAT(ErrorOf("udp:u1,local=" + bad + ",remote=127.0.0.1:1"),
                HasSubstr("local=" + bad + ": expected a numeric address and a port"));
  }
}

TEST(UdpOptionsTest, TheMtuFitsIntoADatagram) {
  constexpr std::string_view kAddresses = "udp:u1,local=127.0.0.1:1,remote=127.0.0.1:2,mtu=";
  EXPECT_TRUE(Parse(std::string(kAddresses) + "65489").ok());
  EXPECT_THAT(ErrorOf(std::string(kAddresses) + "65490"), HasSubstr("65489"));
}

}  // namespace
}  // namespace tapswitch::udp_options_test
