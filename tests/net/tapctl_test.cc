// The real tapctl and a running switch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait_until.h"

namespace tapswitch::tapctl_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class TapctlTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
  }

  SwitchProcess& Start(const std::vector<std::string>& arguments) {
    switches_.push_back(std::make_unique<SwitchProcess>(arguments));
    EXPECT_TRUE(switches_.back()->WaitUntilReady()) << switches_.back()->log();
    return *switches_.back();
  }

  // By the shell, so that words may redirect, too.
  [[nodiscard]] NetnsSandbox::Result Try(const std::string& words) const {
    return sandbox_->TryRun(TAPCTL_PATH " " + words);
  }
  std::string Run(const std::string& words) const {
    const auto result = Try(words);
    EXPECT_EQ(result.status, 0) << words << ": " << result.output;
    return result.output;
  }
  // Its complaint, which is one line.
  [[nodiscard]] std::string Fail(const std::string& words, int status) const {
    const auto result = Try(words);
    EXPECT_EQ(result.status, status) << words << ": " << result.output;
    EXPECT_THAT(result.output, StartsWith("tapctl: "));
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    return result.output;
  }

  // What becomes of a command whose first request somebody answers who is no switch.
  [[nodiscard]] NetnsSandbox::Result AskImpostor(const std::string& answer,
                                                 const std::string& command) const {
    const std::string path = folder_.Path("impostor.sock");
    FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    std::filesystem::remove(path);
    EXPECT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(listen(listener.get(), 1), 0);
    std::thread impostor([&] {
      const FileDescriptor client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::array<char, 4096> request{};
      if (recv(client.get(), request.data(), request.size(), 0) <= 0) return;
      const std::string line = answer + "\n";
      static_cast<void>(send(client.get(), line.data(), line.size(), MSG_NOSIGNAL));
    });
    auto result =
        sandbox_->TryRun("TAPSWITCH_BRIDGE=" + path + " timeout 30 " TAPCTL_PATH " " + command);
    shutdown(listener.get(), SHUT_RDWR);  // ends an accept that nobody came for
    impostor.join();
    return result;
  }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.Path(name)) << text;
    return folder_.Path(name);
  }
  [[nodiscard]] std::string Read(const std::string& name) const {
    std::ifstream file(folder_.Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TemporaryDirectory folder_;
  std::optional<NetnsSandbox> sandbox_;
  std::vector<std::unique_ptr<SwitchProcess>> switches_;
};

// ----- exit status -------------------------------------------------------------------------------

TEST_F(TapctlTest, ZeroIsSuccess) {
  Start({"vnet1", "vnet2"});
  EXPECT_THAT(Run("port show"), HasSubstr("vnet2: tap link up state forwarding"));
  EXPECT_EQ(Run("link set dev vnet1 isolated on"), "");
  EXPECT_EQ(json::parse(Run("-j -d link show dev vnet1")).at(0)["isolated"], true);
  EXPECT_EQ(Run("fdb add 02:00:00:00:00:01 dev vnet1 static"), "");
  EXPECT_THAT(Run("trace in vnet2 src 02:00:00:00:00:02 dst 02:00:00:00:00:01"),
              HasSubstr("\nforward vnet1\n"));
  // A tag more than the MTU tells of is allowed, as on the Linux bridge.
  const std::string big = "trace in vnet2 src 02:00:00:00:00:02 dst 02:00:00:00:00:01 size ";
  EXPECT_THAT(Run(big + "1518"), HasSubstr("\nforward vnet1\n"));
  EXPECT_THAT(Run(big + "1519"), AllOf(HasSubstr("1519 bytes are longer than the 1518 that vnet1"),
                                       HasSubstr("\ndrop too_long\n")));
  EXPECT_THAT(Run(big + "1522 vlan 5"), HasSubstr("\nforward vnet1\n"));
  EXPECT_THAT(Fail(big + "13", 1), HasSubstr("size"));
  EXPECT_EQ(Run("fdb flush"), "");
  EXPECT_EQ(json::parse(Run("-j fdb show state static")), json::array());
  EXPECT_EQ(Run("port del vnet2"), "");
  EXPECT_EQ(json::parse(Run("-j port show")).size(), 1U);
}

TEST_F(TapctlTest, OneIsForWhatIsSaidWrong) {
  Start({"vnet1"});
  EXPECT_THAT(Fail("fly", 1), HasSubstr("unknown command 'fly'"));
  EXPECT_THAT(Fail("fdb fly", 1), HasSubstr("unknown command 'fly' of fdb"));
  EXPECT_THAT(Fail("link set dev vnet1 learning maybe", 1), HasSubstr("on or off"));
  EXPECT_THAT(Fail("-flying fdb show", 1), HasSubstr("'-flying' is unknown"));
  EXPECT_THAT(Fail("-B", 1), HasSubstr("needs a value"));
  EXPECT_THAT(Fail("", 1), HasSubstr("no command is given"));
  // What only the switch knows to be wrong.
  EXPECT_THAT(Fail("link set dev vnet1 cost 200000001", 1), HasSubstr("cost 200000001"));
  EXPECT_THAT(Fail("bridge set ageing_time 300", 1), HasSubstr("ageing_time"));
  EXPECT_THAT(Fail("top interval fast", 1), HasSubstr("fast"));
}

TEST_F(TapctlTest, TwoIsForWhatTheSwitchRefuses) {
  Start({"vnet1"});
  EXPECT_THAT(Fail("link show dev vnet9", 2), HasSubstr("vnet9"));
  EXPECT_THAT(Fail("port add vnet1,mtu=9000", 2), HasSubstr("vnet1"));
  EXPECT_THAT(Fail("port del vnet9", 2), HasSubstr("vnet9"));
  EXPECT_THAT(Fail("fdb del 02:00:00:00:00:01 dev vnet1", 2), HasSubstr("02:00:00:00:00:01"));
  EXPECT_THAT(Fail("fdb get 02:00:00:00:00:01", 2), HasSubstr("02:00:00:00:00:01"));
  EXPECT_THAT(Fail("bridge set mcast_vlan_snooping on", 2), HasSubstr("vlan_filtering on"));
  EXPECT_THAT(Fail("mdb add port vnet1 grp 239.1.1.1", 2), HasSubstr("mcast_snooping on"));
  EXPECT_THAT(Fail("fdb add 02:00:00:00:00:01 dev vnet1 vlan 5", 2), HasSubstr("vlan 5"));
}

TEST_F(TapctlTest, NothingNeedsASwitchForHelp) {
  EXPECT_THAT(Run("help"), AllOf(HasSubstr("usage: tapctl"), HasSubstr("fdb       add,")));
  EXPECT_THAT(Run("help all"), HasSubstr("tapctl fdb add MAC"));
  EXPECT_THAT(Run("-help"), HasSubstr("usage: tapctl"));
  EXPECT_THAT(Run("link help"),
              AllOf(HasSubstr("tapctl link set"), Not(HasSubstr("tapctl fdb add"))));
  EXPECT_THAT(Run("-V"), StartsWith("tapctl "));
}

TEST_F(TapctlTest, AWriterWithoutAReaderEndsInPeace) {
  Start({"vnet1"});
  const auto result = sandbox_->TryRun("{ " TAPCTL_PATH " fdb show; echo $? >" +
                                       folder_.Path("status") + "; } | true");
  EXPECT_THAT(result.output, Not(HasSubstr("terminate")));
  EXPECT_THAT(Read("status"), testing::AnyOf("0\n", "2\n"));
  EXPECT_THAT(Fail("bridge show >/dev/full", 2), HasSubstr("standard output"));
}

// ----- which switch ------------------------------------------------------------------------------

TEST_F(TapctlTest, WithoutASwitchItSaysSo) {
  EXPECT_THAT(Fail("fdb show", 2), HasSubstr("no switch runs"));
  EXPECT_THAT(Fail("-B br7 fdb show", 2), HasSubstr("/run/tapswitch/br7.sock"));
  EXPECT_THAT(Fail("-B /nowhere/x.sock fdb show", 2), HasSubstr("/nowhere/x.sock"));
  EXPECT_THAT(Fail("-B /" + std::string(200, 'x') + " fdb show", 2), HasSubstr("too long"));
}

TEST_F(TapctlTest, TheOneThatRunsIsMeant) {
  Start({"--name=lan"});
  EXPECT_EQ(json::parse(Run("-j bridge show")).at(0)["ifname"], "lan");
}

TEST_F(TapctlTest, OfSeveralOneIsNamed) {
  Start({"--name=br1"});
  Start({"--name=br2"});
  const auto name = [&](const std::string& words) {
    return json::parse(Run(words + " -j bridge show")).at(0)["ifname"].get<std::string>();
  };
  EXPECT_THAT(Fail("bridge show", 2), HasSubstr("br1, br2"));
  EXPECT_EQ(name("-B br1"), "br1");
  EXPECT_EQ(name("-B br2"), "br2");
  EXPECT_EQ(name("-B /run/tapswitch/br2.sock"), "br2");
  EXPECT_THAT(sandbox_->Run("TAPSWITCH_BRIDGE=br2 " TAPCTL_PATH " bridge show"),
              StartsWith("br2:"));
  EXPECT_THAT(sandbox_->Run("TAPSWITCH_BRIDGE=/run/tapswitch/br1.sock " TAPCTL_PATH " bridge show"),
              StartsWith("br1:"));
  EXPECT_THAT(sandbox_->Run("TAPSWITCH_BRIDGE=br2 " TAPCTL_PATH " -B br1 bridge show"),
              StartsWith("br1:"));
  EXPECT_THAT(sandbox_->Run("TAPSWITCH_BRIDGE= " TAPCTL_PATH " -B br1 bridge show"),
              StartsWith("br1:"));
}

TEST_F(TapctlTest, ASwitchThatWasKilledIsNotMeant) {
  SwitchProcess& killed = Start({"--name=br1"});
  Start({"--name=br2"});
  killed.Kill();
  EXPECT_THAT(Run("bridge show"), StartsWith("br2:"));
}

TEST_F(TapctlTest, WhoeverAnswersNonsenseIsNoSwitch) {
  for (const std::string answer :
       {"[]", "hello", R"({"error": "x"})", R"({"error": {"code": "x", "message": 1}})",
        R"({"error": [1]})", R"({"id": "1", "result": 1})", ""}) {
    const auto result = AskImpostor(answer, "-s port show");
    EXPECT_EQ(result.status, 2) << answer << ": " << result.output;
    EXPECT_THAT(result.output, StartsWith("tapctl: ")) << answer;
  }
}

TEST_F(TapctlTest, AnAnswerOfAnotherShapeIsNoCrash) {
  for (const std::string result :
       {"1", "{}", R"([1, "a", null])", R"([{"flags": 5}, []])", R"([{"stats64": 5}])",
        R"([{"ifname": {}, "drops": "x", "counters": [1], "mtu": -1.5e300}])"}) {
    for (const std::string command :
         {"-s -d port show", "fdb show", "-j -d link show", "-d link show", "-s bridge show",
          "save", "__complete port del", "top count 1 interval 10ms </dev/null"}) {
      const auto shown = AskImpostor(R"({"id": 1, "result": )" + result + "}", command);
      EXPECT_THAT(shown.status, testing::AnyOf(0, 1, 2))
          << result << ' ' << command << ": " << shown.output;
      EXPECT_THAT(shown.output, Not(HasSubstr("terminate"))) << result << ' ' << command;
    }
  }
}

TEST_F(TapctlTest, CompletionKnowsPortsAndBridges) {
  Start({"--name=br1", "vnet1", "vnet2"});
  EXPECT_EQ(Run("__complete link show dev ''"), "vnet1\nvnet2\n");
  EXPECT_EQ(Run("__complete port del vnet"), "vnet1\nvnet2\n");
  EXPECT_EQ(Run("__complete -B ''"), "br1\n");
  Start({"--name=br2", "eth9"});
  EXPECT_EQ(Run("__complete -B b"), "br1\nbr2\n");
  EXPECT_EQ(Run("__complete -B br2 port del ''"), "dev\neth9\n");
}

// ----- batches -----------------------------------------------------------------------------------

TEST_F(TapctlTest, ABatchIsRunLineByLine) {
  Start({});
  const std::string file = Write("batch",
                                 "# ports\nport add vnet1\n\nport add \\\n  'vnet2'\n"
                                 "link set dev vnet2 isolated on # alone\n");
  EXPECT_EQ(Run("-batch " + file), "");
  EXPECT_EQ(Run("batch " + file), "") << "ports that are there already are no error";
  const std::string bad = Write("bad", "port del vnet9\nport del vnet1\n");
  EXPECT_EQ(Run("batch " + bad + " 2>&1 | grep -c 'Command failed'"), "1\n");
  EXPECT_EQ(json::parse(Run("-j port show")).size(), 2U);
  EXPECT_EQ(json::parse(Run("-j -d link show dev vnet2")).at(0)["isolated"], true);
}

TEST_F(TapctlTest, ABatchStopsAtTheFirstThatFailsAndNamesItsLine) {
  Start({"vnet1"});
  const std::string file =
      Write("batch",
            "fdb add 02:00:00:00:00:01 dev vnet1 static\n\nport del vnet9\nfly\n"
            "fdb add 02:00:00:00:00:02 dev vnet1 static\n");
  const auto stopped = Try("-batch " + file);
  EXPECT_EQ(stopped.status, 2);
  EXPECT_THAT(stopped.output, HasSubstr("Command failed " + file + ":3\n"));
  EXPECT_THAT(stopped.output, Not(HasSubstr(":4")));
  EXPECT_EQ(json::parse(Run("-j fdb show state static")).size(), 1U);
}

TEST_F(TapctlTest, ABatchGoesOnByForce) {
  Start({"vnet1"});
  const std::string file = Write(
      "batch", "port del vnet9\nfly\nport add 'x\nfdb add 02:00:00:00:00:02 dev vnet1 static\n");
  const auto forced = Try("-force -batch " + file);
  EXPECT_EQ(forced.status, 1) << "that of the last that failed";
  for (const std::string line : {":1\n", ":2\n", ":3\n"}) {
    EXPECT_THAT(forced.output, HasSubstr("Command failed " + file + line));
  }
  EXPECT_THAT(forced.output, Not(HasSubstr(":4\n")));
  EXPECT_EQ(json::parse(Run("-j fdb show state static")).size(), 1U);
}

TEST_F(TapctlTest, ABatchComesFromStandardInput) {
  Start({"vnet1"});
  EXPECT_THAT(
      sandbox_->Run("printf 'link set dev vnet1 cost 7\\nlink show\\n' | " TAPCTL_PATH " batch -"),
      HasSubstr("cost 7 \n"));
  const auto failed = sandbox_->TryRun("echo port del vnet9 | " TAPCTL_PATH " -b -");
  EXPECT_EQ(failed.status, 2);
  EXPECT_THAT(failed.output, HasSubstr("Command failed -:1\n"));
}

TEST_F(TapctlTest, ABatchThatCannotBeReadIsNamed) {
  Start({});
  EXPECT_THAT(Fail("batch /nowhere/at/all", 1), HasSubstr("/nowhere/at/all"));
  EXPECT_THAT(Fail("batch " + folder_.Path(""), 1), HasSubstr("cannot be read"));
  EXPECT_THAT(Try("batch " + Write("nested", "batch -\n")).output, HasSubstr("a batch in a batch"));
}

TEST_F(TapctlTest, WhatIsSavedStartsTheSameBridge) {
  SwitchProcess& first = Start({"vnet1,mtu=2000", "vnet2"});
  Run("-batch " + Write("batch",
                        "bridge set ageing_time 12.5s fdb_max_learned 99\n"
                        "link set dev vnet1 isolated on cost 7 state blocking\n"
                        "fdb add 02:00:00:00:00:01 dev vnet1 static sticky\n"
                        "fdb add 02:00:00:00:00:02 dev vnet2\n"
                        "fdb append 02:00:00:00:00:03 dev vnet1 static\n"
                        "fdb append 02:00:00:00:00:03 dev vnet2 static\n"));
  const std::string saved = Run("save");
  first.Stop();
  Start({"--startup=" + Write("startup", saved)});
  EXPECT_EQ(Run("save"), saved);
  EXPECT_THAT(saved, HasSubstr("sticky"));
  // And by way of a batch.
  switches_.back()->Stop();
  Start({});
  EXPECT_EQ(Run("-batch " + folder_.Path("startup")), "");
  EXPECT_EQ(Run("save"), saved);
}

// ----- what goes on ------------------------------------------------------------------------------

TEST_F(TapctlTest, MonitorTellsWhatHappensAndEndsWithTheSwitch) {
  SwitchProcess& tapswitchd = Start({"vnet1"});
  const std::string out = folder_.Path("out");
  const std::string status = folder_.Path("status");
  sandbox_->Run("( " TAPCTL_PATH " monitor fdb >" + out + " 2>" + out + ".err; echo $? >" + status +
                " ) </dev/null >/dev/null 2>&1 &");
  // It may not listen yet: events are made until it does.
  ASSERT_TRUE(WaitUntil([&] {
    static_cast<void>(Try("fdb replace 02:00:00:00:00:01 dev vnet1 static"));
    return Read("out").find("02:00:00:00:00:01 dev vnet1 master br0 static") != std::string::npos;
  }));
  Run("fdb del 02:00:00:00:00:01 dev vnet1");
  EXPECT_TRUE(WaitUntil([&] {
    return Read("out").find("Deleted 02:00:00:00:00:01 dev vnet1 ") != std::string::npos;
  })) << Read("out");
  tapswitchd.Stop();
  ASSERT_TRUE(WaitUntil([&] { return !Read("status").empty(); }));
  EXPECT_EQ(Read("status"), "2\n");
  EXPECT_EQ(Read("out.err"), "tapctl: the switch ended the connection\n");
}

TEST_F(TapctlTest, MonitorInJsonIsAnObjectALine) {
  SwitchProcess& tapswitchd = Start({"vnet1"});
  sandbox_->Run("( " TAPCTL_PATH " -j -t monitor link fdb >" + folder_.Path("out") +
                " 2>&1 ) </dev/null >/dev/null 2>&1 &");
  bool on = false;
  ASSERT_TRUE(WaitUntil([&] {
    static_cast<void>(Try(std::string("link set dev vnet1 isolated ") + (on ? "on" : "off")));
    on = !on;
    return Read("out").find('\n') != std::string::npos;
  }));
  const std::string text = Read("out");
  const json event = json::parse(text.substr(0, text.find('\n')), nullptr, false);
  ASSERT_TRUE(event.is_object()) << text;
  EXPECT_TRUE(event["timestamp"].is_number());
  EXPECT_EQ(event["object"], "link");
  EXPECT_EQ(event["ifname"], "vnet1");
  tapswitchd.Stop();
}

TEST_F(TapctlTest, TopPrintsLinesWhereThereIsNoTerminal) {
  Start({"vnet1", "vnet2"});
  const std::string text = Run("top count 1 interval 10ms </dev/null");
  EXPECT_THAT(text, AllOf(StartsWith("br0  ports 2  busy "), HasSubstr("\nvnet1 "),
                          HasSubstr("\nvnet2 "), Not(HasSubstr("\033"))));
  const std::string three = Run("top count 3 interval 10ms </dev/null");
  EXPECT_EQ(sandbox_->Run(TAPCTL_PATH " top count 3 interval 10ms </dev/null | grep -c '^br0 '"),
            "3\n");
  EXPECT_THAT(three, Not(IsEmpty()));
}

TEST_F(TapctlTest, TopCanBeStoppedThoughTheSwitchHangs) {
  SwitchProcess& tapswitchd = Start({"vnet1"});
  ASSERT_EQ(kill(tapswitchd.pid(), SIGSTOP), 0);
  // It is stopped once it takes signals by itself.
  const auto stopped =
      sandbox_->TryRun(TAPCTL_PATH
                       " top </dev/null & until grep -q 'SigBlk:.*[1-9a-f]' /proc/$!/status; do "
                       "sleep 0.01; done; kill $!; wait $!");
  EXPECT_EQ(kill(tapswitchd.pid(), SIGCONT), 0);
  EXPECT_EQ(stopped.status, 0) << stopped.output;
  EXPECT_EQ(stopped.output, "");
}

}  // namespace
}  // namespace tapswitch::tapctl_test
