#include "ports/link/link_hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tapswitch::link_hello_test {
namespace {

using testing::HasSubstr;
using testing::Not;

const LinkHello kHello{.mtu = 9000, .bridge = "br1", .port = "trunk"};

std::string ErrorOf(std::span<const std::byte> message) {
  const auto hello = ParseLinkHello(message);
  EXPECT_TRUE(absl::IsInvalidArgument(hello.status())) << hello.status();
  std::string error(hello.status().message());
  EXPECT_THAT(error, Not(HasSubstr("\n")));
  return error;
}

TEST(LinkHelloTest, WhatIsStoredIsRead) {
  for (const LinkHello::Answer answer : {LinkHello::Answer::kReady, LinkHello::Answer::kTaken}) {
    LinkHello hello = kHello;
    hello.answer = answer;
    EXPECT_EQ(ParseLinkHello(StoreLinkHello(hello)).value(), hello);
  }
}

TEST(LinkHelloTest, ALaterVersionMayAddSomething) {
  const auto stored = StoreLinkHello(kHello);
  std::vector<std::byte> longer(stored.begin(), stored.end());
  longer.push_back(std::byte{1});
  EXPECT_EQ(ParseLinkHello(longer).value(), kHello);
}

TEST(LinkHelloTest, OtherMessagesAreRefused) {
  auto message = StoreLinkHello(kHello);
  EXPECT_THAT(ErrorOf({}), HasSubstr("too short"));
  EXPECT_THAT(ErrorOf(std::span(message).first(kLinkHelloSize - 1)), HasSubstr("too short"));
  for (const auto& [at, words] : {std::pair{0U, "another kind"},
                                  {9U, "version"},
                                  {10U, "answer"},
                                  {11U, "version"},
                                  {12U, "MTU"}}) {
    auto bad = message;
    bad[at] = std::byte{0x7F};
    EXPECT_THAT(ErrorOf(bad), HasSubstr(words)) << at;
  }
}

TEST(LinkHelloTest, NamesAreOfOneTo15Bytes) {
  LinkHello hello = kHello;
  hello.port = "fifteen_letters";
  EXPECT_EQ(ParseLinkHello(StoreLinkHello(hello)).value(), hello);
  hello.port = "";
  EXPECT_THAT(ErrorOf(StoreLinkHello(hello)), HasSubstr("names"));
  hello.port = "\xFF";
  EXPECT_THAT(ErrorOf(StoreLinkHello(hello)), HasSubstr("names"));
  auto message = StoreLinkHello(kHello);
  for (size_t i = 16; i < kLinkHelloSize; ++i) message[i] = std::byte{'x'};
  EXPECT_THAT(ErrorOf(message), HasSubstr("names"));
}

TEST(LinkHelloTest, NamesAreSafeToShow) {
  EXPECT_EQ(DescribeLinkEnd(kHello), "switch br1 port trunk");
  EXPECT_EQ(DescribeLinkEnd({.bridge = "\x1b[2J", .port = "a\nb"}), "switch \\x1b[2J port a\\x0ab");
}

}  // namespace
}  // namespace tapswitch::link_hello_test
