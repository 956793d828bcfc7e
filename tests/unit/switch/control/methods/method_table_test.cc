// The methods that there are, and what is said of them.

#include "switch/control/methods/method_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "switch/control/commands/grammar.h"
#include "tests/support/methods_fixture.h"

namespace tapswitch::method_table_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::set<std::string_view> Names() {
  std::set<std::string_view> names;
  for (const Method& method : AllMethods()) names.insert(method.name);
  return names;
}

TEST(MethodTableTest, NamesAreUnique) { EXPECT_EQ(Names().size(), AllMethods().size()); }

TEST(MethodTableTest, EachMethodIsACommandOfTapctlAndNoCommandIsWithoutOne) {
  std::set<std::string_view> asked_for;
  for (const Command& command : Commands()) {
    if (!command.method.empty()) asked_for.insert(command.method);
  }
  EXPECT_EQ(Names(), asked_for);
}

// A new method that reads is to be entered here; the test below calls it.
const std::set<std::string_view> kReading{"bridge.list",    "config.save",   "fdb.get",
                                          "fdb.list",       "kernel.list",   "link.list",
                                          "loop.list",      "mdb.get",       "mdb.list",
                                          "evpn.list",      "impair.list",   "mirror.list",
                                          "neigh.list",     "monitor.start", "multicast.doctor",
                                          "multicast.list", "port.explain",  "port.list",
                                          "reach",          "security.list", "storm.list",
                                          "stp.list",       "trace",         "vlan.global_list",
                                          "vlan.list"};

TEST(MethodTableTest, TheseReadAndAllOthersChange) {
  std::set<std::string_view> reading;
  for (const Method& method : AllMethods()) {
    if (method.kind == MethodKind::kReads) reading.insert(method.name);
    EXPECT_EQ(KindOf(method.name), method.kind) << method.name;
  }
  EXPECT_EQ(reading, kReading);
}

TEST(MethodTableTest, ListMayBeCalledShow) {
  EXPECT_EQ(KindOf("fdb.show"), MethodKind::kReads);
  EXPECT_EQ(KindOf("storm.show"), MethodKind::kReads);
  EXPECT_EQ(KindOf("trace.show"), std::nullopt);
}

TEST(MethodTableTest, NothingIsSaidOfOthers) {
  for (const std::string_view name : {"", "bridge", "bridge.", ".list", ".show", "BRIDGE.LIST"}) {
    EXPECT_EQ(KindOf(name), std::nullopt) << name;
  }
}

class MethodsTest : public MethodsFixture {
 protected:
  // A bridge that differs from a fresh one in everything that can be saved, with a port `vm`.
  void Configure() {
    const std::string path = directory_.Path("vm.sock");
    EXPECT_EQ(Answer("bridge.set", {{"ageing_time", "100s"}, {"vlan_filtering", true}}), "null");
    EXPECT_EQ(Answer("loop.set", {{"period", "5s"}}), "null");
    EXPECT_EQ(Answer("port.add", {{"port", "unix:vm,path=" + path}}), "null");
    EXPECT_EQ(Answer("port.add", {{"port", "unix:tap,path=" + path + "2"}}), "null");
    EXPECT_EQ(Answer("link.set", {{"dev", "vm"}, {"hairpin", true}}), "null");
    EXPECT_EQ(Answer("vlan.add", {{"dev", "vm"}, {"vid", "7"}}), "null");
    EXPECT_EQ(Answer("storm.set", {{"dev", "vm"}, {"broadcast", "10pps"}}), "null");
    EXPECT_EQ(Answer("mirror.add", {{"name", "m"}, {"dev", "vm"}, {"to", "tap"}}), "null");
    EXPECT_EQ(Answer("fdb.add", {{"mac", kStation}, {"dev", "vm"}, {"vlan", 7U}}), "null");
    EXPECT_EQ(Answer("bridge.set", {{"mcast_snooping", true}}), "null");
    EXPECT_EQ(Answer("mdb.add", {{"port", "vm"}, {"grp", kGroup}, {"state", "permanent"}}), "null");
  }

