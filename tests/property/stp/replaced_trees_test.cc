// Other processes go on with trees, at random moments: a network at rest stays at rest.

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/sanitized.h"
#include "tests/support/tree_network.h"

namespace tapswitch::replaced_trees_test {
namespace {

class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed), network_(seed, random_() % 3) {
    const size_t bridges = 2 + Below(5);
    for (size_t i = 0; i < bridges; ++i) {
      const auto mode =
          Below(5) == 0 ? SpanningTreeSettings::Mode::kStp : SpanningTreeSettings::Mode::kRstp;
      network_.AddBridge(0x020000000000 + Below(1000) * 256 + i, TreeNetwork::On(mode));
      for (size_t port = 1 + Below(4); port > 0; --port) network_.AddPort(i, Below(2 * bridges));
    }
  }

  [[nodiscard]] TreeNetwork& network() { return network_; }

  // Replaces trees for a minute.
  void ReplaceAll() {
    for (int step = 0; step < 120; ++step) {
      network_.RunUntil(network_.now() + Ticks{Below(100)});
      network_.Replace(Below(network_.bridge_count()));
    }
    network_.RunFor(10);
  }

  using Happened = std::tuple<stp::Event::Kind, uint16_t, stp::Role, PortState>;
  [[nodiscard]] std::vector<std::vector<Happened>> All() const {
    std::vector<std::vector<Happened>> all;
    for (size_t i = 0; i < network_.bridge_count(); ++i) {
      auto& of_bridge = all.emplace_back();
      for (const stp::Event& event : network_.events(i)) {
        of_bridge.emplace_back(event.kind, event.port.value, event.role, event.state);
      }
    }
    return all;
  }

 private:
  size_t Below(size_t end) { return random_() % end; }

  std::mt19937_64 random_;
  TreeNetwork network_;
};

TEST(ReplacedTreesTest, ANetworkAtRestStaysAtRest) {
  constexpr uint64_t kSecondsToRest = 120;
  const uint64_t first = std::random_device{}();
  for (uint64_t seed = first; seed < first + Rounds(200U); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    life.network().RunFor(kSecondsToRest);
    const auto before = life.All();
    life.network().RunFor(kSecondsToRest);
    // Bridges that take a LAN of three for a link of two may not come to rest.
    if (life.All() != before) continue;
    life.ReplaceAll();
    ASSERT_EQ(life.All(), before);
  }
}

}  // namespace
}  // namespace tapswitch::replaced_trees_test
