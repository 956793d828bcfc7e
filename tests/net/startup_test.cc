// What `save` says makes the same bridge again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::startup_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr int kPorts = 5;

// A file of this test, removed with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) { std::ofstream(path()) << text; }

  [[nodiscard]] std::string path() const { return directory_.Path("startup"); }

 private:
  TemporaryDirectory directory_;
};

class StartupTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
  }
};

std::string PortName(int number) { return "vnet" + std::to_string(number); }

void SetRandomLink(std::mt19937& random, ControlClient& client, const std::string& name) {
  json change{{"dev", name}};
  for (const char* flag :
       {"learning", "flood", "mcast_flood", "bcast_flood", "hairpin", "isolated", "locked",
        "neigh_suppress", "loop_detection", "gro", "kernel_forwarding"}) {
    if (random() % 2 == 0) change[flag] = random() % 2 == 0;
  }
  if (random() % 2 == 0) change["state"] = random() % 5;
  if (random() % 2 == 0) change["cost"] = 1 + random() % 65535;
  if (random() % 2 == 0) change["priority"] = random() % 64;
  if (random() % 2 == 0) change["fdb_max_learned"] = random() % 1000;
  client.Call("link.set", change);
}

void SetRandomGuards(std::mt19937& random, ControlClient& client, const std::string& name) {
  const auto number = [&](uint32_t most) { return std::to_string(1 + random() % most); };
  json storm{{"dev", name}};
  if (random() % 2 == 0) storm["broadcast"] = number(10'000) + "pps";
  if (random() % 2 == 0) storm["unknown"] = number(10'000) + "kbit";
  if (random() % 2 == 0) storm["burst"] = number(6000) + "0ms";
  if (random() % 2 == 0) storm["action"] = "shutdown";
  if (random() % 2 == 0) storm["recovery"] = number(10'000) + "0ms";
  client.Call("storm.set", storm);
  json security{{"dev", name}};
  if (random() % 2 == 0) security["violation"] = "replace";
  if (random() % 2 == 0) security["moves"] = number(100) + "/" + number(100) + "s";
  if (random() % 2 == 0) security["move_action"] = "damp";
  client.Call("security.set", security);
  for (uint32_t left = random() % 4; left > 0; --left) {
    std::string station = Station(static_cast<int>(random() % 100)).ToString();
    if (random() % 2 == 0) station += ",10.0.0." + number(250) + ",fd00::" + number(250);
    client.Call("security.allow", {{"dev", name}, {"station", station}});
  }
}

void AddRandomEntry(std::mt19937& random, ControlClient& client, int number) {
  json entry{{"mac", Station(number).ToString()},
             {"dev", PortName(static_cast<int>(random() % kPorts))}};
  switch (random() % 4) {
    case 0:
      break;
    case 1:
      entry["extern_learn"] = true;
      break;
    default:
      entry["state"] = "static";
      entry["sticky"] = random() % 2 == 0;
  }
  client.Call("fdb.add", entry);
  const bool is_static = entry.contains("state");
  for (int more = static_cast<int>(random() % 3); is_static && more > 0; --more) {
    entry["dev"] = PortName(static_cast<int>(random() % kPorts));
    client.Call("fdb.append", entry);
  }
}

void MakeRandomBridge(std::mt19937& random, ControlClient& client) {
  client.Call("bridge.set", {{"ageing_time", std::to_string(random() % 100'000) + "0ms"},
                             {"fdb_max_learned", random() % 100'000}});
  client.Call("loop.set", {{"period", random() % 2 == 0 ? "off" : "1.23s"},
                           {"action", random() % 2 == 0 ? "log" : "block"},
                           {"recovery", random() % 2 == 0 ? "off" : "20s"}});
  for (int i = 0; i < kPorts; ++i) {
    client.Call(
        "port.add",
        {{"port", PortName(i) + (random() % 2 == 0 ? ",mtu=9000" : ",offload=off,up=off")}});
    SetRandomLink(random, client, PortName(i));
    SetRandomGuards(random, client, PortName(i));
  }
  for (int number = 1; number <= 20; ++number) AddRandomEntry(random, client, number);
}

// All there is to compare: not counters, not ages, not what is new at each start.
json Everything(ControlClient& client) {
  json guards{client.Call("storm.list"), client.Call("security.list")};
  for (json& list : guards) {
    for (json& port : list) port.erase("dropped");
  }
  json bridge = client.Call("bridge.list").at(0);
  for (const char* key : {"address", "counters", "pid", "uptime"}) bridge.erase(key);
  json loop = client.Call("loop.list").at(0);
  for (const char* key : {"probes", "loops"}) loop.erase(key);
  json ports = json::array();
  for (const json& port : client.Call("port.list")) ports.push_back(port["spec"]);
  json links = client.Call("link.list");
  for (json& link : links) link.erase("ifindex");
  std::vector<json> entries;
  for (json entry : client.Call("fdb.list")) {
    if (entry["ifname"] == "br0") continue;
    for (const char* key : {"used", "updated"}) entry.erase(key);
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end());
  return {{"bridge", bridge}, {"loop", loop},       {"ports", ports},
          {"links", links},   {"entries", entries}, {"guards", guards}};
}

std::string Lines(const json& commands) {
  std::string text;
  for (const json& command : commands) text += command.get<std::string>() + "\n";
  return text;
}

TEST_F(StartupTest, WhatIsSavedMakesTheSameBridge) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 10; ++round) {
    const NetnsSandbox sandbox;
    json saved;
    json everything;
    {
      SwitchProcess first({});
      ASSERT_TRUE(first.WaitUntilReady()) << first.log();
      ControlClient client;
      MakeRandomBridge(random, client);
      saved = client.Call("config.save");
      everything = Everything(client);
    }
    const TemporaryFile file(Lines(saved));
    SwitchProcess second({"--startup=" + file.path()});
    ASSERT_TRUE(second.WaitUntilReady()) << second.log() << saved;
    ControlClient client;
    EXPECT_EQ(client.Call("config.save"), saved);
    EXPECT_EQ(Everything(client), everything);
  }
}

TEST_F(StartupTest, CommentsAndEmptyLinesAreAllowed) {
  const NetnsSandbox sandbox;
  const TemporaryFile file(
      "# ports\n\nport add vnet0   # the first\n  link set dev vnet0 isolated on\n");
  SwitchProcess tapswitchd({"--startup=" + file.path(), "vnet1"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  ControlClient client;
  EXPECT_EQ(client.Call("link.list", {{"dev", "vnet0"}}).at(0)["isolated"], true);
  EXPECT_EQ(client.Call("port.list").size(), 2U);
}

// In one line, and nothing is left behind.
void ExpectRefused(const std::string& text, const std::string& problem) {
  const NetnsSandbox sandbox;
  const TemporaryFile file(text);
  SwitchProcess tapswitchd({"--startup=" + file.path(), "vnet1"});
  EXPECT_EQ(tapswitchd.WaitForExit(), 1) << text;
  EXPECT_THAT(tapswitchd.log(), HasSubstr(problem));
  EXPECT_EQ(tapswitchd.CountInLog(""), 1U) << tapswitchd.log();
  EXPECT_NE(sandbox.TryRun("ip link show vnet1").status, 0);
  EXPECT_NE(sandbox.TryRun("test -e " + std::string(ControlClient::kDefaultPath)).status, 0);
}

TEST_F(StartupTest, ABadLineIsNamedAndEndsTheStart) {
  ExpectRefused("link set dev vnet1 isolated on\nlink set dev vnet1 isolated maybe\n", ":2: ");
  ExpectRefused("port add vnet1,mtu=9000\n", ":1: ");
  ExpectRefused("\n\nmonitor fdb\n", ":3: ");
  ExpectRefused("fly to the moon\n", "fly");
}

TEST_F(StartupTest, ACheckReadsTheFileToo) {
  const NetnsSandbox sandbox;
  const TemporaryFile good("port add vnet1\n");
  SwitchProcess accepted({"--check", "--startup=" + good.path()});
  EXPECT_EQ(accepted.WaitForExit(), 0) << accepted.log();
  EXPECT_NE(sandbox.TryRun("ip link show vnet1").status, 0);
  const TemporaryFile bad("port add vnet1\nport ad vnet2 vnet3\n");
  SwitchProcess refused({"--check", "--startup=" + bad.path()});
  EXPECT_EQ(refused.WaitForExit(), 1);
  EXPECT_THAT(refused.log(), HasSubstr(":2: "));
}

TEST_F(StartupTest, AMissingFileIsNamed) {
  const NetnsSandbox sandbox;
  SwitchProcess tapswitchd({"--startup=/nowhere/at/all"});
  EXPECT_EQ(tapswitchd.WaitForExit(), 1);
  EXPECT_THAT(tapswitchd.log(), HasSubstr("/nowhere/at/all"));

  SwitchProcess folder({"--startup=/tmp"});
  EXPECT_EQ(folder.WaitForExit(), 1);
  EXPECT_THAT(folder.log(), HasSubstr("/tmp"));
}

}  // namespace
}  // namespace tapswitch::startup_test
