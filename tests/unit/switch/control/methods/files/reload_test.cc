// The startup file is applied again: by the differences alone, and with what is wrong with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "switch/control/methods/files/save.h"
#include "tests/support/methods_fixture.h"

namespace tapswitch::reload_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ReloadTest : public MethodsFixture {
 protected:
  void WriteStartupFile(const std::string& text) {
    context_.startup_file = startup_file_;
    std::ofstream(startup_file_) << text;
  }

  json Reload(const json& params = json::object()) {
    const MethodResult reloaded = Call("config.reload", params);
    return reloaded.ok() ? json::parse(reloaded->text()).at("commands")
                         : json(std::string(reloaded.status().message()));
  }

  [[nodiscard]] std::vector<std::string> Save() const { return SaveAsCommands(control_); }

  std::string startup_file_ = directory_.Path("startup");
};

TEST_F(ReloadTest, OnlyTheDifferencesAreCarriedOut) {
  WriteStartupFile(Add("a"));
  EXPECT_THAT(Reload(), ElementsAre(StartsWith("port add unix:a")));
  EXPECT_THAT(Reload(), IsEmpty());
  WriteStartupFile(Add("a") + "link set dev a isolated on\n");
  EXPECT_THAT(Reload(), ElementsAre("link set dev a isolated on"));
}

TEST_F(ReloadTest, WhatTheFlagsSayStays) {
  initial_.ports.push_back({.spec = ParsePortSpec("unix:f,path=" + directory_.Path("f")).value()});
  WriteStartupFile(Add("a"));
  Reload();
  WriteStartupFile("");
  EXPECT_THAT(Reload(), ElementsAre("port del a"));
  EXPECT_THAT(Save(), Contains(StartsWith("port add unix:f")));
}

TEST_F(ReloadTest, ADryRunChangesNothing) {
  WriteStartupFile(Add("a"));
  EXPECT_THAT(Reload({{"dry_run", true}}), ElementsAre(StartsWith("port add unix:a")));
  EXPECT_THAT(Save(), Not(Contains(HasSubstr("unix:a"))));
}

TEST_F(ReloadTest, AMistakeIsNamedAndChangesNothing) {
  WriteStartupFile(Add("a") + "link set dev nope isolated on\n");
  EXPECT_THAT(Reload().get<std::string>(),
              AllOf(StartsWith(startup_file_ + ":2: "), HasSubstr("nope")));
  EXPECT_THAT(Save(), Not(Contains(HasSubstr("unix:a"))));
}

TEST_F(ReloadTest, WithoutAFileThereIsNothingToDo) {
  EXPECT_EQ(Answer("config.reload"),
            R"({"commands":[],"warnings":["there is no --startup file to apply again"]})");
}

}  // namespace
}  // namespace tapswitch::reload_test
