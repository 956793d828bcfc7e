// What applications send arrives unchanged, whoever finishes checksums and cuts segments: the
// sending host, the switch, or the receiving host; and whether or not the switch joins frames.

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/payload_transfer.h"
#include "tests/support/sanitized.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::payload_test {
namespace {

struct OffloadCase {
  std::string name;
  std::string from;         // options of the sender's port
  std::string to;           // and of the receiver's
  bool host_works = false;  // the sender's kernel finishes all frames itself
  bool switch_works = false;
  std::string_view gro = "auto";

  friend void PrintTo(const OffloadCase& offloads, std::ostream* out) { *out << offloads.name; }
};

const std::array<OffloadCase, 9> kCases{{
    {.name = "on_to_on"},
    {.name = "off_to_off", .from = "offload=off", .to = "offload=off", .host_works = true},
    {.name = "on_to_off", .to = "offload=off", .switch_works = true},
    {.name = "off_to_on", .from = "offload=off", .host_works = true},
    {.name = "ethtool_off_to_on", .host_works = true},
    {.name = "netdev_to_netdev", .from = "netdev", .to = "netdev"},
    {.name = "netdev_to_on", .from = "netdev"},
    {.name = "on_to_netdev", .to = "netdev"},
    {.name = "netdev_to_off", .from = "netdev", .to = "offload=off", .switch_works = true},
}};

std::vector<OffloadCase> EachWithAndWithoutGro() {
  std::vector<OffloadCase> cases(kCases.begin(), kCases.end());
  for (OffloadCase offloads : kCases) {
    offloads.name += "_gro_off";
    offloads.gro = "off";
    cases.push_back(std::move(offloads));
  }
  return cases;
}

class PayloadTest : public SwitchCaseTest<OffloadCase> {
 protected:
  void SetUp() override {
    SwitchCaseTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(TestNetwork::Options{.io = io(),
                                          .ports = {test_case().from, test_case().to},
                                          .flags = {"--gro=" + std::string(test_case().gro)}});
    if (test_case().name.starts_with("ethtool")) {
      from().Run("ethtool -K eth0 tso off gso off tx off");
    }
  }

  [[nodiscard]] const TestHost& from() const { return network_->host(1); }
  [[nodiscard]] const TestHost& to() const { return network_->host(2); }

  std::optional<TestNetwork> network_;
};

INSTANTIATE_TEST_SUITE_P(All, PayloadTest,
                         testing::Combine(kEachIo, testing::ValuesIn(EachWithAndWithoutGro())),
                         IoAndCaseName<OffloadCase>);

constexpr std::array kVersions{IpVersion::kV4, IpVersion::kV6};

TEST_P(PayloadTest, TcpStreamsArriveUnchanged) {
  constexpr size_t kSize = size_t{kIsSanitized ? 4 : 16} << 20U;
  constexpr size_t kMostPerFrame = 1460;  // at an MTU of 1500
  for (const IpVersion version : kVersions) {
    const auto sent_before = from().CountFrames().sent;
    const auto received_before = to().CountFrames().received;
    ExpectTcpCarries(from(), to(), version, kSize);
    const auto sent = from().CountFrames().sent - sent_before;
    const auto received = to().CountFrames().received - received_before;

    // That it happened where this case is about.
    if (test_case().host_works) {
      EXPECT_GE(sent, kSize / kMostPerFrame);
    } else {
      EXPECT_LT(sent, kSize / kMostPerFrame / 4);
    }
    if (test_case().host_works && test_case().to.empty() && test_case().gro != "off") {
      EXPECT_LT(received, sent);  // of so many, some came together
    } else if (test_case().host_works || test_case().switch_works) {
      EXPECT_GE(received, kSize / kMostPerFrame);
    } else {
      EXPECT_LT(received, kSize / kMostPerFrame / 4);
    }
  }
}

TEST_P(PayloadTest, DatagramsOfAllSizesArriveUnchanged) {
  // Around the sizes that fill one frame, and far above: up to the largest datagram there is.
  constexpr std::array<size_t, 19> kSizes{0,    1,    2,    17,    18,   19,   99,
                                          1000, 1451, 1452, 1453,  1471, 1472, 1473,
                                          1500, 2960, 9000, 33333, 65507};
  for (const IpVersion version : kVersions) ExpectUdpCarries(from(), to(), version, kSizes);
}

TEST_P(PayloadTest, DatagramsSentAsOneArriveOneByOne) {
  for (const IpVersion version : kVersions) {
    for (const auto& [segment, size] :
         {std::pair<size_t, size_t>{1000, 10'000}, {1452, 60'000}, {100, 6'350}, {700, 701}}) {
      if (!ExpectUdpSegmentsArrive(from(), to(), version, segment, size)) {
        GTEST_SKIP() << "this kernel has no UDP_SEGMENT without checksum offload";
      }
    }
  }
}

}  // namespace
}  // namespace tapswitch::payload_test
