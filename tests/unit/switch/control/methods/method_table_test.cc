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
const std::set<std::string_view> kReading{
    "bridge.list", "config.save",   "fdb.get",    "fdb.list",      "link.list",
    "loop.list",   "mirror.list",   "neigh.list", "monitor.start", "port.list",
    "reach",       "security.list", "storm.list", "trace",         "vlan.list"};

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
  }

  // Parameters that the method does not refuse on the bridge above.
  static json ParamsFor(std::string_view method) {
    if (method == "fdb.get") return {{"mac", kStation}};
    if (method == "trace") return {{"in", "vm"}, {"src", "02:00:00:00:00:02"}, {"dst", kStation}};
    return json::object();
  }

  static constexpr std::string_view kStation = "02:00:00:00:00:01";
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
