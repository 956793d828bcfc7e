// A file of commands is applied: by the differences alone, all of them or none.

#include "switch/control/methods/files/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/files/save.h"
#include "tests/support/methods_fixture.h"

namespace tapswitch::apply_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ApplyTest : public MethodsFixture {
 protected:
  json Apply(const std::string& text, const json& words = json::object()) {
    json params{{"text", text}, {"name", "wanted"}};
    params.update(words);
    const MethodResult applied = Call("config.apply", params);
    if (!applied.ok()) return std::string(applied.status().message());
    return json::parse(applied->text()).at("commands");
  }

  [[nodiscard]] std::string Save() const {
    std::string text;
    for (const std::string& line : SaveAsCommands(control_)) text += line + '\n';
    return text;
  }
};

TEST_F(ApplyTest, WhatIsSavedIsAppliedWithoutAnyChange) {
  EXPECT_THAT(Apply(Save()), IsEmpty());
  Apply(Add("a") + Add("b") +
        "bridge set vlan_filtering on\nvlan add vid 10-20 dev a\nlink set dev b isolated on\n"
        "security allow 02:00:00:00:00:01,192.0.2.1 dev a\nstorm set dev b broadcast 100pps\n"
        "fdb add 02:00:00:00:00:02 dev b vlan 1 static\nmirror add m from dev a to b\n");
  EXPECT_THAT(Save(), HasSubstr("192.0.2.1"));
  EXPECT_THAT(Apply(Save()), IsEmpty());
}

TEST_F(ApplyTest, OnlyDifferencesAreCarriedOut) {
  Apply(Add("a") + Add("b") + "link set dev a isolated on learning off\n");
  EXPECT_THAT(Apply(Add("a") + Add("c") + "link set dev a learning off hairpin on\n"),
              ElementsAre("port del b", "link set dev a hairpin on isolated off",
                          StartsWith("port add unix:c")));
  EXPECT_THAT(Save(), AllOf(HasSubstr("hairpin on"), Not(HasSubstr("isolated"))));
}

TEST_F(ApplyTest, ADryRunPrintsThemAndChangesNothing) {
  Apply(Add("a"));
  const std::string before = Save();
  EXPECT_THAT(Apply(Add("a") + "link set dev a isolated on\n", {{"dry_run", true}}),
              ElementsAre("link set dev a isolated on"));
  EXPECT_EQ(Save(), before);
}

TEST_F(ApplyTest, MergeKeepsWhatTheFileDoesNotName) {
  Apply(Add("a") + "fdb add 02:00:00:00:00:02 dev a static\n");
  EXPECT_THAT(Apply("link set dev a isolated on\n" + Add("b"), {{"merge", true}}),
              ElementsAre("link set dev a isolated on", StartsWith("port add unix:b")));
  EXPECT_THAT(Save(), AllOf(HasSubstr("unix:a"), HasSubstr("unix:b"), HasSubstr(":02 dev a")));
}

TEST_F(ApplyTest, AFileThatIsRefusedChangesNothingAndItsLineIsNamed) {
  Apply(Add("a"));
  const std::string before = Save();
  EXPECT_THAT(Apply("\n# here\n" + Add("b") + "link set dev nope isolated on\n").get<std::string>(),
              AllOf(StartsWith("wanted:4: "), HasSubstr("nope")));
  EXPECT_THAT(Apply(Add("b") + "monitor\n").get<std::string>(), HasSubstr("makes no sense"));
  EXPECT_THAT(Apply(Add("b") + "apply x\n").get<std::string>(), HasSubstr("makes no sense"));
  EXPECT_THAT(Apply("port add netdev:x ephemeral\n").get<std::string>(), HasSubstr("ephemeral"));
  EXPECT_EQ(Save(), before);
}

TEST_F(ApplyTest, ADeviceThatCannotBeOpenedUndoesAll) {
  Apply(Add("a") + "link set dev a isolated on\nfdb add 02:00:00:00:00:02 dev a static\n");
  const std::string before = Save();
  const json applied = Apply(Add("c") + "port add unix:b,path=/nonexistent/folder/socket\n");
  EXPECT_THAT(applied.get<std::string>(), HasSubstr("/nonexistent/folder"));
  EXPECT_EQ(Save(), before);
}

TEST_F(ApplyTest, APortWithAnotherTextIsMadeAnew) {
  Apply(Add("a"));
  EXPECT_THAT(Apply(fmt::format("port add unix:a,path={},mtu=9000\n", directory_.Path("a"))),
              ElementsAre("port del a", HasSubstr("mtu=9000")));
  EXPECT_THAT(Save(), HasSubstr("mtu=9000"));
}

