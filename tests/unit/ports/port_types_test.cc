// The table of the types of ports.

#include "ports/port_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tapswitch::port_types_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

std::string ErrorOf(const absl::Status& status) {
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

absl::Status Check(std::string_view text) { return CheckPort(ParsePortSpec(text).value()); }

std::vector<std::string> Expand(std::string_view text) {
  const auto ports = ExpandPort(ParsePortSpec(text).value());
  EXPECT_TRUE(ports.ok()) << ports.status();
  std::vector<std::string> texts;
  for (const PortSpec& port : ports.value_or(std::vector<PortSpec>())) {
    texts.push_back(SpecText(port));
  }
  return texts;
}

TEST(PortTypesTest, EachTypeIsFoundByANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const PortType& type : PortTypes()) {
    EXPECT_FALSE(type.text.name.empty());
    EXPECT_TRUE(names.insert(type.text.name).second) << type.text.name;
    EXPECT_EQ(FindPortType(type.text.name), &type);
  }
  EXPECT_NE(FindPortType(kDefaultPortType), nullptr);
}

TEST(PortTypesTest, ClientsKnowTheSameTypesInTheSameOrder) {
  std::vector<std::string_view> opened;
  for (const PortType& type : PortTypes()) opened.push_back(type.text.name);
  std::vector<std::string_view> told;
  for (const PortTypeText& text : kPortTypeTexts) told.push_back(text.name);
  EXPECT_EQ(opened, told);
}

TEST(PortTypesTest, EachTypeCanBeCheckedAndOpened) {
  for (const PortType& type : PortTypes()) {
    EXPECT_NE(type.check, nullptr) << type.text.name;
    EXPECT_NE(type.open, nullptr) << type.text.name;
  }
}

TEST(PortTypesTest, EachTypeHasHelpThatNamesAllItsKeys) {
  for (const PortType& type : PortTypes()) {
    const std::string help(type.text.help);
    EXPECT_THAT(help, AllOf(HasSubstr(std::string(type.text.name) + ":"), EndsWith("\n")))
        << type.text.name;
    // The keys there are, as the error for another one lists them.
    std::string keys = ErrorOf(Check(std::string(type.text.name) + ":x,nonsense=1"));
    keys.erase(0, keys.rfind("it has ") + std::string_view("it has ").size());
    keys += ", ";
    for (size_t end = 0; (end = keys.find(", ")) != std::string::npos; keys.erase(0, end + 2)) {
      EXPECT_THAT(help, HasSubstr(keys.substr(0, end))) << type.text.name;
    }
  }
}

TEST(PortTypesTest, AnUnknownKeyIsRefusedByEachType) {
  for (const PortType& type : PortTypes()) {
    const std::string name(type.text.name);
    EXPECT_THAT(ErrorOf(Check(name + ":x,nonsense=1")),
                HasSubstr("port 'x': a " + name + " port has no option 'nonsense'; it has "))
        << name;
  }
}

TEST(PortTypesTest, AnUnknownTypeIsRefusedWithThoseThatExist) {
  EXPECT_EQ(FindPortType("wormhole"), nullptr);
  EXPECT_EQ(FindPortType(""), nullptr);
  EXPECT_EQ(
      ErrorOf(Check("wormhole:x")),
      "port wormhole:x: type 'wormhole' is unknown: use tap:x or netdev:x or veth:x or unix:x or "
      "link:x or tun:x or udp:x or vhost:x");
  EXPECT_EQ(InterfaceOriginOf(ParsePortSpec("wormhole:x").value()), InterfaceOrigin::kNone);
}

TEST(PortTypesTest, OnlyInterfacesOfOthersReturn) {
  EXPECT_EQ(InterfaceOriginOf(ParsePortSpec("x").value()), InterfaceOrigin::kOwn);
  EXPECT_EQ(InterfaceOriginOf(ParsePortSpec("netdev:x").value()), InterfaceOrigin::kForeign);
  EXPECT_EQ(InterfaceOriginOf(ParsePortSpec("unix:x").value()), InterfaceOrigin::kNone);
  EXPECT_EQ(FindPortType(kAttachedPortType)->text.interface, InterfaceOrigin::kForeign);
}

TEST(PortTypesTest, ATextStandsForOnePortUnlessItsTypeSaysOtherwise) {
  EXPECT_THAT(Expand("unix:x,path=/a,clients=2"),
              ElementsAre("unix:x.1,path=/a", "unix:x.2,path=/a"));
  EXPECT_THAT(Expand("unix:x,path=/a"), ElementsAre("unix:x,path=/a"));
  // The key and the type are judged later.
  EXPECT_THAT(Expand("x,clients=2"), ElementsAre("x,clients=2"));
  EXPECT_THAT(Expand("wormhole:x,clients=2"), ElementsAre("wormhole:x,clients=2"));
}

}  // namespace
}  // namespace tapswitch::port_types_test
