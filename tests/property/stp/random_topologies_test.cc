// Random networks of bridges, whose links, bridges and settings change at random: at no instant can
// a frame run in a circle, and what they come to is the tree that identifiers and costs say.
//
// TAPSWITCH_TREES sets how many networks there are (100,000 take some minutes), TAPSWITCH_SEED the
// first.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/sanitized.h"
#include "tests/support/tree_network.h"
#include "tests/support/tree_oracle.h"

namespace tapswitch::random_topologies_test {
namespace {

constexpr uint64_t kNetworks = Rounds(1500U);
constexpr int kChanges = 6;
// Until the last information of a dead bridge is forgotten by all, and ports of RSTP forward that
// nobody answers for.
constexpr uint64_t kSecondsToRest = 120;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Trial {
 public:
  explicit Trial(uint64_t seed) : random_(seed), network_(seed, random_() % 3) {
    const size_t bridges = 2 + Below(6);
    lans_ = 1 + Below(bridges * 2);
    for (size_t lan = 0; lan < lans_; ++lan) {
      if (Below(4) == 0) network_.Share(lan);
    }
    is_mixed_ = Below(4) == 0;
    for (size_t i = 0; i < bridges; ++i) {
      modes_.push_back(is_mixed_ && Below(3) == 0 ? SpanningTreeSettings::Mode::kStp
                                                  : SpanningTreeSettings::Mode::kRstp);
      addresses_.push_back(0x020000000000 + Below(1000) * 256 + i);
      priorities_.push_back(static_cast<uint16_t>(Below(3) * 4096));
      network_.AddBridge(addresses_.back(), Settings(i));
      const size_t ports = 1 + Below(5);
      for (size_t port = 0; port < ports; ++port) network_.AddPort(i, Place(), Port());
    }
    network_.set_watch([this] { loops_ |= network_.HasLoop(); });
  }

  // What went wrong; empty: nothing.
  std::string Run() {
    network_.RunUntil(network_.now() + Ticks{Below(3000)});
    for (int i = 0; i < kChanges && !loops_; ++i) {
      Change();
      network_.RunUntil(network_.now() + Ticks{Pause()});
    }
    network_.RunFor(kSecondsToRest);
    if (loops_) return "a loop";
    return CompareWithOracle();
  }

 private:
  size_t Below(size_t end) { return random_() % end; }

  [[nodiscard]] SpanningTreeSettings Settings(size_t bridge) const {
    SpanningTreeSettings settings = TreeNetwork::On(modes_[bridge]);
    settings.priority = priorities_[bridge];
    return settings;
  }
  // Many changes come before the last one is known to all.
  uint64_t Pause() {
    switch (Below(8)) {
      case 0:
        return Below(6000);
      case 1:
      case 2:
        return Below(4);
      default:
        return Below(60);
    }
  }
  // A LAN that has room.
  TreeNetwork::Lan Place() {
    constexpr int kTries = 4;
    for (int i = 0; i < kTries; ++i) {
      const TreeNetwork::Lan lan = Below(lans_);
      if (network_.is_shared(lan) || network_.ports_on(lan) < 2) return lan;
    }
    return TreeNetwork::kNowhere;
  }
  SpanningTreePort Port() {
    SpanningTreePort port;
    // A bridge that speaks STP only is silent while it believes one that has gone.
    port.auto_edge = !is_mixed_;
    if (Below(3) == 0) port.cost = static_cast<uint32_t>(1 + Below(60000));
    if (Below(4) == 0) port.priority = static_cast<uint16_t>(Below(64));
    return port;
  }

  void Change() {
    const size_t bridge = Below(network_.bridge_count());
    const auto port = static_cast<uint16_t>(Below(network_.port_count(bridge)));
    switch (Below(9)) {
      case 8:
        if (network_.is_alive(bridge)) network_.Replace(bridge);
        return;
      case 0:
        network_.Kill(bridge);
        return;
      case 1:
        if (!network_.is_alive(bridge)) network_.Revive(bridge);
        return;
      case 2:
        priorities_[bridge] = static_cast<uint16_t>(Below(3) * 4096);
        return network_.Configure(bridge, Settings(bridge));
      case 3:
        return network_.Set(bridge, port, Port());
      case 4:
        network_.Move(bridge, port, TreeNetwork::kNowhere);
        return network_.Move(bridge, port, Place());
      default:
        return network_.Move(bridge, port, TreeNetwork::kNowhere);
    }
  }

  std::string CompareWithOracle() {
    const TreeOracle oracle(network_, priorities_, addresses_);
    for (size_t i = 0; i < network_.bridge_count(); ++i) {
      if (!network_.is_alive(i)) continue;
      for (uint16_t port = 0; port < network_.port_count(i); ++port) {
        const stp::Role wanted = oracle.RoleOf(i, port);
        const stp::TreePort& is = network_.port(i, port);
        const std::string where = "bridge " + std::to_string(i) + " port " + std::to_string(port);
        if (is.role != wanted) {
          return where + ": " + std::string(NameOf(is.role)) + ", not " +
                 std::string(NameOf(wanted));
        }
        const bool forwards = wanted == stp::Role::kRoot || wanted == stp::Role::kDesignated;
        if (network_.Forwards(i, port) != forwards) return where + ": its state is wrong";
      }
    }
    return "";
  }

  std::mt19937_64 random_;
  TreeNetwork network_;
  size_t lans_ = 0;
  bool is_mixed_ = false;
  std::vector<uint64_t> addresses_;
  std::vector<uint16_t> priorities_;
  std::vector<SpanningTreeSettings::Mode> modes_;
  bool loops_ = false;
};

TEST(RandomTopologiesTest, NeverHaveALoopAndComeToTheTreeOfTheOracle) {
  const uint64_t first = FromEnvironment("TAPSWITCH_SEED", 1);
  const uint64_t count = FromEnvironment("TAPSWITCH_TREES", kNetworks);
  int failures = 0;
  for (uint64_t seed = first; seed < first + count && failures < 10; ++seed) {
    const std::string wrong = Trial(seed).Run();
    if (wrong.empty()) continue;
    ++failures;
    ADD_FAILURE() << "TAPSWITCH_SEED=" << seed << ": " << wrong;
  }
}

}  // namespace
}  // namespace tapswitch::random_topologies_test
