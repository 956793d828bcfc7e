// Filters of captures can take so much of each frame's time together, and no more.
//
// What failed: eight filters of 4,096 instructions made 2,000 frames a second of 370,000.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::capture_cost_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// Runs so many instructions on each frame, and takes none.
json FilterOf(size_t steps) {
  json program = json::array();
  for (size_t i = 1; i < steps; ++i) program.push_back({0x20, 0, 0, 0});  // ld [0]
  program.push_back({0x06, 0, 0, 0});
  return program;
}

class CaptureCostTest : public SwitchTest {};
INSTANTIATE_TEST_SUITE_P(Io, CaptureCostTest, testing::Values("epoll"), IoName);

TEST_P(CaptureCostTest, FiltersShareABudget) {
  const NetnsSandbox sandbox;
  SwitchProcess tapswitchd({"--io=" + io()});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  ControlClient greedy;
  EXPECT_THAT(
      greedy.Refused("capture.start", {{"filter", FilterOf(4096)}}),
      AllOf(HasSubstr("4096 steps"), HasSubstr("make it simpler"), testing::Not(HasSubstr("\n"))));
  auto first = std::make_unique<ControlClient>();
  first->Call("capture.start", {{"filter", FilterOf(150)}});
  ControlClient second;
  EXPECT_THAT(second.Refused("capture.start", {{"filter", FilterOf(150)}}), HasSubstr("150"));
  second.Call("capture.start", {{"filter", FilterOf(50)}});
  first.reset();
  EXPECT_TRUE(WaitUntil([] {
    ControlClient third;
    return third.Request("capture.start", {{"filter", FilterOf(150)}}).contains("result");
  })) << "one that has ended costs nothing";
}

}  // namespace
}  // namespace tapswitch::capture_cost_test
