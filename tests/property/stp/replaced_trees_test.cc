// Other processes go on with trees, at random moments: everything happens as if nobody had been
// replaced.

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/tree_network.h"

namespace tapswitch::replaced_trees_test {
namespace {

// The same for the same seed, but for who is replaced.
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

  // `replaces` says how many trees are replaced before each step, which draws from elsewhere.
  void Run(int replaces, uint64_t seed_of_replacements) {
    std::mt19937_64 chosen(seed_of_replacements);
    for (int change = 0; change < 6; ++change) {
      const size_t bridge = Below(network_.bridge_count());
      const auto port = static_cast<uint16_t>(Below(network_.port_count(bridge)));
      network_.Move(bridge, port, Below(3) == 0 ? TreeNetwork::kNowhere : Below(8));
      const uint64_t steps = 20 + Below(40);
      for (uint64_t step = 0; step < steps; ++step) {
        network_.RunUntil(network_.now() + Ticks{Below(80)});
        for (int i = 0; i < replaces; ++i) network_.Replace(chosen() % network_.bridge_count());
      }
    }
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

TEST(ReplacedTreesTest, EverythingHappensAsIfNobodyHadBeenReplaced) {
  const uint64_t first = std::random_device{}();
  for (uint64_t seed = first; seed < first + 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life undisturbed(seed);
    undisturbed.Run(0, seed);
    Life replaced(seed);
    replaced.Run(2, seed);
    ASSERT_EQ(replaced.All(), undisturbed.All());
    for (size_t i = 0; i < replaced.network().bridge_count(); ++i) {
      ASSERT_EQ(replaced.network().tree(i).topology_changes(),
                undisturbed.network().tree(i).topology_changes());
      ASSERT_EQ(replaced.network().tree(i).root_priority(),
                undisturbed.network().tree(i).root_priority());
      for (uint16_t port = 0; port < replaced.network().port_count(i); ++port) {
        ASSERT_EQ(replaced.network().state(i, port), undisturbed.network().state(i, port));
        ASSERT_EQ(replaced.network().port(i, port).counts,
                  undisturbed.network().port(i, port).counts);
      }
    }
  }
}

}  // namespace
}  // namespace tapswitch::replaced_trees_test
