#include "switch/control/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "switch/control/metrics/label_text.h"

namespace tapswitch::metrics_test {
namespace {

using prometheus::MetricFamily;
using testing::AnyOf;
using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const MetricsIdentity kIdentity{.bridge = "br0", .version = "1.2.3", .start_time_seconds = 1.7e9};

PortSnapshot MakePort(uint16_t id, const std::string& name) {
  PortSnapshot port{.id = {id}, .name = name, .state = PortState::kForwarding};
  port.status.link_up = true;
  port.status.mtu = 9000;
  port.counters.received = {.frames = 10, .bytes = 1000};
  port.counters.sent = {.frames = 5, .bytes = 500};
  port.counters.joined = {.frames = 12, .into = 3};
  port.counters.forwarded = 8;
  port.counters.drops[static_cast<size_t>(DropReason::kRunt)] = 2;
  port.learned = 3;
  return port;
}

SwitchSnapshot MakeSnapshot() {
  SwitchSnapshot snapshot;
  snapshot.ports = {MakePort(0, "vnet0"), MakePort(7, "vnet7")};
  snapshot.table = {.entries = 9, .learned = 6, .capacity = 65536, .evicted = 4};
  snapshot.loop = {.batch_sizes = {4, 0, 3, 0, 0, 0, 0, 0, 1}, .frames = 250, .busy_seconds = 1.5};
  snapshot.loops = {{.frames = 200, .busy_seconds = 1}, {.frames = 50, .busy_seconds = 0.5}};
  snapshot.loops[1].polls = {
      .polls = 30, .hits = 20, .yields = 2, .spent = std::chrono::milliseconds(250)};
  snapshot.vnis = {{.number = 100,
                    .port = "vxlan100",
                    .is_up = true,
                    .stations_here = 3,
                    .stations_elsewhere = 5,
                    .vteps = 2,
                    .refusals = 1}};
  return snapshot;
}

std::string TextOf(const std::vector<MetricFamily>& families) {
  return prometheus::TextSerializer().Serialize(families);
}

std::string TextOf(const SwitchSnapshot& snapshot) {
  return TextOf(MetricFamilies(snapshot, kIdentity));
}

// What promtool says of the text; empty when it finds nothing. Nothing at all without promtool.
std::string PromtoolSays(const std::string& text) {
  std::string path = testing::TempDir() + "metrics_test.XXXXXX";
  const int fd = mkstemp(path.data());
  EXPECT_GE(fd, 0);
  FILE* const file = fdopen(fd, "w");
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
  EXPECT_EQ(std::fclose(file), 0);
  FILE* const promtool = popen(("promtool check metrics <" + path + " 2>&1").c_str(), "r");
  std::string said;
  std::array<char, 4096> part{};
  while (std::fgets(part.data(), part.size(), promtool) != nullptr) said += part.data();
  const int status = pclose(promtool);
  std::remove(path.c_str());
  return status == 0 ? said : "failed: " + said;
}

bool HasPromtool() { return std::system("command -v promtool >/dev/null") == 0; }

// ----- form --------------------------------------------------------------------------------------

TEST(MetricsTest, PromtoolFindsNothingToSay) {
  if (!HasPromtool()) GTEST_SKIP() << "promtool is missing: tools/install-packages test";
  EXPECT_EQ(PromtoolSays(TextOf(MakeSnapshot())), "");
  EXPECT_EQ(PromtoolSays(TextOf(SwitchSnapshot{})), "") << "of a switch without ports";
  EXPECT_EQ(PromtoolSays(TextOf(MetricFamiliesOfUnresponsive(kIdentity))), "");
}

TEST(MetricsTest, PromtoolWouldSayWhatIsWrong) {
  if (!HasPromtool()) GTEST_SKIP() << "promtool is missing: tools/install-packages test";
  auto families = MetricFamilies(MakeSnapshot(), kIdentity);
  families.front().help.clear();
  EXPECT_THAT(PromtoolSays(TextOf(families)), HasSubstr("no help text"));
}

TEST(MetricsTest, AllHaveOurNamesALabelForTheBridgeAndHelp) {
  std::set<std::string> names;
  for (const MetricFamily& family : MetricFamilies(MakeSnapshot(), kIdentity)) {
    EXPECT_THAT(family.name, StartsWith("tapswitch_"));
    EXPECT_TRUE(names.insert(family.name).second) << family.name << " is there twice";
    EXPECT_THAT(family.help, EndsWith(".")) << family.name;
    for (const auto& metric : family.metric) {
      EXPECT_THAT(metric.label, Contains(prometheus::ClientMetric::Label{"bridge", "br0"}));
    }
  }
}

TEST(MetricsTest, AVniHasItsOwn) {
  const std::string text = TextOf(MakeSnapshot());
  constexpr const char* kLabels = R"({bridge="br0",port="vxlan100",vni="100")";
  for (const std::string& line :
       {std::string("up") + kLabels + "} 1",
        std::string("stations") + kLabels + ",place=\"local\"} 3",
        std::string("stations") + kLabels + ",place=\"remote\"} 5",
        std::string("vteps") + kLabels + "} 2", std::string("refusals_total") + kLabels + "} 1"}) {
    EXPECT_THAT(text, HasSubstr("tapswitch_evpn_" + line));
  }
  EXPECT_THAT(TextOf(SwitchSnapshot{}), Not(HasSubstr("evpn")));
}

// Whatever a station, or who named an interface, makes of it: one bad label spoils a whole scrape.
TEST(MetricsTest, AnyInterfaceNameGivesAGoodScrape) {
  if (!HasPromtool()) GTEST_SKIP() << "promtool is missing: tools/install-packages test";
  SwitchSnapshot snapshot;
  uint16_t id = 0;
  for (const char* const name :
       {"quo\"te", "back\\slash", "\xff\xfe", "b\xc3\xbc", "half\xc3", "\x01\x1f\x7f", "{}=,#"}) {
    snapshot.ports.push_back(MakePort(id++, name));
  }
  const std::string text = TextOf(snapshot);
  EXPECT_EQ(PromtoolSays(text), "") << text;
}

// ----- values ------------------------------------------------------------------------------------

TEST(MetricsTest, GuardsTellWhatTheyDid) {
  SwitchSnapshot snapshot = MakeSnapshot();
  snapshot.ports[1].shut_down = ShutDown{.cause = Alarm::Kind::kMacMoves};
  snapshot.ports[1].counters.storm = {7, 8, 9};
  snapshot.ports[1].counters.alarms[static_cast<size_t>(Alarm::Kind::kSpoofing)] = 3;
  const std::string text = TextOf(snapshot);
  for (const char* const line :
       {R"(tapswitch_port_shut_down{bridge="br0",port="vnet7",cause="mac_moves"} 1)",
        R"(tapswitch_port_shut_down{bridge="br0",port="vnet7",cause="storm"} 0)",
        R"(tapswitch_port_shut_down{bridge="br0",port="vnet0",cause="mac_moves"} 0)",
        R"(tapswitch_port_storm_dropped_frames_total{bridge="br0",port="vnet7",kind="unknown"} 9)",
        R"(tapswitch_port_alarms_total{bridge="br0",port="vnet7",alarm="spoofing"} 3)"}) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
}

TEST(MetricsTest, APortTellsItsCounters) {
  const std::string text = TextOf(MakeSnapshot());
  for (const char* const line : {
           R"(tapswitch_port_received_frames_total{bridge="br0",port="vnet0"} 10)",
           R"(tapswitch_port_received_bytes_total{bridge="br0",port="vnet7"} 1000)",
           R"(tapswitch_port_forwarded_frames_total{bridge="br0",port="vnet0"} 8)",
           R"(tapswitch_port_sent_frames_total{bridge="br0",port="vnet0"} 5)",
           R"(tapswitch_port_joined_frames_total{bridge="br0",port="vnet0"} 12)",
           R"(tapswitch_port_joined_into_frames_total{bridge="br0",port="vnet0"} 3)",
           R"(tapswitch_port_sent_bytes_total{bridge="br0",port="vnet0"} 500)",
           R"(tapswitch_port_link_up{bridge="br0",port="vnet0"} 1)",
           R"(tapswitch_port_mtu_bytes{bridge="br0",port="vnet0"} 9000)",
           R"(tapswitch_port_learned_entries{bridge="br0",port="vnet0"} 3)",
       }) {
    EXPECT_THAT(text, HasSubstr(line + std::string("\n")));
  }
}

// The totals are of all frames, whichever way they took.
TEST(MetricsTest, APortTellsWhichFramesTheKernelCarried) {
  SwitchSnapshot snapshot = MakeSnapshot();
  snapshot.Add(std::map<PortId, PortTraffic>{{PortId{0},
                                              {.received = {.frames = 40, .bytes = 4000},
                                               .sent = {.frames = 30, .bytes = 3000},
                                               .drained = 2,
                                               .no_memory = 3,
                                               .egress_drops = 4}}});
  const std::string text = TextOf(snapshot);
  for (const char* const line :
       {R"(kernel_received_frames_total{bridge="br0",port="vnet0"} 40)",
        R"(kernel_sent_frames_total{bridge="br0",port="vnet0"} 30)",
        R"(kernel_received_frames_total{bridge="br0",port="vnet7"} 0)",
        R"(kernel_sent_frames_total{bridge="br0",port="vnet7"} 0)",
        R"(received_frames_total{bridge="br0",port="vnet0"} 52)",
        R"(received_bytes_total{bridge="br0",port="vnet0"} 5000)",
        R"(forwarded_frames_total{bridge="br0",port="vnet0"} 48)",
        R"(sent_frames_total{bridge="br0",port="vnet0"} 35)",
        R"(sent_bytes_total{bridge="br0",port="vnet0"} 3500)",
        R"(received_frames_total{bridge="br0",port="vnet7"} 10)",
        R"(dropped_frames_total{bridge="br0",port="vnet0",reason="receive_queue_full"} 2)",
        R"(dropped_frames_total{bridge="br0",port="vnet0",reason="no_memory"} 3)",
        R"(dropped_frames_total{bridge="br0",port="vnet0",reason="egress_queue_full"} 4)"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\ntapswitch_port_") + line + "\n"));
  }
}

TEST(MetricsTest, EveryDropReasonIsThereFromTheStart) {
  const std::string text = TextOf(MakeSnapshot());
  for (const DropReasonInfo& reason : kDropReasons) {
    const std::string series = R"(tapswitch_port_dropped_frames_total{bridge="br0",port="vnet0",)"
                               R"(reason=")" +
                               std::string(reason.name) + "\"} ";
    EXPECT_THAT(text, HasSubstr(series + (reason.name == "runt" ? "2\n" : "0\n")));
  }
}

TEST(MetricsTest, APortTellsWhatCameOfLearning) {
  SwitchSnapshot snapshot = MakeSnapshot();
  PortCounters& counters = snapshot.ports[0].counters;
  for (size_t i = 0; i < kLearnResultCount; ++i) counters.learning[i] = 10 + i;
  const std::string text = TextOf(snapshot);
  for (const auto& [result, name] : {std::pair{LearnResult::kLearned, "learned"},
                                     {LearnResult::kMoved, "moved"},
                                     {LearnResult::kPinned, "pinned"},
                                     {LearnResult::kLocal, "local"},
                                     {LearnResult::kLimited, "limited"},
                                     {LearnResult::kRefused, "no_room"}}) {
    const std::string series =
        R"(tapswitch_port_learning_frames_total{bridge="br0",port="vnet0",result=")" +
        std::string(name) + "\"} ";
    EXPECT_THAT(text, HasSubstr(series + std::to_string(counters.learned(result)) + "\n"));
  }
}

TEST(MetricsTest, EveryLearningResultIsThereFromTheStart) {
  const std::string text = TextOf(MakeSnapshot());
  for (const char* const name : {"learned", "moved", "pinned", "local", "limited", "no_room"}) {
    EXPECT_THAT(text, HasSubstr(R"(learning_frames_total{bridge="br0",port="vnet7",result=")" +
                                std::string(name) + "\"} 0\n"));
  }
}