  // Parameters that the method does not refuse on the bridge above.
  static json ParamsFor(std::string_view method) {
    if (method == "fdb.get") return {{"mac", kStation}};
    if (method == "mdb.get") return {{"grp", kGroup}};
    if (method == "trace") return {{"in", "vm"}, {"src", "02:00:00:00:00:02"}, {"dst", kStation}};
    if (method == "port.explain") return {{"name", "vm"}};
    return json::object();
  }

  static constexpr std::string_view kStation = "02:00:00:00:00:01";
  static constexpr std::string_view kGroup = "239.1.1.1";
};

TEST_F(MethodsTest, AMethodThatReadsChangesNothingThatIsSaved) {
  const std::string fresh = Answer("config.save");
  Configure();
  const std::string saved = Answer("config.save");
  EXPECT_NE(saved, fresh);
  EXPECT_THAT(saved, HasSubstr(kStation));
  for (const std::string_view name : kReading) {
    const MethodResult result = Call(name, ParamsFor(name));
    EXPECT_TRUE(result.ok()) << name << ": " << result.status();
    EXPECT_EQ(Answer("config.save"), saved) << name;
  }
}

TEST_F(MethodsTest, APortIsAddedWithItsSettings) {
  const std::string port = "unix:vm,path=" + directory_.Path("vm.sock");
  EXPECT_EQ(
      Answer(
          "port.add",
          {{"port", port},
           {"isolated", true},
           {"description", "web VM"},
           {"broadcast", "10pps"},
           {"violation", "drop"},
           {"vlan", {{{"vid", "10"}, {"pvid", true}, {"untagged", true}}, {{"vid", "20,30-40"}}}}}),
      "null");
  const PortSettings& settings = control_.config().port("vm")->settings;
  EXPECT_TRUE(settings.isolated);
  EXPECT_EQ(settings.vlans.pvid, VlanId{10});
  EXPECT_FALSE(settings.vlans.members.contains(VlanId{1}));
  EXPECT_TRUE(settings.vlans.members.contains(VlanId{35}));
  EXPECT_THAT(Answer("port.list"), HasSubstr(R"("description":"web VM")"));
  EXPECT_THAT(Answer("config.save"),
              HasSubstr("port add " + port +
                        " description 'web VM' vlan 10 pvid untagged vlan 20,30-40 isolated on "
                        "broadcast 10pps violation drop"));
}

TEST_F(MethodsTest, RefusedSettingsAddNoPort) {
  const std::string port = "unix:vm,path=" + directory_.Path("vm.sock");
  const json wrong = {{{"isolated", "maybe"}},
                      {{"mab", true}},
                      {{"vlan", json::parse(R"([{"vid": "0"}])")}},
                      {{"paint", "green"}},
                      {{"description", "a\nb"}},
                      {{"broadcast", "many"}}};
  for (json params : wrong) {
    params["port"] = port;
    EXPECT_FALSE(Call("port.add", params).ok()) << params;
    EXPECT_EQ(control_.config().port("vm"), nullptr) << params;
  }
}

TEST_F(MethodsTest, TheSamePortMayBeAddedAgain) {
  const std::string port = "unix:vm,path=" + directory_.Path("vm.sock");
  ASSERT_EQ(Answer("port.add", {{"port", port}, {"isolated", true}}), "null");
  const PortConfig before = *control_.config().port("vm");
  EXPECT_EQ(Answer("port.add", {{"port", port}}), "null");
  EXPECT_EQ(*control_.config().port("vm"), before);
  EXPECT_EQ(Answer("port.add", {{"port", port}, {"learning", false}}), "null");
  EXPECT_TRUE(control_.config().port("vm")->settings.isolated);
  EXPECT_FALSE(control_.config().port("vm")->settings.learning);
  EXPECT_TRUE(absl::IsAlreadyExists(Call("port.add", {{"port", port + "2"}}).status()));
}

