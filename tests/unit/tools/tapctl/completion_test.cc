// What may come next on a command line. No switch is asked: names of ports are a matter of the
// tests of the running switch.

#include "tools/tapctl/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "ports/port_types.h"
#include "switch/control/commands/parse_command.h"
#include "tools/tapctl/complete_text.h"

namespace tapswitch::completion_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAreArray;

// A path at which nobody listens comes first, so that nothing outside the test is asked.
std::vector<std::string> Complete(std::vector<std::string> words) {
  words.insert(words.begin(), {"-B", "/nowhere/at/all.sock"});
  std::istringstream lines(Completions(words));
  std::vector<std::string> candidates;
  for (std::string line; std::getline(lines, line);) candidates.push_back(line);
  return candidates;
}

TEST(CompletionTest, ObjectsComeFirst) {
  EXPECT_THAT(
      Complete({""}),
      ElementsAre("adopt", "apply", "batch", "bridge", "capture", "evpn", "fdb", "help", "impair",
                  "kernel", "link", "loop", "mdb", "mirror", "monitor", "multicast", "neigh",
                  "port", "reach", "release", "reload", "save", "security", "show", "stop", "storm",
                  "stp", "top", "trace", "upgrade", "vlan", "wait", "why"));
  EXPECT_THAT(Complete({"b"}), ElementsAre("batch", "bridge"));
  EXPECT_THAT(Complete({"fly"}), IsEmpty());
}

TEST(CompletionTest, ThenTheVerbsOfTheObject) {
  EXPECT_THAT(Complete({"fdb", ""}),
              ElementsAre("add", "append", "del", "flush", "get", "replace", "show"));
  EXPECT_THAT(Complete({"link", "se"}), ElementsAre("set"));
  EXPECT_THAT(Complete({"fly", ""}), IsEmpty());
}

TEST(CompletionTest, ThenTheWordsOfTheCommand) {
  EXPECT_THAT(Complete({"link", "set", "dev", "v", "is"}), ElementsAre("isolated"));
  EXPECT_THAT(Complete({"bridge", "set", "ag"}), ElementsAre("ageing_time"));
  EXPECT_THAT(Complete({"fdb", "add", "02:00:00:00:00:01", "s"}), ElementsAre("static", "sticky"));
  EXPECT_THAT(Complete({"monitor", "fdb", "l"}), ElementsAre("link"));
  EXPECT_THAT(Complete({"top", ""}), ElementsAre("count", "interval"));
  EXPECT_THAT(Complete({"fdb", "fly", ""}), IsEmpty());
}

TEST(CompletionTest, BehindAWordStandsItsValue) {
  EXPECT_THAT(Complete({"link", "set", "dev", "v", "learning", ""}), ElementsAre("off", "on"));
  EXPECT_THAT(Complete({"link", "set", "dev", "v", "state", ""}),
              ElementsAre("blocking", "disabled", "forwarding", "learning", "listening"));
  EXPECT_THAT(Complete({"link", "set", "dev", "v", "cost", ""}), ElementsAre("auto"));
  EXPECT_THAT(Complete({"storm", "set", "dev", "v", "action", ""}),
              ElementsAre("drop", "shutdown"));
  EXPECT_THAT(Complete({"fdb", "add", "x", "static", "de"}), ElementsAre("dev"));
}

TEST(CompletionTest, OptionsStandInFrontOnly) {
  EXPECT_THAT(Complete({"-"}), AllOf(Contains("-json"), Contains("-B"), Contains("-batch")));
  EXPECT_THAT(Complete({"-j", "-f"}), ElementsAre("-force"));
  EXPECT_THAT(Complete({"-j", "-s", "sa"}), ElementsAre("save"));
  EXPECT_THAT(Complete({"fdb", "-"}), IsEmpty());
  EXPECT_THAT(Complete({"-fly", ""}), IsEmpty());
}

TEST(CompletionTest, FilesAreAMatterOfTheShell) {
  EXPECT_THAT(Complete({"batch", ""}), ElementsAre(":files:"));
  EXPECT_THAT(Complete({"-batch", "/e"}), ElementsAre(":files:"));
  EXPECT_THAT(Complete({"capture", "all", "-w", "x"}), ElementsAre(":files:"));
  EXPECT_THAT(Complete({"port", "add", "unix:vm,path=/t"}), ElementsAre(":files:"));
}