TEST_F(ApplyTest, EntriesComeMoveAndGo) {
  const std::string ports = Add("a") + Add("b");
  Apply(ports + "fdb add 02:00:00:00:00:01 dev a static\nfdb add 02:00:00:00:00:02 dev a static\n");
  EXPECT_THAT(
      Apply(ports + "fdb add 02:00:00:00:00:02 dev b static\n"
                    "fdb add 02:00:00:00:00:03 dev b static\n"),
      ElementsAre("fdb del 02:00:00:00:00:01 dev a", "fdb replace 02:00:00:00:00:02 dev b static",
                  "fdb replace 02:00:00:00:00:03 dev b static"));
  EXPECT_THAT(Apply(Save()), IsEmpty());
}

TEST_F(ApplyTest, NeighboursThatAUserHasSetComeChangeAndGo) {
  const std::string port = Add("a") + "link set dev a neigh_suppress on\n";
  const std::string first = "neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01";
  const std::string router = "neigh replace fd00::2 lladdr 02:00:00:00:00:02 router";
  Apply(port + first + "\n" + router + "\n");
  EXPECT_THAT(Save(), AllOf(HasSubstr(first + "\n"), HasSubstr(router + "\n")));
  EXPECT_THAT(Apply(Save()), IsEmpty());
  const std::string moved = "neigh replace 10.0.0.1 lladdr 02:00:00:00:00:03";
  EXPECT_THAT(Apply(port + moved + "\n"), ElementsAre("neigh del fd00::2", moved));
  EXPECT_THAT(Apply(router, {{"merge", true}}), ElementsAre(router));
  EXPECT_THAT(Save(), HasSubstr(moved + "\n"));
  // They are forgotten with the last port that has neigh_suppress.
  EXPECT_THAT(Apply(Add("a")), ElementsAre(HasSubstr("neigh_suppress off")));
  EXPECT_THAT(Save(), Not(HasSubstr("neigh replace")));
  EXPECT_THAT(Apply(Add("a") + first + "\n"), HasSubstr("neigh_suppress on"));
}

TEST_F(ApplyTest, NeighboursAreOfAVlanWhereVlansAreFiltered) {
  const std::string port =
      "bridge set vlan_filtering on\n" + Add("a") + "link set dev a neigh_suppress on\n";
  Apply(port + "neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 vlan 7\n" +
        "neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev a\n");
  EXPECT_THAT(Save(), AllOf(HasSubstr("neigh replace 10.0.0.1 vlan 7 lladdr 02:00:00:00:00:01\n"),
                            HasSubstr("neigh replace 10.0.0.2 vlan 1 lladdr 02:00:00:00:00:02\n")));
  EXPECT_THAT(Apply(Save()), IsEmpty());
}

TEST_F(ApplyTest, WhoWatchesNeighboursIsToldOfEach) {
  Apply(Add("a") + "link set dev a neigh_suppress on\n");
  ASSERT_TRUE(Call("monitor.start", {{"objects", {"neigh"}}}).ok());
  const json name{{"dst", "10.0.0.1"}};
  const auto set = [&](const std::string& mac) {
    json words = name;
    words["lladdr"] = mac;
    ASSERT_TRUE(Call("neigh.replace", words).ok());
  };
  set("02:00:00:00:00:01");
  set("02:00:00:00:00:01");
  set("02:00:00:00:00:02");
  ASSERT_TRUE(Call("neigh.del", name).ok());
  const auto told = [](const std::string& event, const std::string& mac) {
    return HasSubstr(fmt::format(
        R"("object":"neigh","event":"{}","dst":"10.0.0.1","lladdr":"{}","state":["PERMANENT"]}})",
        event, mac));
  };
  EXPECT_THAT(events_of_clients_,
              ElementsAre(told("added", "02:00:00:00:00:01"), told("changed", "02:00:00:00:00:02"),
                          told("deleted", "02:00:00:00:00:02")));
}

TEST_F(ApplyTest, WhoWatchesIsToldWhatTheDifferenceNames) {
  Apply(Add("a") + Add("b"));
  ASSERT_TRUE(Call("monitor.start", {{"objects", {"all"}}}).ok());
  Apply(Add("a") + Add("c") + "link set dev a isolated on\nvlan add vid 7 dev a\n");
  const auto told = [&](const std::string& part) { return testing::Contains(HasSubstr(part)); };
  EXPECT_THAT(events_of_clients_, told(R"("event":"deleted","ifname":"b")"));
  EXPECT_THAT(events_of_clients_, told(R"("event":"added","ifname":"c")"));
  EXPECT_THAT(events_of_clients_, told(R"("object":"link","event":"changed")"));
  EXPECT_THAT(events_of_clients_, told(R"("object":"vlan","event":"changed","ifname":"a")"));
}

