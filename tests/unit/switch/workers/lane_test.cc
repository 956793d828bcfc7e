#include "switch/workers/lane.h"

#include <gtest/gtest.h>

#include "tests/support/lone_port.h"

namespace tapswitch::lane_test {
namespace {

// Whatever is asked of a lane by a port's id is for a port that it has.
TEST(LaneDeathTest, APortThatIsNotThereIsNotRemoved) {
  LonePort alone;
  EXPECT_DEATH(alone.lane().RemovePort(PortId{5}, [](auto) {}), "check failed: .*port");
}

}  // namespace
}  // namespace tapswitch::lane_test