TEST(MetricsTest, APortIsInExactlyOneState) {
  SwitchSnapshot snapshot = MakeSnapshot();
  for (const auto& [state, name] : {std::pair{PortState::kDisabled, "disabled"},
                                    {PortState::kListening, "listening"},
                                    {PortState::kLearning, "learning"},
                                    {PortState::kForwarding, "forwarding"},
                                    {PortState::kBlocking, "blocking"}}) {
    snapshot.ports.resize(1);
    snapshot.ports[0].state = state;
    double sum = 0;
    for (const MetricFamily& family : MetricFamilies(snapshot, kIdentity)) {
      if (family.name != "tapswitch_port_state") continue;
      for (const auto& metric : family.metric) sum += metric.gauge.value;
    }
    EXPECT_EQ(sum, 1);
    EXPECT_THAT(TextOf(snapshot),
                HasSubstr("port=\"vnet0\",state=\"" + std::string(name) + "\"} 1\n"));
  }
}

TEST(MetricsTest, TheTableTellsWhatItHolds) {
  const std::string text = TextOf(MakeSnapshot());
  EXPECT_THAT(text, HasSubstr("tapswitch_fdb_entries{bridge=\"br0\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("tapswitch_fdb_learned_entries{bridge=\"br0\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("tapswitch_fdb_capacity_entries{bridge=\"br0\"} 65536\n"));
  EXPECT_THAT(text, HasSubstr("tapswitch_fdb_evicted_entries_total{bridge=\"br0\"} 4\n"));
}

// In a snapshot each batch is in one bucket; in Prometheus' histogram in all that it fits in.
TEST(MetricsTest, BatchesAreACumulativeHistogram) {
  const std::string text = TextOf(MakeSnapshot());
  for (const char* const line :
       {R"(_bucket{bridge="br0",le="1"} 4)", R"(_bucket{bridge="br0",le="2"} 4)",
        R"(_bucket{bridge="br0",le="4"} 7)", R"(_bucket{bridge="br0",le="128"} 7)",
        R"(_bucket{bridge="br0",le="256"} 8)", R"(_bucket{bridge="br0",le="+Inf"} 8)",
        R"(_count{bridge="br0"} 8)", R"(_sum{bridge="br0"} 250)"}) {
    EXPECT_THAT(text, HasSubstr("tapswitch_loop_batch_frames" + std::string(line) + "\n"));
  }
}

TEST(MetricsTest, TheLoopTellsItsTime) {
  const std::string text = TextOf(MakeSnapshot());
  EXPECT_THAT(text, HasSubstr("tapswitch_loop_busy_seconds_total{bridge=\"br0\"} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("tapswitch_loop_ring_overflows_total{bridge=\"br0\"} 0\n"));
  for (const char* const line :
       {R"(frames_total{bridge="br0",worker="0"} 200)",
        R"(frames_total{bridge="br0",worker="1"} 50)",
        R"(busy_seconds_total{bridge="br0",worker="1"} 0.5)",
        R"(polls_total{bridge="br0",worker="0"} 0)", R"(polls_total{bridge="br0",worker="1"} 30)",
        R"(poll_hits_total{bridge="br0",worker="1"} 20)",
        R"(poll_yields_total{bridge="br0",worker="1"} 2)",
        R"(poll_seconds_total{bridge="br0",worker="1"} 0.25)"}) {
    EXPECT_THAT(text, HasSubstr("tapswitch_worker_" + std::string(line) + "\n"));
  }
}

TEST(MetricsTest, TheBuildAndItsStartAreTold) {
  const std::string text = TextOf(MakeSnapshot());
  EXPECT_THAT(text, HasSubstr("tapswitch_build_info{bridge=\"br0\",version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tapswitch_start_time_seconds{bridge=\"br0\"} 1700000000\n"));
  EXPECT_THAT(text, HasSubstr("tapswitch_up{bridge=\"br0\"} 1\n"));
}

// Zeros would look like counters that started anew.
TEST(MetricsTest, ASwitchThatDoesNotAnswerTellsNoCounters) {
  const std::string text = TextOf(MetricFamiliesOfUnresponsive(kIdentity));
  EXPECT_THAT(text, HasSubstr("tapswitch_up{bridge=\"br0\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("tapswitch_build_info"));
  EXPECT_THAT(text, Not(AnyOf(HasSubstr("_port_"), HasSubstr("_fdb_"), HasSubstr("_loop_"))));
}

// ----- labels ------------------------------------------------------------------------------------

TEST(LabelTextTest, KeepsWhatIsText) {
  for (const char* const name : {"", "vnet0", "b\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\xa6\x8a"}) {
    EXPECT_EQ(LabelText(name), name);
  }
}

TEST(LabelTextTest, WritesOtherBytesAsHexadecimal) {
  EXPECT_EQ(LabelText("a\xff"), "a\\xff");
  EXPECT_EQ(LabelText("half\xc3"), "half\\xc3");
  EXPECT_EQ(LabelText("\xc3half"), "\\xc3half");
  EXPECT_EQ(LabelText("\xc0\xaf"), "\\xc0\\xaf") << "an overlong form of '/'";
  EXPECT_EQ(LabelText("\xe0\x80\xaf"), "\\xe0\\x80\\xaf") << "an overlong form of '/'";
  EXPECT_EQ(LabelText("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(LabelText("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond Unicode";
  EXPECT_EQ(LabelText("\n\x1b"), "\\x0a\\x1b");
}

TEST(LabelTextTest, KeepsDifferentNamesDifferent) {
  EXPECT_NE(LabelText("\\xff"), LabelText("\xff"));
}

}  // namespace
}  // namespace tapswitch::metrics_test