TEST_F(MethodsTest, PortSetChangesAllOrNothing) {
  Configure();
  const std::string saved = Answer("config.save");
  EXPECT_FALSE(Call("port.set", {{"name", "vm"}, {"isolated", true}, {"cost", 0U}}).ok());
  EXPECT_EQ(Answer("config.save"), saved);
  EXPECT_TRUE(absl::IsNotFound(Call("port.set", {{"name", "nobody"}}).status()));
  EXPECT_EQ(Answer("port.set", {{"name", "vm"},
                                {"isolated", true},
                                {"description", "db"},
                                {"recovery", "60s"},
                                {"vlan", json::parse(R"([{"vid": "none"}])")}}),
            "null");
  const PortSettings& settings = control_.config().port("vm")->settings;
  EXPECT_TRUE(settings.isolated);
  EXPECT_TRUE(settings.hairpin);
  EXPECT_TRUE(settings.vlans.members.empty());
  EXPECT_EQ(settings.storm.recovery, Ticks{6000});
  EXPECT_EQ(settings.security.recovery, Ticks{6000});
  EXPECT_THAT(Answer("config.save"), HasSubstr("description db vlan none"));
}

TEST_F(MethodsTest, NoPortHasANameThatIsAWord) {
  for (const std::string name : {"on", "help", "all", "default"}) {
    const MethodResult added =
        Call("port.add", {{"port", "unix:" + name + ",path=" + directory_.Path("x.sock")}});
    EXPECT_TRUE(absl::IsInvalidArgument(added.status())) << name;
    EXPECT_THAT(std::string(added.status().message()), HasSubstr("'" + name + "' would be a port"));
  }
}

TEST_F(MethodsTest, VlansAreAddedAndDeletedInLists) {
  Configure();
  EXPECT_EQ(Answer("vlan.add", {{"dev", "vm"}, {"vid", "10,20,30-32"}}), "null");
  EXPECT_EQ(Answer("vlan.del", {{"dev", "vm"}, {"vid", "20,31"}}), "null");
  const VlanSet& members = control_.config().port("vm")->settings.vlans.members;
  for (const VlanId vlan : {VlanId{10}, VlanId{30}, VlanId{32}})
    EXPECT_TRUE(members.contains(vlan));
  for (const VlanId vlan : {VlanId{20}, VlanId{31}}) EXPECT_FALSE(members.contains(vlan));
  EXPECT_FALSE(Call("vlan.add", {{"dev", "vm"}, {"vid", "50,51"}, {"pvid", true}}).ok());
  EXPECT_FALSE(Call("vlan.add", {{"dev", "vm"}, {"vid", "50,"}}).ok());
  EXPECT_FALSE(members.contains(VlanId{50}));
}

TEST_F(MethodsTest, OneThatIsUnknownIsUnimplementedAndNamed) {
  const MethodResult result = Call("bridge.paint");
  EXPECT_TRUE(absl::IsUnimplemented(result.status()));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("bridge.paint"));
}

TEST_F(MethodsTest, ShowAnswersAsList) {
  Configure();
  EXPECT_EQ(Answer("vlan.show"), Answer("vlan.list"));
  EXPECT_THAT(Answer("vlan.show"), HasSubstr("vm"));
}

TEST_F(MethodsTest, AParameterThatNobodyKnowsIsRefusedByAll) {
  for (const Method& method : AllMethods()) {
    const MethodResult result = Call(method.name, {{"paint", "green"}});
    EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << method.name << result.status();
  }
}

TEST_F(MethodsTest, TheTableTellsItsChangesWhileSomebodyWatchesThem) {
  EXPECT_FALSE(control_.watches_table());
  ASSERT_EQ(Answer("monitor.start", {{"objects", {"link"}}}), "null");
  EXPECT_FALSE(control_.watches_table());
  ASSERT_EQ(Answer("monitor.start", {{"objects", {"fdb"}}}), "null");
  EXPECT_TRUE(control_.watches_table());
  publisher_.Unsubscribe(kClient);
  EXPECT_FALSE(control_.watches_table());
}

}  // namespace
}  // namespace tapswitch::method_table_test
