#include "ports/layer3/ip_prefix.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace tapswitch::ip_prefix_test {
namespace {

IpAddress Ip(const std::string& text) {
  std::array<std::byte, IpAddress::kV6Size> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    return IpAddress::FromV4(LoadBe32(bytes.data()));
  }
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), bytes.data()), 1) << text;
  return IpAddress::FromV6(bytes);
}

TEST(IpPrefixTest, ContainsWhatBeginsWithTheSameBits) {
  const IpPrefix v4{.address = Ip("10.0.0.5"), .length = 23};
  EXPECT_TRUE(v4.Contains(Ip("10.0.1.255")));
  EXPECT_FALSE(v4.Contains(Ip("10.0.2.0")));
  EXPECT_FALSE(v4.Contains(Ip("fd00::1")));
  const IpPrefix v6{.address = Ip("fd00:0:0:8000::5"), .length = 49};
  EXPECT_TRUE(v6.Contains(Ip("fd00:0:0:ffff::1")));
  EXPECT_FALSE(v6.Contains(Ip("fd00:0:0:7fff::1")));
  EXPECT_FALSE(v6.Contains(Ip("10.0.0.5")));
}

TEST(IpPrefixTest, ShortestAndLongest) {
  EXPECT_TRUE((IpPrefix{.address = Ip("0.0.0.0"), .length = 0}).Contains(Ip("192.0.2.1")));
  EXPECT_FALSE((IpPrefix{.address = Ip("0.0.0.0"), .length = 0}).Contains(Ip("2001:db8::1")));
  EXPECT_TRUE((IpPrefix{.address = Ip("fd00::"), .length = 0}).Contains(Ip("2001:db8::1")));
  EXPECT_FALSE((IpPrefix{.address = Ip("10.0.0.5"), .length = 32}).Contains(Ip("10.0.0.4")));
  EXPECT_FALSE((IpPrefix{.address = Ip("fd00::5"), .length = 128}).Contains(Ip("fd00::4")));
  EXPECT_TRUE((IpPrefix{.address = Ip("fd00::5"), .length = 128}).Contains(Ip("fd00::5")));
}

TEST(IpPrefixTest, TheLastAddressIsForAll) {
  const IpPrefix prefix{.address = Ip("10.0.0.5"), .length = 24};
  EXPECT_TRUE(prefix.IsBroadcast(Ip("10.0.0.255")));
  EXPECT_FALSE(prefix.IsBroadcast(Ip("10.0.1.255")));
  EXPECT_FALSE(prefix.IsBroadcast(Ip("10.0.0.254")));
  EXPECT_FALSE((IpPrefix{.address = Ip("10.0.0.4"), .length = 31}).IsBroadcast(Ip("10.0.0.5")));
  EXPECT_FALSE((IpPrefix{.address = Ip("10.0.0.5"), .length = 32}).IsBroadcast(Ip("10.0.0.5")));
  EXPECT_FALSE((IpPrefix{.address = Ip("fd00::"), .length = 120}).IsBroadcast(Ip("fd00::ff")));
}

}  // namespace
}  // namespace tapswitch::ip_prefix_test
