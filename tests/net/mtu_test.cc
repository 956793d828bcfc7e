// Ports with different MTUs on one switch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/frame_builder.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/payload_transfer.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::mtu_test {
namespace {

using testing::ElementsAre;

class MtuTest : public SwitchTest {};
INSTANTIATE_TEST_SUITE_P(Io, MtuTest, kEachIo, IoName);

constexpr size_t kJumboFrame = 9014;

std::vector<std::byte> JumboFrame(MacAddress destination, MacAddress source) {
  return FrameBuilder(destination, source).Type(kTestType).Text("jumbo").Pad(kJumboFrame).Build();
}

TEST_P(MtuTest, JumboFramesPassBetweenPortsThatTakeThem) {
  TestNetwork network({.io = io(), .ports = {"mtu=9000", "mtu=9000"}});
  const TestHost& from = network.host(1);
  const TestHost& to = network.host(2);

  // With "don't fragment", and headers of 28 and 48 bytes.
  from.Run("ping -q -M do -s 8972 -i 0.1 -c 3 -w 20 " + to.address(IpVersion::kV4));
  from.Run("ping -q -M do -s 8952 -i 0.1 -c 3 -w 20 " + to.address(IpVersion::kV6));
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    ExpectTcpCarries(from, to, version, size_t{16} << 20U);
    ExpectUdpCarries(from, to, version, std::array<size_t, 4>{8952, 8972, 8973, 65507});
  }
}

TEST_P(MtuTest, TcpFindsTheSizeThatBothEndsTake) {
  TestNetwork network({.io = io(), .ports = {"mtu=9000", ""}});
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    ExpectTcpCarries(network.host(1), network.host(2), version, size_t{4} << 20U);
    ExpectTcpCarries(network.host(2), network.host(1), version, size_t{4} << 20U);
  }
}

TEST_P(MtuTest, AFrameTooLongForAPortIsDroppedThereAndHarmsNothingElse) {
  TestNetwork network({.io = io(),
                       .ports = {"mtu=9000", "mtu=9000", ""},
                       .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  FrameExchange exchange(network);
  const auto hello = TestFrame(kBroadcastAddress, Station(3), "here I am");
  exchange.Send(3, hello);
  static_cast<void>(exchange.Collect());

  const auto jumbo_to_3 = JumboFrame(Station(3), Station(1));
  const auto jumbo_to_all = JumboFrame(kBroadcastAddress, Station(1));
  const auto short_to_3 = TestFrame(Station(3), Station(1), "short");
  exchange.Send(1, jumbo_to_3);
  exchange.Send(1, jumbo_to_all);
  exchange.Send(1, short_to_3);

  auto received = exchange.Collect();
  EXPECT_THAT(received.at(2), ElementsAre(jumbo_to_all));
  EXPECT_THAT(received.at(3), ElementsAre(short_to_3));
  network.tapswitchd().Stop();
  EXPECT_EQ(network.tapswitchd().CountInLog("too_long=2"), 1U) << "on the port that is too narrow";
}

}  // namespace
}  // namespace tapswitch::mtu_test