TEST(CompletionTest, APortIsMadeOfItsParts) {
  EXPECT_THAT(Complete({"port", "add", "netdev:l"}), Contains("netdev:lo"));
  EXPECT_THAT(Complete({"port", "add", "vnet0,of"}), ElementsAre("vnet0,offload="));
  EXPECT_THAT(Complete({"port", "add", "vnet0,mtu=9000,offload="}),
              ElementsAre("vnet0,mtu=9000,offload=off", "vnet0,mtu=9000,offload=on"));
  EXPECT_THAT(Complete({"port", "add", "unix:vm,mode=d"}), ElementsAre("unix:vm,mode=dgram"));
  EXPECT_THAT(Complete({"port", "add", "vnet0", "iso"}), ElementsAre("isolated"));
  EXPECT_THAT(Complete({"port", "set", "vnet0", "isolated", ""}), ElementsAre("off", "on"));
}

TEST(CompletionTest, EachTypeOfPortIsOffered) {
  std::vector<std::string> types;
  for (const PortType& type : PortTypes()) types.push_back(std::string(type.text.name) + ":");
  EXPECT_THAT(Complete({"port", "add", ""}), UnorderedElementsAreArray(types));
}

// The keys there are, as the error for another one lists them.
std::vector<std::string> KeysInError(const std::string& type) {
  const absl::Status status = CheckPort(ParsePortSpec(type + ":x,nonsense=1").value());
  std::string text(status.message());
  text.erase(0, text.rfind("it has ") + std::string_view("it has ").size());
  return absl::StrSplit(text, ", ");
}

TEST(CompletionTest, EachKeyOfEachTypeOfPortIsOffered) {
  for (const PortType& type : PortTypes()) {
    const std::string text = std::string(type.text.name) + ":x,";
    std::vector<std::string> offered = Complete({"port", "add", text});
    for (std::string& one : offered) {
      one.erase(0, text.size());
      if (one.ends_with('=')) one.pop_back();
    }
    EXPECT_THAT(offered, UnorderedElementsAreArray(KeysInError(std::string(type.text.name))))
        << type.text.name;
  }
}

TEST(CompletionTest, AKeyThatNeedsNoValueIsOfferedWithoutOne) {
  EXPECT_THAT(Complete({"port", "add", "netdev:lo,w"}), ElementsAre("netdev:lo,wait"));
  EXPECT_THAT(Complete({"port", "add", "vnet0,p"}), ElementsAre("vnet0,persist"));
  EXPECT_THAT(Complete({"port", "add", "vnet0,persist="}),
              ElementsAre("vnet0,persist=off", "vnet0,persist=on"));
}

TEST(CompletionTest, FlagsOfTheDaemonHaveValues) {
  EXPECT_THAT(DaemonTexts("--io="), ElementsAre("--io=auto", "--io=epoll", "--io=uring"));
  EXPECT_THAT(DaemonTexts("--vlan_filtering=o"),
              ElementsAre("--vlan_filtering=off", "--vlan_filtering=on"));
  EXPECT_THAT(DaemonTexts("--startup=/x"), ElementsAre(":files:"));
  EXPECT_THAT(DaemonTexts("--fly="), IsEmpty());
  EXPECT_THAT(DaemonTexts("unix:vm,mode=s"), ElementsAre("unix:vm,mode=stream"));
}

TEST(CompletionTest, WithoutWordsThereIsNothingToSay) { EXPECT_EQ(Completions({}), ""); }

TEST(CompletionTest, WhatIsOfferedIsNoErrorOfItsOwn) {
  // Given each object and verb, when a further word is offered, then parsing knows it.
  for (const Command& command : Commands()) {
    std::vector<std::string> words{std::string(command.object)};
    if (!command.verb.empty()) words.emplace_back(command.verb);
    words.emplace_back("");
    for (const std::string& candidate : Complete(words)) {
      if (candidate == ":files:" || candidate == "pvid" || candidate == "untagged") continue;
      words.back() = candidate;
      const auto request = ParseCommand(words);
      if (request.ok()) continue;
      EXPECT_THAT(std::string(request.status().message()), Not(testing::HasSubstr("unexpected")))
          << candidate;
    }
  }
}

}  // namespace
}  // namespace tapswitch::completion_test
