// Interfaces may be called `dev` and `show`. Ports of these names were refused, although `tap:dev` and
// `dev dev` mean one thing only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "switch/control/commands/batch_reader.h"
#include "switch/control/commands/parse_command.h"
#include "tests/support/methods_fixture.h"

namespace tapswitch::ports_called_dev_and_show_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class PortsCalledDevAndShowTest : public MethodsFixture {
 protected:
  // Carries out commands as a file has them, and returns what went wrong.
  std::string CarryOut(const std::string& lines) {
    std::istringstream input(lines);
    BatchReader reader(input);
    while (const auto words = reader.Next()) {
      if (!words->ok()) return words->status().ToString();
      const auto request = ParseCommand(**words);
      if (!request.ok()) return request.status().ToString();
      const auto done = Call(request->command->method, request->params);
      if (!done.ok()) return done.status().ToString();
    }
    return "";
  }
  std::string Saved() {
    std::string lines;
    for (const auto& line : json::parse(Answer("config.save"))) {
      lines += line.get<std::string>() + '\n';
    }
    return lines;
  }
};

TEST_F(PortsCalledDevAndShowTest, AreAddedSetSavedAndDeleted) {
  std::string lines = Add("dev") + Add("show") + "bridge set vlan_filtering on\n";
  for (const std::string name : {"dev", "show"}) {
    lines += "link set dev " + name + " isolated on\n";
    lines += "port set dev " + name + " description it\n";
    lines += "vlan add vid 7 dev " + name + " pvid untagged\n";
    lines += "fdb replace 02:00:00:00:00:0" + std::to_string(name.size()) + " dev " + name +
             " vlan 7 static\n";
    lines += "storm set dev " + name + " broadcast 10pps\n";
    lines += "security allow 02:00:00:00:00:01 dev " + name + "\n";
  }
  lines += "mirror add of_dev from dev dev to show\n";
  ASSERT_EQ(CarryOut(lines), "");
  const std::string saved = Saved();
  EXPECT_THAT(saved, HasSubstr("unix:dev,"));
  const std::string deletion = "mirror del of_dev\nport del dev dev\nport del dev show\n";
  ASSERT_EQ(CarryOut(deletion), "");
  EXPECT_TRUE(control_.config().ports.empty());
  // What was saved makes the same again.
  ASSERT_EQ(CarryOut(saved), "");
  EXPECT_EQ(Saved(), saved);
}

TEST_F(PortsCalledDevAndShowTest, AreNamedWithoutDevWhereNothingElseIsMeant) {
  ASSERT_EQ(CarryOut(Add("show") + "link set show isolated on\nport show show\n"), "");
  EXPECT_TRUE(control_.config().port("show")->settings.isolated);
}

}  // namespace
}  // namespace tapswitch::ports_called_dev_and_show_test
