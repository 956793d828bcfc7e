// What is said of command lines that mean nothing: each message of the grammar, once and in full.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "switch/control/commands/parse_command.h"

namespace tapswitch::error_messages_test {
namespace {

using testing::HasSubstr;

struct Wrong {
  std::string line;
  std::string message;
};

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.line; }

std::string MessageFor(const std::string& line) {
  const auto words = SplitLine(line);
  EXPECT_TRUE(words.ok()) << line;
  const auto request = ParseCommand(*words);
  EXPECT_FALSE(request.ok()) << line;
  EXPECT_TRUE(request.ok() || absl::IsInvalidArgument(request.status())) << line;
  return request.ok() ? "" : std::string(request.status().message());
}

class WrongLine : public testing::TestWithParam<Wrong> {};

TEST_P(WrongLine, IsAnsweredWithThis) {
  EXPECT_EQ(MessageFor(GetParam().line), GetParam().message);
}

// Of messages that list everything there is, the test below has the rest.
class WrongLineBegin : public testing::TestWithParam<Wrong> {};

TEST_P(WrongLineBegin, IsAnsweredWithWhatBeginsSo) {
  EXPECT_THAT(MessageFor(GetParam().line), testing::StartsWith(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    AllThatThereIs, WrongLineBegin,
    testing::Values(Wrong{"", "no command is given: expected bridge, port, link, fdb, vlan, "},
                    Wrong{"''", "unknown command '': expected bridge, port, "},
                    Wrong{"fly", "unknown command 'fly': expected bridge, port, "},
                    Wrong{"link set dev v flying on", "unexpected 'flying': expected dev, state, "},
                    Wrong{"port add", "'port' is missing: tapctl port add [TYPE:]NAME"},
                    Wrong{"port set isolated on", "'name' is missing: tapctl port set NAME "},
                    Wrong{"link set learning on", "'dev' is missing: tapctl link set dev NAME "}));

INSTANTIATE_TEST_SUITE_P(
    Commands, WrongLine,
    testing::Values(
        Wrong{"prot", "unknown command 'prot': did you mean 'port'?"},
        Wrong{"brdige show", "unknown command 'brdige': did you mean 'bridge'?"},
        Wrong{"b", "ambiguous command 'b': expected bridge or batch"},
        Wrong{"t", "ambiguous command 't': expected trace or top"},
        Wrong{"port shw", "unknown command 'shw' of port: did you mean 'show'?"},
        Wrong{"port fly",
              "unknown command 'fly' of port: expected add, set, del, explain, show or recover"},
        Wrong{"bridge rm", "unknown command 'rm' of bridge: expected show or set"},
        Wrong{"loop fly", "unknown command 'fly' of loop: expected show or set"},
        Wrong{"fdb a", "ambiguous command 'a' of fdb: expected add or append"},
        Wrong{"link s", "ambiguous command 's' of link: expected set or show"},
        Wrong{"save lst", "unexpected 'lst': 'save' takes no further word"},
        Wrong{"bridge show br0", "unexpected 'br0': 'bridge show' takes no further word"},
        Wrong{"batch a b", "unexpected 'b': 'batch' takes no further word"}));

INSTANTIATE_TEST_SUITE_P(
    Missing, WrongLine,
    testing::Values(Wrong{"port del", "'name' is missing: tapctl port del NAME"},
                    Wrong{"fdb del dev v",
                          "'mac' is missing: tapctl fdb del MAC dev NAME [vlan VID]"},
                    Wrong{"fdb del 02:00:00:00:00:01",
                          "'dev' is missing: tapctl fdb del MAC dev NAME [vlan VID]"},
                    Wrong{"fdb get", "'mac' is missing: tapctl fdb get [to] MAC [vlan VID]"},
                    Wrong{"batch", "'file' is missing: tapctl batch FILE|-"},
                    Wrong{"link set dev", "dev: expected a name behind it"},
                    Wrong{"link set dev v learning", "learning: expected on or off behind it"},
                    Wrong{"link set dev v cost", "cost: expected a number or auto behind it"},
                    Wrong{"link set dev v state", "state: expected a value behind it"},
                    Wrong{"trace in v src", "src: expected a MAC address behind it"},
                    Wrong{"mirror add m from dev", "dev: expected a name behind it"},
                    Wrong{"top interval", "interval: expected a value behind it"}));

INSTANTIATE_TEST_SUITE_P(
    Values, WrongLine,
    testing::Values(Wrong{"link set dev v learning maybe", "learning 'maybe': expected on or off"},
                    Wrong{"port add v isolated ON", "isolated 'ON': expected on or off"},
                    Wrong{"link set dev v cost x", "cost 'x': expected a number or auto"},
                    Wrong{"link set dev v cost -1", "cost '-1': expected a number or auto"},
                    Wrong{"link set dev v cost ''", "cost '': expected a number or auto"},
                    Wrong{"link set dev v cost 0x", "cost '0x': expected a number or auto"},
                    Wrong{"link set dev v cost 18446744073709551616",
                          "cost '18446744073709551616': expected a number or auto"},
                    Wrong{"link set dev v cost 1.5", "cost '1.5': expected a number or auto"},
                    Wrong{"top count many", "count 'many': expected a number"},
                    Wrong{"storm set v action cry", "action 'cry': expected drop or shutdown"},
                    Wrong{"security set v violation x",
                          "violation 'x': expected none, drop, shutdown or replace"},
                    Wrong{
                        "fdb add 02:00:00:00:00 dev v",
                        "MAC '02:00:00:00:00': expected a MAC address, such as 02:00:00:00:00:01"},
                    Wrong{"trace in v src x dst 02:00:00:00:00:01",
                          "src 'x': expected a MAC address, such as 02:00:00:00:00:01"}));

INSTANTIATE_TEST_SUITE_P(
    Words, WrongLine,
    testing::Values(
        Wrong{"port add v isolatd on", "unexpected 'isolatd': did you mean 'isolated'?"},
        Wrong{"link set dev v mcast on",
              "ambiguous word 'mcast': expected mcast_flood, mcast_router, mcast_to_unicast or "
              "mcast_max_groups"},
        Wrong{"fdb add 02:00:00:00:00:01 dev v self",
              "self: an address of the interface itself is not the bridge's: leave it out"},
        Wrong{"fdb show dev v w x",
              "unexpected 'w': expected dev, brport, br, vlan, state or dynamic"},
        Wrong{"monitor fdb flies",
              "unexpected 'flies': expected all, fdb, link, port, vlan, mdb, "
              "config, bridge, stp or neigh"},
        Wrong{"port add v pvid", "unexpected 'pvid': expected vlan VID before it"},
        Wrong{"port add v untagged", "unexpected 'untagged': expected vlan VID before it"}));

INSTANTIATE_TEST_SUITE_P(
    Twice, WrongLine,
    testing::Values(Wrong{"vlan add vid 10 vid 20 dev v", "'vid' is given twice: give it once"},
                    Wrong{"link set dev v isolated on isolated off",
                          "'isolated' is given twice: give it once"},
                    Wrong{"link set v dev w", "'dev' is given twice: give it once"},
                    Wrong{"fdb show dev v brport w", "'brport' is given twice: give it once"},
                    Wrong{"fdb add 02:00:00:00:00:01 dev v static static",
                          "'static' is given twice: give it once"},
                    Wrong{"monitor fdb fdb", "'fdb' is given twice: give it once"},
                    Wrong{"port add v vlan 1 pvid pvid", "'pvid' is given twice: give it once"}));

TEST(ErrorMessagesTest, AListOfAllHasAll) {
  EXPECT_THAT(MessageFor("fly"), HasSubstr("stop or batch"));
  EXPECT_THAT(MessageFor("link set dev v flying on"),
              AllOf(HasSubstr("loop_detection, gro, kernel_forwarding"), HasSubstr(" or profile")));
}

TEST(ErrorMessagesTest, EachIsOneLine) {
  for (const std::string line : {"", "fly", "port add", "port add v x", "fdb del", "link set"}) {
    EXPECT_EQ(MessageFor(line).find('\n'), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace tapswitch::error_messages_test
