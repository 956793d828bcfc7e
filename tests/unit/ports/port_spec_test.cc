// The text of a port, and the options of a tap.

#include "ports/port_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "ports/interface/tap/tap_options.h"

namespace tapswitch::port_spec_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ErrorOf(const absl::Status& status) {
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  std::string message(status.message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << "an error is one line";
  return message;
}

std::string ErrorOf(std::string_view text) { return ErrorOf(ParsePortSpec(text).status()); }

TapOptions Tap(std::string_view text) {
  const auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  const auto options = ParseTapOptions(*spec);
  EXPECT_TRUE(options.ok()) << options.status();
  return options.value_or(TapOptions{.name = "failed"});
}

std::string TapError(std::string_view text) {
  const auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return ErrorOf(ParseTapOptions(*spec).status());
}

TEST(PortSpec, ABareNameIsATap) {
  const auto spec = ParsePortSpec("vnet0");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->type, "tap");
  EXPECT_EQ(spec->name, "vnet0");
  EXPECT_THAT(spec->options, IsEmpty());
}

TEST(PortSpec, ATypeStandsInFrontOfTheName) {
  const auto spec = ParsePortSpec("netdev:eth1");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->type, "netdev");
  EXPECT_EQ(spec->name, "eth1");
}

TEST(PortSpec, OptionsKeepTheirOrderAndTellAnEmptyValueFromNone) {
  const auto spec = ParsePortSpec("tap:vnet0,zeta=1,persist,alpha=,path=/a:b=c");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->options,
              ElementsAre(PortOption{"zeta", "1"}, PortOption{"persist", std::nullopt},
                          PortOption{"alpha", ""}, PortOption{"path", "/a:b=c"}));
}

TEST(PortSpec, AColonInAValueIsNoType) {
  const auto spec = ParsePortSpec("vnet0,path=a:b");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->type, "tap");
}

TEST(PortSpec, ErrorsQuoteThePortAndNameThePart) {
  EXPECT_THAT(ErrorOf(""), AllOf(HasSubstr("port ''"), HasSubstr("name is empty")));
  EXPECT_THAT(ErrorOf("tap:"), HasSubstr("name is empty"));
  EXPECT_THAT(ErrorOf(":vnet0"), HasSubstr("no type before ':'"));
  EXPECT_THAT(ErrorOf("a:b:c"), HasSubstr("'b:c'"));
  EXPECT_THAT(ErrorOf("vnet0,"), HasSubstr("empty option"));
  EXPECT_THAT(ErrorOf("vnet0,,up"), HasSubstr("empty option"));
  EXPECT_THAT(ErrorOf("vnet0,=5"), HasSubstr("'=5' has no key"));
  EXPECT_THAT(ErrorOf("vnet0,mtu=1,up,mtu=2"), HasSubstr("'mtu' is given twice"));
}

TEST(PortSpec, ItsTextIsWhatItWasReadFrom) {
  for (const std::string_view text :
       {"vnet0", "netdev:eth1", "vnet0,zeta=1,persist,alpha=,path=/a:b=c", "wormhole:x,y"}) {
    EXPECT_EQ(SpecText(ParsePortSpec(text).value()), text);
  }
  EXPECT_EQ(SpecText(ParsePortSpec("tap:vnet0,mtu=9000").value()), "vnet0,mtu=9000");
}

TEST(InterfaceName, OneToFifteenBytesAreGood) {
  for (const std::string_view name :
       {"a", "eth0", "123456789012345", "...", "br-0.100", "\xC3\xBC"}) {
    EXPECT_TRUE(CheckInterfaceName(name).ok()) << name;
  }
}

TEST(InterfaceName, WhatTheKernelRefusesIsRefused) {
  for (const std::string_view name :
       {"", "1234567890123456", ".", "..", "a/b", "a b", "a\tb", "a:b", "tap%d"}) {
    EXPECT_FALSE(CheckInterfaceName(name).ok()) << name;
  }
  EXPECT_THAT(ErrorOf(CheckInterfaceName("1234567890123456")), HasSubstr("16 characters"));
}

TEST(PortOption, AnUnknownKeyIsRefusedWithThoseThatExist) {
  const auto spec = ParsePortSpec("vnet0,mtu=1500,speed=10");
  ASSERT_TRUE(spec.ok());
  constexpr std::array<std::string_view, 2> kKnown{"mtu", "up"};
  EXPECT_THAT(ErrorOf(CheckKeys(*spec, kKnown)), AllOf(HasSubstr("'speed'"), HasSubstr("mtu, up")));
}

