// The language of tapctl: which words mean which request, and what is said of those that mean none.

#include "switch/control/commands/parse_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "tests/support/split_line.h"

namespace tapswitch::parse_command_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// ----- what is accepted --------------------------------------------------------------------------

struct Accepted {
  std::string line;
  std::string method;
  std::string params;  // JSON
};

void PrintTo(const Accepted& accepted, std::ostream* out) { *out << accepted.line; }

class AcceptedWords : public testing::TestWithParam<Accepted> {};

TEST_P(AcceptedWords, MeanARequest) {
  const auto request = ParseCommand(Split(GetParam().line));
  ASSERT_TRUE(request.ok()) << Message(request.status());
  EXPECT_EQ(request->command->method, GetParam().method);
  EXPECT_EQ(request->params, json::parse(GetParam().params));
}

INSTANTIATE_TEST_SUITE_P(
    Bridge, AcceptedWords,
    testing::Values(
        Accepted{"bridge show", "bridge.list", "{}"}, Accepted{"bridge", "bridge.list", "{}"},
        Accepted{"bridge set ageing_time 300s", "bridge.set", R"({"ageing_time": "300s"})"},
        Accepted{"bridge set fdb_max_learned 0x10 mcast_snooping off vlan_filtering 0",
                 "bridge.set",
                 R"({"fdb_max_learned": 16, "mcast_snooping": false, "vlan_filtering": false})"},
        Accepted{"bridge set default_pvid 1 vlan_protocol 802.1ad group_fwd_mask 0X8", "bridge.set",
                 R"({"default_pvid": 1, "vlan_protocol": "802.1ad", "group_fwd_mask": 8})"},
        Accepted{"bridge set", "bridge.set", "{}"}));

INSTANTIATE_TEST_SUITE_P(
    Port, AcceptedWords,
    testing::Values(Accepted{"port", "port.list", "{}"},
                    Accepted{"port show vnet0", "port.list", R"({"name": "vnet0"})"},
                    Accepted{"port show dev vnet0", "port.list", R"({"name": "vnet0"})"},
                    Accepted{"port add tap:vnet0,mtu=9000", "port.add",
                             R"({"port": "tap:vnet0,mtu=9000"})"},
                    Accepted{"port add netdev:tap0 ephemeral", "port.add",
                             R"({"port": "netdev:tap0", "ephemeral": true})"},
                    Accepted{"port add dev", "port.add", R"({"port": "dev"})"},
                    Accepted{"port del vnet0", "port.del", R"({"name": "vnet0"})"},
                    Accepted{"port del dev dev", "port.del", R"({"name": "dev"})"}));

INSTANTIATE_TEST_SUITE_P(
    Link, AcceptedWords,
    testing::Values(
        Accepted{"link", "link.list", "{}"},
        Accepted{"link show dev vnet0", "link.list", R"({"dev": "vnet0"})"},
        Accepted{"link show vnet0", "link.list", R"({"dev": "vnet0"})"},
        Accepted{"link set dev v learning on flood off mcast_flood 1 bcast_flood 0", "link.set",
                 R"({"dev": "v", "learning": true, "flood": false, "mcast_flood": true,
                     "bcast_flood": false})"},
        Accepted{"link set isolated on locked on hairpin on dev v", "link.set",
                 R"({"dev": "v", "isolated": true, "locked": true, "hairpin": true})"},
        Accepted{"link set dev v guard off root_block off fastleave off mcast_to_unicast off",
                 "link.set",
                 R"({"dev": "v", "guard": false, "root_block": false, "fastleave": false,
                     "mcast_to_unicast": false})"},
        Accepted{"link set dev v neigh_suppress off vlan_tunnel off mab off", "link.set",
                 R"({"dev": "v", "neigh_suppress": false, "vlan_tunnel": false, "mab": false})"},
        Accepted{"link set dev v state blocking", "link.set",
                 R"({"dev": "v", "state": "blocking"})"},
        Accepted{"link set dev v state 4", "link.set", R"({"dev": "v", "state": 4})"},
        Accepted{"link set dev v cost 5 priority 6 fdb_max_learned 7", "link.set",
                 R"({"dev": "v", "cost": 5, "priority": 6, "fdb_max_learned": 7})"},
        Accepted{"link set dev v neigh_suppress on loop_detection off", "link.set",
                 R"({"dev": "v", "neigh_suppress": true, "loop_detection": false})"},
        Accepted{"link set dev v gro off", "link.set", R"({"dev": "v", "gro": false})"},
        Accepted{"link set v learning off", "link.set", R"({"dev": "v", "learning": false})"}));

