// What `top` shows of two samples.

#include "tools/tapctl/view/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tapswitch::top_view_test {
namespace {

using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

struct Counts {
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_bytes = 0;
  uint64_t rx_dropped = 0;
  uint64_t tx_dropped = 0;
};

Json Port(const std::string& name, const Counts& counts = {}) {
  return {{"ifname", name},
          {"state", "forwarding"},
          {"fdb_n_learned", 3},
          {"stats64",
           {{"rx",
             {{"bytes", counts.rx_bytes},
              {"packets", counts.rx_packets},
              {"dropped", counts.rx_dropped}}},
            {"tx",
             {{"bytes", counts.tx_bytes},
              {"packets", counts.tx_packets},
              {"dropped", counts.tx_dropped}}}}},
          {"drops", {{"bad_source", counts.rx_dropped}, {"too_long", counts.tx_dropped}}}};
}

Json Bridge(uint64_t learned = 0, double busy = 0, uint64_t polls = 0) {
  return {{"ifname", "br0"},
          {"io", "io_uring"},
          {"fdb_n_entries", 12},
          {"fdb_max", 65536},
          {"fdb_n_learned", 10},
          {"counters",
           {{"fdb_learned", learned},
            {"fdb_moved", 0},
            {"fdb_evicted", 0},
            {"fdb_limited", 0},
            {"loop_busy_seconds", busy},
            {"loop_polls", polls},
            {"loop_poll_hits", polls * 2 / 3},
            {"loop_poll_seconds", static_cast<double>(polls) / 1500}}}};
}

TopSample Sample(double seconds, std::vector<Json> ports, Json bridge = Bridge()) {
  TopSample sample{.seconds = seconds, .bridge = std::move(bridge), .ports = Json::array()};
  for (Json& port : ports) sample.ports.push_back(std::move(port));
  return sample;
}

// The words of the line that begins with `name`.
std::string RowOf(const std::vector<std::string>& lines, const std::string& name) {
  for (const std::string& line : lines) {
    if (line.starts_with(name + " ")) return line;
  }
  ADD_FAILURE() << "no row of " << name;
  return "";
}

TEST(TopViewTest, RatesAreDifferencesForEachSecond) {
  const auto before = Sample(100, {Port("vnet0", {.rx_packets = 1000, .rx_bytes = 50'000})},
                             Bridge(/*learned=*/4, /*busy=*/1.0));
  const auto now = Sample(102,
                          {Port("vnet0", {.rx_packets = 1500,
                                          .rx_bytes = 150'000,
                                          .tx_packets = 2'469'000,
                                          .tx_bytes = 3'000'000'000,
                                          .rx_dropped = 8,
                                          .tx_dropped = 2})},
                          Bridge(/*learned=*/10, /*busy=*/1.5, /*polls=*/300));
  EXPECT_THAT(
      LayOutTop(before, now, {}),
      ElementsAre(
          "br0  ports 1  busy 25 %, polling 10 % (100 of 150 polls/s hit)  io_uring",
          "table 12 of 65536 entries, 10 learned; learned 3/s  moved 0/s  evicted 0/s  "
          "refused 0/s",
          "", "port            state       rx fr/s rx bit/s  tx fr/s tx bit/s  drops/s  learned",
          "vnet0           forwarding      250     400k    1.23M    12.0G        5        3", "",
          "dropped                       total     rate",
          "bad_source                        8        4/s",
          "too_long                          2        1/s"));
}

// As of a switch whose kernel carries conversations.
Json Carried(Json port, uint64_t rx, uint64_t tx) {
  port["kernel"] = {{"rx", rx}, {"tx", tx}};
  return port;
}

TEST(TopViewTest, FramesThatTheKernelCarriesAreToldApart) {
  const auto before = Sample(0, {Carried(Port("vnet1"), 0, 0), Port("vnet2")});
  const auto now = Sample(2, {Carried(Port("vnet1", {.rx_packets = 4000}), 3000, 500),
                              Port("vnet2", {.rx_packets = 10})});
  const std::string line = "carried by the kernel: 1.50k fr/s received (75 %), 250 fr/s sent";
  EXPECT_EQ(LayOutTop(before, now, {}).at(2), line);
  EXPECT_THAT(LayOutTop(before, now, {}, {.port = "vnet1"}), Contains(line));
  EXPECT_THAT(LayOutTop(before, now, {}, {.port = "vnet2"}),
              Not(Contains(HasSubstr("carried by the kernel"))));
  const Json shown = TopAsJson(before, now);
  EXPECT_EQ(shown.at("ports").at(0).at("kernel"), (Json{{"rx", 1500.0}, {"tx", 250.0}}));
  EXPECT_FALSE(shown.at("ports").at(1).contains("kernel"));
}

TEST(TopViewTest, PortsComeByFallingTrafficAndElseAsTheyAre) {
  const auto before = Sample(0, {Port("idle"), Port("some"), Port("most"), Port("still")});
  const auto now = Sample(1, {Port("idle"), Port("some", {.rx_packets = 5}),
                              Port("most", {.rx_packets = 3, .tx_packets = 3}), Port("still")});
  const auto lines = LayOutTop(before, now, {});
  ASSERT_THAT(lines, SizeIs(8));
  EXPECT_THAT(std::vector(lines.begin() + 4, lines.end()),
              ElementsAre(StartsWith("most "), StartsWith("some "), StartsWith("idle "),
                          StartsWith("still ")));
}

TEST(TopViewTest, ANewPortHasNoRateYet) {
  const auto lines =
      LayOutTop(Sample(0, {}), Sample(1, {Port("new", {.rx_packets = 700, .rx_dropped = 9})}), {});
  EXPECT_EQ(RowOf(lines, "new"),
            "new             forwarding        0        0        0        0        0        3");
}

TEST(TopViewTest, APortThatCountsFromZeroAgainHasNoRate) {
  const auto lines = LayOutTop(Sample(0, {Port("again", {.rx_packets = 700})}),
                               Sample(1, {Port("again", {.rx_packets = 7})}), {});
  EXPECT_EQ(RowOf(lines, "again"),
            "again           forwarding        0        0        0        0        0        3");
}

TEST(TopViewTest, APortThatIsGoneIsNotShown) {
  const auto lines =
      LayOutTop(Sample(0, {Port("gone"), Port("here")}), Sample(1, {Port("here")}), {});
  EXPECT_THAT(lines, Each(Not(HasSubstr("gone"))));
}

TEST(TopViewTest, WithoutTimeBetweenTheSamplesThereAreNoRates) {
  const auto lines =
      LayOutTop(Sample(5, {Port("vnet0")}), Sample(5, {Port("vnet0", {.rx_packets = 700})}), {});
  EXPECT_THAT(RowOf(lines, "vnet0"), HasSubstr("forwarding        0        0"));
}

TEST(TopViewTest, ReasonsThatNeverStruckAreNotShown) {
  const auto lines =
      LayOutTop(Sample(0, {Port("vnet0")}), Sample(1, {Port("vnet0", {.tx_dropped = 1})}), {});
  EXPECT_THAT(lines, AllOf(Contains(StartsWith("too_long")), Each(Not(HasSubstr("bad_source")))));
  EXPECT_THAT(LayOutTop(Sample(0, {Port("vnet0")}), Sample(1, {Port("vnet0")}), {}),
              Each(Not(HasSubstr("dropped"))));
}

TEST(TopViewTest, DropsOfAllPortsAreAdded) {
  const auto lines =
      LayOutTop(Sample(0, {Port("a"), Port("b")}),
                Sample(1, {Port("a", {.rx_dropped = 1000}), Port("b", {.rx_dropped = 500})}), {});
  EXPECT_THAT(lines, Contains("bad_source                    1.50k    1.50k/s"));
}

TEST(TopViewTest, LargeNumbersAreShort) {
  const auto rate = [](uint64_t packets) {
    const auto lines =
        LayOutTop(Sample(0, {Port("v")}), Sample(1, {Port("v", {.rx_packets = packets})}), {});
    return RowOf(lines, "v").substr(27, 8);
  };
  EXPECT_EQ(rate(999), "     999");
  EXPECT_EQ(rate(1000), "   1.00k");
  EXPECT_EQ(rate(9994), "   9.99k");
  EXPECT_EQ(rate(9996), "   10.0k");
  EXPECT_EQ(rate(99'949), "   99.9k");
  EXPECT_EQ(rate(99'960), "    100k");
  EXPECT_EQ(rate(999'499), "    999k");
  EXPECT_EQ(rate(999'500), "   1.00M");
  EXPECT_EQ(rate(4'560'000'000'000), "   4.56T");
}

std::vector<Json> ManyPorts(int count) {
  std::vector<Json> ports;
  for (int i = 0; i < count; ++i) ports.push_back(Port("vnet" + std::to_string(i)));
  return ports;
}

TEST(TopViewTest, WhatDoesNotFitIsLeftOutAndCounted) {
  const auto sample = Sample(0, ManyPorts(50));
  EXPECT_THAT(LayOutTop(sample, sample, {.lines = 54, .columns = 80}), SizeIs(54));
  const auto lines = LayOutTop(sample, sample, {.lines = 10, .columns = 80});
  ASSERT_THAT(lines, SizeIs(10));
  EXPECT_THAT(lines[8], StartsWith("vnet4 "));
  EXPECT_EQ(lines[9], "... 45 more");
}

TEST(TopViewTest, NothingIsLargerThanTheWindow) {
  const auto sample = Sample(0, ManyPorts(20));
  for (size_t height = 1; height < 30; ++height) {
    for (const size_t width : {1, 2, 11, 40, 79, 200}) {
      const auto lines = LayOutTop(sample, sample, {.lines = height, .columns = width});
      EXPECT_LE(lines.size(), height);
      EXPECT_THAT(lines, Each(SizeIs(testing::Le(width))));
    }
  }
}

TEST(TopViewTest, WithoutAWindowAllIsShown) {
  const auto sample = Sample(0, ManyPorts(500));
  EXPECT_THAT(LayOutTop(sample, sample, {}), SizeIs(504));
}

TEST(TopViewTest, ControlCharactersOfNamesDoNotReachTheTerminal) {
  Json port = Port("v\033[2Jx\r\n");
  port["state"] = "up\x07";
  port["drops"] = {{"rea\033son", 5}};
  Json bridge = Bridge();
  bridge["ifname"] = "br\n0";
  bridge["io"] = "\033]0;title\x07";
  const auto sample = Sample(0, {port}, bridge);
  for (const std::string& line : LayOutTop(sample, sample, {})) {
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
  }
}

TEST(TopViewTest, WhatASwitchLeavesOutCountsAsNothing) {
  const TopSample bare{
      .seconds = 1, .bridge = Json::object(), .ports = Json::array({Json::object()})};
  EXPECT_THAT(LayOutTop(bare, bare, {}), SizeIs(5));
}

}  // namespace
}  // namespace tapswitch::top_view_test