TEST(PortOption, OnOffHasTwoSpellingsAndABareKeyIsOn) {
  for (const char* text : {"on", "1"}) EXPECT_EQ(*ReadOnOff({"up", text}), true) << text;
  for (const char* text : {"off", "0"}) EXPECT_EQ(*ReadOnOff({"up", text}), false) << text;
  EXPECT_EQ(*ReadOnOff({"up", std::nullopt}), true);
  for (const char* text : {"", "yes", "ON", "2", "on "}) {
    EXPECT_THAT(ErrorOf(ReadOnOff({"up", text}).status()), HasSubstr("on or off")) << text;
  }
}

TEST(PortOption, ANumberIsDecimalAndWithinItsRange) {
  EXPECT_EQ(*ReadNumber({"mtu", "68"}, 68, 70), 68U);
  EXPECT_EQ(*ReadNumber({"mtu", "70"}, 68, 70), 70U);
  EXPECT_EQ(*ReadNumber({"n", "4294967295"}), 4294967295U);
  for (const char* text :
       {"67", "71", "", "-69", "+69", "0x45", "69 ", " 69", "69.0", "4294967365"}) {
    EXPECT_THAT(ErrorOf(ReadNumber({"mtu", text}, 68, 70).status()), HasSubstr("from 68 to 70"))
        << text;
  }
  EXPECT_FALSE(ReadNumber({"mtu", std::nullopt}).ok());
}

TEST(PortOption, TextIsNotEmpty) {
  EXPECT_EQ(*ReadText({"netns", "h1"}), "h1");
  EXPECT_THAT(ErrorOf(ReadText({"netns", ""}).status()), HasSubstr("netns=VALUE"));
  EXPECT_FALSE(ReadText({"netns", std::nullopt}).ok());
}

TEST(TapOptions, WithoutKeysItIsBroughtUpWithOffloadsAndGoesWithTheSwitch) {
  const TapOptions options = Tap("vnet0");
  EXPECT_EQ(options, (TapOptions{.name = "vnet0", .persist = false, .offload = true, .up = true}));
}

TEST(TapOptions, EachKeySetsItsOption) {
  EXPECT_EQ(Tap("vnet0,netns=h1,mtu=9000,user=0,group=12345,persist,queues=4,txqueuelen=500,"
                "offload=off,up=off"),
            (TapOptions{.name = "vnet0",
                        .netns = "h1",
                        .mtu = 9000,
                        .txqueuelen = 500,
                        .user = 0,
                        .group = 12345,
                        .queues = 4,
                        .persist = true,
                        .offload = false,
                        .up = false}));
}

TEST(TapOptions, UsersAndGroupsGoByNameToo) {
  const TapOptions options = Tap("vnet0,user=root,group=root");
  EXPECT_EQ(options.user, 0U);
  EXPECT_EQ(options.group, 0U);
}

TEST(TapOptions, MtuIsWhatTheKernelAllowsATap) {
  EXPECT_EQ(Tap("vnet0,mtu=68").mtu, 68U);
  EXPECT_EQ(Tap("vnet0,mtu=65521").mtu, 65521U);
  EXPECT_THAT(TapError("vnet0,mtu=67"), AllOf(HasSubstr("'vnet0'"), HasSubstr("mtu=67")));
  EXPECT_THAT(TapError("vnet0,mtu=65522"), HasSubstr("from 68 to 65521"));
}

TEST(TapOptions, BadValuesAreNamed) {
  EXPECT_THAT(TapError("vnet0,user=no-such-user"),
              HasSubstr("user=no-such-user: there is no such"));
  EXPECT_THAT(TapError("vnet0,group=no-such-group"), HasSubstr("no such group"));
  EXPECT_THAT(TapError("vnet0,user=4294967295"), HasSubstr("no such user"));
  EXPECT_THAT(TapError("vnet0,netns="), HasSubstr("netns=VALUE"));
  EXPECT_THAT(TapError("vnet0,txqueuelen=0"), HasSubstr("txqueuelen=0"));
  EXPECT_THAT(TapError("vnet0,persist=maybe"), HasSubstr("on or off"));
  EXPECT_THAT(TapError("vnet0,queues=0"), AllOf(HasSubstr("queues=0"), HasSubstr("1 to 256")));
  EXPECT_THAT(TapError("vnet0,speed=10"), AllOf(HasSubstr("'speed'"), HasSubstr("netns, mtu")));
}

}  // namespace
}  // namespace tapswitch::port_spec_test
