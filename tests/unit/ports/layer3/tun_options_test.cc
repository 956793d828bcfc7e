// The options of a tun port.

#include "ports/layer3/tun_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tapswitch::tun_options_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<TunOptions> Parse(std::string_view text) {
  const auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return ParseTunOptions(*spec);
}

std::string ErrorOf(std::string_view text) {
  const absl::Status status = Parse(text).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
  std::string message(status.message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << "an error is one line";
  EXPECT_THAT(message, HasSubstr("'t'"));
  return message;
}

TEST(TunOptionsTest, AddressesAreAList) {
  const auto options = Parse("tun:t,address=10.0.0.5/24,address=fd00::5/64,address=10.0.1.5");
  ASSERT_TRUE(options.ok()) << options.status();
  const IpPrefix first{.address = IpAddress::FromV4(0x0A000005), .length = 24};
  const IpPrefix third{.address = IpAddress::FromV4(0x0A000105), .length = 32};
  ASSERT_EQ(options->station.addresses.size(), 3U);
  EXPECT_EQ(options->station.addresses[0], first);
  EXPECT_EQ(options->station.addresses[1].length, 64U);
  EXPECT_EQ(options->station.addresses[2], third);
  EXPECT_TRUE(options->tun.is_layer3);
  EXPECT_FALSE(options->attaches);
}

TEST(TunOptionsTest, TheOtherKeys) {
  const auto options = Parse(
      "tun:t,address=10.0.0.5/24,gateway=10.0.0.1,gateway=fd00::1,route=10.1.0.0/16,"
      "mac=02:00:00:00:00:07,netns=h1,mtu=1400,user=0,group=0,persist");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->station.gateways.size(), 2U);
  EXPECT_EQ(options->station.routes.size(), 1U);
  EXPECT_EQ(options->station.mac, MacAddress::FromNumber(0x020000000007));
  EXPECT_EQ(options->tun.netns, "h1");
  EXPECT_EQ(options->tun.mtu, 1400U);
  EXPECT_TRUE(options->tun.persist);
}

TEST(TunOptionsTest, AnInterfaceOfOthersIsAttached) {
  const auto options = Parse("tun:t,address=10.0.0.5/24,attach,netns=h1");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->attaches);
  EXPECT_EQ(options->netdev.netns, "h1");
  EXPECT_TRUE(options->netdev.is_layer3);
  EXPECT_TRUE(options->netdev.waits);
  EXPECT_THAT(ErrorOf("tun:t,address=10.0.0.5/24,attach,mtu=1400"), HasSubstr("attach"));
  EXPECT_THAT(ErrorOf("tun:t,address=10.0.0.5/24,attach=on"), HasSubstr("attach"));
}

TEST(TunOptionsTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(ErrorOf("tun:t"), HasSubstr("address="));
  for (const std::string_view bad :
       {"address=", "address=10.0.0.5/33", "address=fd00::5/129", "address=10.0.0/24",
        "address=10.0.0.5/", "address=10.0.0.5/+4", "address=224.0.0.1/24", "address=0.0.0.0/0",
        "address=10.0.0.255/24", "address=::1/64"}) {
    EXPECT_THAT(ErrorOf("tun:t," + std::string(bad)), HasSubstr(std::string(bad)));
  }
  for (const std::string_view bad :
       {"gateway=x", "gateway=10.0.0.1/24", "gateway=ff02::1", "mac=01:00:00:00:00:01",
        "mac=00:00:00:00:00:00", "mac=x", "route=10.1.0.0/40", "mtu=67"}) {
    EXPECT_THAT(ErrorOf("tun:t,address=10.0.0.5/24," + std::string(bad)),
                HasSubstr(std::string(bad)));
  }
  EXPECT_THAT(ErrorOf("tun:t,address=10.0.0.5/24,gateway=10.0.0.1,gateway=10.0.0.2"),
              HasSubstr("already"));
}

TEST(TunOptionsTest, TheMacAddressFollowsFromTheNames) {
  const MacAddress mac = DeriveStationMac("br0", "tun0");
  EXPECT_EQ(mac, DeriveStationMac("br0", "tun0"));
  EXPECT_NE(mac, DeriveStationMac("br1", "tun0"));
  EXPECT_NE(mac, DeriveStationMac("br0", "tun1"));
  EXPECT_EQ(mac.number() >> 40U, 0x02U) << "locally administered, of one station";
}

}  // namespace
}  // namespace tapswitch::tun_options_test
