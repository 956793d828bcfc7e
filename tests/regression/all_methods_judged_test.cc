// Each method is either for all members of the control group, or refused to those that are not
// trusted. Before, evpn.add and evpn.del were judged by nobody: a member had the switch make and
// remove vxlan interfaces of the machine, and open UDP ports on any of its addresses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "switch/control/methods/method_table.h"
#include "switch/control/rpc/client_policy.h"

namespace tapswitch::all_methods_judged_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr ControlPeer kMember{.pid = 1, .uid = 65534, .gid = 65534};
constexpr ControlPeer kRoot{.pid = 1, .uid = 0, .gid = 0};

struct Row {
  std::string_view method;
  bool is_for_members;  // with parameters that name nothing of root's
};

// A new method is to be entered here and in client_policy.cc.
const std::vector<Row> kTable{
    {"bridge.adopt", false},
    {"bridge.list", true},
    {"bridge.release", false},
    {"bridge.set", true},
    {"bridge.stop", false},
    {"bridge.upgrade", false},
    {"capture.start", true},
    {"config.apply", false},
    {"config.reload", false},
    {"config.save", true},
    {"evpn.add", false},
    {"evpn.del", false},
    {"evpn.list", true},
    {"fdb.add", true},
    {"fdb.append", true},
    {"fdb.del", true},
    {"fdb.flush", true},
    {"fdb.get", true},
    {"fdb.list", true},
    {"fdb.replace", true},
    {"impair.del", true},
    {"impair.list", true},
    {"impair.schedule", true},
    {"impair.set", true},
    {"kernel.list", true},
    {"link.carrier", true},
    {"link.list", true},
    {"link.set", true},
    {"loop.list", true},
    {"loop.set", true},
    {"mdb.add", true},
    {"mdb.del", true},
    {"mdb.flush", true},
    {"mdb.get", true},
    {"mdb.list", true},
    {"mdb.replace", true},
    {"mirror.add", true},
    {"mirror.del", true},
    {"mirror.list", true},
    {"monitor.start", true},
    {"multicast.doctor", true},
    {"multicast.list", true},
    {"neigh.del", true},
    {"neigh.flush", true},
    {"neigh.list", true},
    {"neigh.replace", true},
    {"port.add", true},
    {"port.del", true},
    {"port.explain", true},
    {"port.list", true},
    {"port.recover", true},
    {"port.set", true},
    {"reach", true},
    {"security.allow", true},
    {"security.disallow", true},
    {"security.list", true},
    {"security.set", true},
    {"storm.list", true},
    {"storm.set", true},
    {"stp.list", true},
    {"stp.mcheck", true},
    {"trace", true},
    {"vlan.add", true},
    {"vlan.del", true},
    {"vlan.global_list", true},
    {"vlan.global_set", true},
    {"vlan.list", true},
    {"vlan.set", true},
};

const ClientPolicy& Policy() {
  static const ClientPolicy policy(0, "/run/tapswitch");
  return policy;
}

TEST(AllMethodsJudgedTest, EachMethodIsInThePolicyAndInTheTable) {
  for (const Method& method : AllMethods()) {
    EXPECT_TRUE(ClientPolicy::Judges(method.name)) << method.name;
    EXPECT_TRUE(std::any_of(kTable.begin(), kTable.end(), [&](const Row& row) {
      return row.method == method.name;
    })) << method.name;
  }
  EXPECT_EQ(kTable.size(), AllMethods().size());
}

TEST(AllMethodsJudgedTest, MembersMayDoWhatConcernsOnlyTheSwitch) {
  const json params = {{"port", "tap:t"}, {"vni", 77}, {"dev", "t"}};
  for (const Row& row : kTable) {
    const absl::Status checked = Policy().Check(kMember, row.method, params);
    EXPECT_EQ(checked.ok(), row.is_for_members) << row.method << ": " << checked;
    EXPECT_TRUE(Policy().Check(kRoot, row.method, params).ok()) << row.method;
    if (row.is_for_members) continue;
    EXPECT_TRUE(absl::IsPermissionDenied(checked)) << row.method;
    EXPECT_THAT(std::string(checked.message()), HasSubstr(std::string(row.method) + ": only root"));
  }
}

TEST(AllMethodsJudgedTest, OneThatNobodyHasJudgedIsRefused) {
  for (const char* const method :
       {"evpn.paint", "", "show", ".show", "evpn.add.show", "vlan.sho"}) {
    EXPECT_FALSE(ClientPolicy::Judges(method)) << method;
    EXPECT_FALSE(Policy().Check(kMember, method, json::object()).ok()) << method;
  }
}

TEST(AllMethodsJudgedTest, ShowIsJudgedAsList) {
  EXPECT_TRUE(Policy().Check(kMember, "fdb.show", json::object()).ok());
  EXPECT_TRUE(ClientPolicy::Judges("evpn.show"));
  EXPECT_FALSE(ClientPolicy::Judges("trace.show"));
}

}  // namespace
}  // namespace tapswitch::all_methods_judged_test
