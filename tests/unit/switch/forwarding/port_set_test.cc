#include "switch/forwarding/port_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace tapswitch::port_set_test {
namespace {

PortSet Of(std::initializer_list<uint16_t> ports) {
  PortSet set;
  for (const uint16_t port : ports) set.insert(PortId{port});
  return set;
}

TEST(PortSetTest, StartsEmpty) {
  EXPECT_TRUE(PortSet().empty());
  EXPECT_EQ(PortSet().size(), 0U);
}

TEST(PortSetTest, HoldsTheFirstAndTheLastPort) {
  const PortSet set = Of({0, 63, 64, kMaxPorts - 1});
  EXPECT_TRUE(set.contains(PortId{0}));
  EXPECT_TRUE(set.contains(PortId{63}));
  EXPECT_TRUE(set.contains(PortId{64}));
  EXPECT_TRUE(set.contains(PortId{kMaxPorts - 1}));
  EXPECT_FALSE(set.contains(PortId{1}));
  EXPECT_EQ(set.size(), 4U);
}

TEST(PortSetTest, VisitsInAscendingOrder) {
  std::vector<uint16_t> visited;
  Of({1023, 5, 64, 0}).ForEach([&](PortId port) { visited.push_back(port.value); });
  EXPECT_EQ(visited, (std::vector<uint16_t>{0, 5, 64, 1023}));
}

TEST(PortSetTest, SetAlgebra) {
  EXPECT_EQ(Of({1, 2, 700}) & Of({2, 700, 3}), Of({2, 700}));
  EXPECT_EQ(Of({1, 2}) | Of({2, 900}), Of({1, 2, 900}));
  EXPECT_EQ(Of({1, 2, 900}) - Of({2, 900}), Of({1}));
}

TEST(PortSetTest, ErasedIsGone) {
  PortSet set = Of({7});
  set.erase(PortId{7});
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace tapswitch::port_set_test