// A file that a random configuration would be saved as.
class RandomFile {
 public:
  RandomFile(uint32_t seed, const TemporaryDirectory& directory)
      : random_(seed), directory_(directory) {}

  std::string Make() {
    text_.clear();
    ports_.clear();
    if (Coin()) Line("bridge set vlan_filtering on");
    if (Coin()) Line(fmt::format("bridge set ageing_time {}s", 10 + Below(5)));
    if (Coin()) Line(fmt::format("bridge set default_pvid {}", 1 + Below(2)));
    for (const char* name : {"a", "b", "c", "d"}) {
      if (!Coin()) continue;
      ports_.emplace_back(name);
      Line(fmt::format("port add unix:{0},path={1}{2}", name, directory_.Path(name),
                       Below(4) == 0 ? ",mtu=9000" : ""));
    }
    std::shuffle(ports_.begin(), ports_.end(), random_);
    for (const std::string& port : ports_) Settings(port);
    if (ports_.size() > 1 && Coin()) {
      Line(fmt::format("mirror add m from dev {} to {}", ports_[0], ports_[1]));
    }
    return text_;
  }

 private:
  void Settings(const std::string& dev) {
    if (Below(3) == 0) {
      constexpr std::array kProfiles{"none", "vm", "uplink", "trunk"};
      Line(fmt::format("link set dev {} profile {}", dev, kProfiles[Below(kProfiles.size())]));
    }
    if (Below(3) == 0) Line(fmt::format("link set dev {} guard {}", dev, Coin() ? "on" : "off"));
    if (Below(3) == 0) Line(fmt::format("security set dev {} max_macs {}", dev, Below(2) * 32));
    for (const char* flag : {"isolated", "learning", "hairpin", "flood", "locked"}) {
      if (Below(3) == 0)
        Line(fmt::format("link set dev {} {} {}", dev, flag, Coin() ? "on" : "off"));
    }
    if (Coin()) Line(fmt::format("vlan add vid {} dev {} pvid untagged", 5 + Below(3), dev));
    if (Coin()) Line(fmt::format("vlan add vid {}-20 dev {}", 10 + Below(5), dev));
    if (Coin())
      Line(fmt::format("vlan set vid 17 dev {} {} off", dev, Coin() ? "flood" : "learning"),
           Has("vid 1") && text_.find(fmt::format("-20 dev {}", dev)) != std::string::npos);
    if (Coin()) Line(fmt::format("vlan del vid 1-2 dev {}", dev));
    if (Below(3) == 0) Line(fmt::format("storm set dev {} broadcast {}pps", dev, 10 + Below(2)));
    if (Below(3) == 0) Line(fmt::format("security set dev {} moves {}/10s", dev, 2 + Below(2)));
    for (uint32_t n = 0; n < Below(3); ++n) {
      Line(fmt::format("security allow 02:00:00:00:01:0{} dev {}", Below(4), dev));
    }
    for (uint32_t n = 0; n < Below(3); ++n) {
      Line(fmt::format("fdb replace 02:00:00:00:00:0{} dev {} vlan 0 static", Below(6), dev));
    }
  }

  [[nodiscard]] bool Has(const std::string& part) const {
    return text_.find(part) != std::string::npos;
  }
  void Line(const std::string& line, bool if_so = true) {
    if (if_so) text_ += line + '\n';
  }
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Coin() { return Below(2) == 0; }

  std::mt19937 random_;
  const TemporaryDirectory& directory_;
  std::string text_;
  std::vector<std::string> ports_;
};

TEST_F(ApplyTest, OfRandomFilesTheLastCountsAndItsDifferencesLeadToIt) {
  const uint32_t seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE(fmt::format("seed {}", seed));
  RandomFile file(seed, directory_);
  for (int round = 0; round < 20; ++round) {
    const std::string text = file.Make();
    SCOPED_TRACE("from\n" + Save() + "to\n" + text);
    // The differences as commands, carried out one by one on the bridge that runs.
    const json commands = Apply(text, {{"dry_run", true}});
    ASSERT_TRUE(commands.is_array()) << commands;
    const std::string before = Save();
    ASSERT_THAT(Apply(text), testing::Eq(commands));
    const std::string saved = Save();
    ASSERT_THAT(Apply(saved), IsEmpty());
    ASSERT_THAT(Apply(text), IsEmpty());
    ASSERT_TRUE(Apply(before).is_array());
    ASSERT_THAT(Apply(before), IsEmpty());
    std::string joined;
    for (const json& command : commands) joined += command.get<std::string>() + '\n';
    ASSERT_TRUE(Apply(joined, {{"merge", true}}).is_array()) << joined;
    ASSERT_THAT(Apply(text, {{"dry_run", true}}), IsEmpty()) << joined;
  }
}

}  // namespace
}  // namespace tapswitch::apply_test