INSTANTIATE_TEST_SUITE_P(
    Protocols, AcceptedWords,
    testing::Values(Accepted{"loop", "loop.list", "{}"}, Accepted{"loop show", "loop.list", "{}"},
                    Accepted{"loop set period 1s action block recovery off", "loop.set",
                             R"({"period": "1s", "action": "block", "recovery": "off"})"},
                    Accepted{"neigh", "neigh.list", "{}"},
                    Accepted{"neigh show dev v vlan 7", "neigh.list", R"({"dev": "v", "vlan": 7})"},
                    Accepted{"neigh flush v", "neigh.flush", R"({"dev": "v"})"},
                    Accepted{"port recover v", "port.recover", R"({"name": "v"})"}));

INSTANTIATE_TEST_SUITE_P(
    EntryChange, AcceptedWords,
    testing::Values(
        Accepted{"fdb add 02:00:00:00:00:01 dev v", "fdb.add",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v"})"},
        Accepted{"fdb add 02:0A:00:00:00:01 dev v static", "fdb.add",
                 R"({"mac": "02:0a:00:00:00:01", "dev": "v", "state": "static"})"},
        Accepted{"fdb add 02:00:00:00:00:01 dev v temp", "fdb.add",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v", "state": "static"})"},
        Accepted{"fdb add 02:00:00:00:00:01 dev v local", "fdb.add",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v", "state": "permanent"})"},
        Accepted{"fdb add 02:00:00:00:00:01 dev v permanent", "fdb.add",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v", "state": "permanent"})"},
        Accepted{"fdb replace 02:00:00:00:00:01 dev v vlan 7 dynamic", "fdb.replace",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v", "vlan": 7, "state": "dynamic"})"},
        Accepted{"fdb append 02:00:00:00:00:01 dev v master static sticky", "fdb.append",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v", "state": "static", "sticky": true})"},
        Accepted{"fdb add 02:00:00:00:00:01 dev v extern_learn use", "fdb.add",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v", "extern_learn": true, "use": true})"},
        Accepted{"fdb del 02:00:00:00:00:01 dev v", "fdb.del",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v"})"}));

INSTANTIATE_TEST_SUITE_P(
    EntryQuestion, AcceptedWords,
    testing::Values(
        Accepted{"fdb", "fdb.list", "{}"}, Accepted{"fdb show", "fdb.list", "{}"},
        Accepted{"fdb show dev v vlan 7 state static", "fdb.list",
                 R"({"dev": "v", "vlan": 7, "state": "static"})"},
        Accepted{"fdb show br br0 brport v dynamic", "fdb.list",
                 R"({"br": "br0", "dev": "v", "state": "dynamic"})"},
        Accepted{"fdb show v", "fdb.list", R"({"dev": "v"})"},
        Accepted{"fdb get 02:00:00:00:00:01 vlan 7", "fdb.get",
                 R"({"mac": "02:00:00:00:00:01", "vlan": 7})"},
        Accepted{"fdb get 02:00:00:00:00:01 br br0", "fdb.get",
                 R"({"mac": "02:00:00:00:00:01", "br": "br0"})"},
        Accepted{"fdb get brport v 02:00:00:00:00:01 master", "fdb.get",
                 R"({"mac": "02:00:00:00:00:01", "dev": "v"})"},
        Accepted{"fdb flush", "fdb.flush", "{}"},
        Accepted{"fdb flush dev v master vlan 7 static permanent dynamic", "fdb.flush",
                 R"({"dev": "v", "vlan": 7, "static": true, "permanent": true, "dynamic": true})"},
        Accepted{"fdb flush nostatic nopermanent nodynamic", "fdb.flush",
                 R"({"static": false, "permanent": false, "dynamic": false})"},
        Accepted{"fdb flush brport v sticky extern_learn added_by_user", "fdb.flush",
                 R"({"dev": "v", "sticky": true, "extern_learn": true, "added_by_user": true})"},
        Accepted{"fdb flush nosticky noextern_learn noadded_by_user", "fdb.flush",
                 R"({"sticky": false, "extern_learn": false, "added_by_user": false})"}));

