// The checks of a configuration before anything of the system is touched, and what is told of ports
// at the end.

#include "switch/process/parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tapswitch::parts_test {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const Config& config) {
  const absl::Status status = CheckConfig(config);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(CheckConfigTest, PortsRulesAndPlacesThatAreRightAreTaken) {
  Config config;
  config.ports = {ParsePortSpec("tap0,mtu=9000").value()};
  config.attach = {{.glob = "vnet*", .words = {{.key = "isolated", .value = {}}}}};
  config.metrics_address = "127.0.0.1:9100";
  EXPECT_EQ(CheckConfig(config), absl::OkStatus());
}

TEST(CheckConfigTest, AnErrorNamesTheBadValue) {
  Config ports;
  ports.ports = {ParsePortSpec("tap0").value(), ParsePortSpec("tap1,mtu=1").value()};
  EXPECT_THAT(ErrorOf(ports), HasSubstr("mtu=1"));
  Config attach;
  attach.attach = {{.glob = "vnet*", .words = {{.key = "nonsense", .value = {}}}}};
  EXPECT_THAT(ErrorOf(attach), HasSubstr("nonsense"));
  Config metrics;
  metrics.metrics_address = "nowhere";
  EXPECT_THAT(ErrorOf(metrics), HasSubstr("nowhere"));
}

TEST(CountersTextTest, EachReasonOfADropIsNamedWithItsCount) {
  PortCounters counters;
  EXPECT_EQ(CountersText(counters), "received 0 frames, forwarded 0, sent 0; dropped: none");
  counters.Drop(DropReason::kTooLong);
  counters.Drop(DropReason::kTooLong);
  EXPECT_THAT(CountersText(counters), HasSubstr("; dropped: too_long=2"));
}

}  // namespace
}  // namespace tapswitch::parts_test