INSTANTIATE_TEST_SUITE_P(
    Others, AcceptedWords,
    testing::Values(
        Accepted{"monitor", "monitor.start", "{}"},
        Accepted{"monitor all", "monitor.start", R"({"objects": ["all"]})"},
        Accepted{"monitor fdb link port vlan mdb bridge", "monitor.start",
                 R"({"objects": ["fdb", "link", "port", "vlan", "mdb", "bridge"]})"},
        Accepted{"trace in v src 02:00:00:00:00:01 dst 02:00:00:00:00:02", "trace",
                 R"({"in": "v", "src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"})"},
        Accepted{"trace type 0x800 vlan 5 dst ff:ff:ff:ff:ff:ff src 02:00:00:00:00:01 in v",
                 "trace",
                 R"({"in": "v", "src": "02:00:00:00:00:01", "dst": "ff:ff:ff:ff:ff:ff",
                     "vlan": 5, "type": 2048})"},
        Accepted{"trace in v src 02:00:00:00:00:01 dst 02:00:00:00:00:02 size 1515", "trace",
                 R"({"in": "v", "src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02",
                     "size": 1515})"},
        Accepted{"top", "", "{}"},
        Accepted{"top interval 500ms count 3", "", R"({"interval": "500ms", "count": 3})"},
        Accepted{"save", "config.save", "{}"}, Accepted{"batch -", "", R"({"file": "-"})"}));

INSTANTIATE_TEST_SUITE_P(
    Shortened, AcceptedWords,
    testing::Values(Accepted{"f sh", "fdb.list", "{}"}, Accepted{"fdb list", "fdb.list", "{}"},
                    Accepted{"fdb lst", "fdb.list", "{}"},
                    Accepted{"l se dev v loc on", "link.set", R"({"dev": "v", "locked": true})"},
                    Accepted{"br sh", "bridge.list", "{}"},
                    Accepted{"mo f", "monitor.start", R"({"objects": ["fdb"]})"},
                    Accepted{"link set dev v isol on", "link.set",
                             R"({"dev": "v", "isolated": true})"},
                    Accepted{"fdb add 02:00:00:00:00:01 dev v stat", "fdb.add",
                             R"({"mac": "02:00:00:00:00:01", "dev": "v", "state": "static"})"},
                    Accepted{"fdb add perm 02:00:00:00:00:01 dev v", "fdb.add",
                             R"({"mac": "02:00:00:00:00:01", "dev": "v", "state": "permanent"})"}));

// Words that contradict each other: the last counts.
INSTANTIATE_TEST_SUITE_P(Contradicting, AcceptedWords,
                         testing::Values(Accepted{"fdb flush static nostatic", "fdb.flush",
                                                  R"({"static": false})"}));

INSTANTIATE_TEST_SUITE_P(
    PortSettings, AcceptedWords,
    testing::Values(
        Accepted{"port add vnet4 isolated on vlan 10 pvid untagged vlan 20,30-40", "port.add",
                 R"({"port": "vnet4", "isolated": true,
                     "vlan": [{"vid": "10", "pvid": true, "untagged": true},
                              {"vid": "20,30-40"}]})"},
        Accepted{"port add vnet4 vid 10 untagged", "port.add",
                 R"({"port": "vnet4", "vlan": [{"vid": "10", "untagged": true}]})"},
        Accepted{"port add description 'web VM' vnet4", "port.add",
                 R"({"port": "vnet4", "description": "web VM"})"},
        Accepted{"port add v max_macs 2 violation drop moves 5/10s move_action damp recovery 60s",
                 "port.add",
                 R"({"port": "v", "max_macs": 2, "violation": "drop", "moves": "5/10s",
                     "move_action": "damp", "recovery": "60s"})"},
        Accepted{"port add v broadcast 100pps unknown 1mbit burst 200ms action shutdown",
                 "port.add",
                 R"({"port": "v", "broadcast": "100pps", "unknown": "1mbit", "burst": "200ms",
                     "action": "shutdown"})"},
        Accepted{"port add v allow 02:00:00:00:00:01 allow 02:00:00:00:00:02,192.0.2.1", "port.add",
                 R"({"port": "v", "allow": ["02:00:00:00:00:01", "02:00:00:00:00:02,192.0.2.1"]})"},
        Accepted{"port set v state blocking locked on mab on", "port.set",
                 R"({"name": "v", "state": "blocking", "locked": true, "mab": true})"},
        Accepted{"port set dev v description ''", "port.set",
                 R"({"name": "v", "description": ""})"}));

INSTANTIATE_TEST_SUITE_P(Lists, AcceptedWords,
                         testing::Values(Accepted{"vlan add vid 10,20,30-40 dev v", "vlan.add",
                                                  R"({"vid": "10,20,30-40", "dev": "v"})"},
                                         Accepted{"vlan del vid 10,20 dev v", "vlan.del",
                                                  R"({"vid": "10,20", "dev": "v"})"}));

INSTANTIATE_TEST_SUITE_P(Synonyms, AcceptedWords,
                         testing::Values(Accepted{"port delete v", "port.del", R"({"name": "v"})"},
                                         Accepted{"port remove v", "port.del", R"({"name": "v"})"},
                                         Accepted{"port rm v", "port.del", R"({"name": "v"})"},
                                         Accepted{"mirror rm m", "mirror.del", R"({"name": "m"})"},
                                         Accepted{"port list", "port.list", "{}"},
                                         Accepted{"port ls", "port.list", "{}"},
                                         Accepted{"fdb ls dev v", "fdb.list", R"({"dev": "v"})"}));

// Whatever their order, words that are pairs mean the same.
TEST(ParseCommandTest, WordsComeInAnyOrder) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<Words> parts{{"02:00:00:00:00:01"},
                           {"dev", "v"},
                           {"vlan", "7"},
                           {"static"},
                           {"sticky"},
                           {"use"},
                           {"master"}};
  const json expected = json::parse(R"({"mac": "02:00:00:00:00:01", "dev": "v", "vlan": 7,
                                        "state": "static", "sticky": true, "use": true})");
  for (int round = 0; round < 200; ++round) {
    std::shuffle(parts.begin(), parts.end(), random);
    Words words{"fdb", "add"};
    for (const Words& part : parts) words.insert(words.end(), part.begin(), part.end());
    const auto request = ParseCommand(words);
    ASSERT_TRUE(request.ok()) << testing::PrintToString(words) << Message(request.status());
    EXPECT_EQ(request->params, expected) << testing::PrintToString(words);
  }
}

TEST(ParseCommandTest, TheOwnNamesOfAnObjectNeedNoMoreLetters) {
  // Where one name begins another the whole name means itself.
  for (const Command& command : Commands()) {
    const std::string line = std::string(command.object) + " " + std::string(command.verb);
    const auto request = ParseCommand(Split(line));
    if (request.ok()) {
      EXPECT_EQ(request->command, &command) << line;
    } else {
      EXPECT_THAT(Message(request.status()), HasSubstr("is missing")) << line;
    }
  }
}

}  // namespace
}  // namespace tapswitch::parse_command_test
