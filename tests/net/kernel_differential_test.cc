// The same random traffic and changes, with what the kernel carries by itself and without.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/carried_hosts.h"

namespace tapswitch::kernel_differential_test {
namespace {

using nlohmann::json;

// What each host got in each step of the same random traffic and changes.
using Story = std::vector<std::vector<std::vector<std::byte>>>;

class DifferentialTest : public CarriedHostsTest {
 protected:
  static constexpr int kHosts = 3;
  static constexpr int kSteps = 40;
  static constexpr int kConversations = 4;  // at a time
  static constexpr int kFrames = 40;        // of each

  [[nodiscard]] Story Tell(uint32_t seed, const std::vector<std::string>& flags) {
    sockets_.clear();
    network_.reset();
    Start(flags, std::vector<std::string>(kHosts, "netdev"));
    FrameExchange exchange(*network_);
    std::mt19937 random(seed);
    const auto any = [&](int count) {
      return static_cast<int>(random() % static_cast<unsigned>(count));
    };
    Story story;
    for (int step = 0; step < kSteps; ++step) {
      Change(any);
      for (int i = 0; i < kConversations; ++i) {
        const int from = any(kHosts) + 1;
        const int source = any(8) == 0 ? any(kHosts) + 1 : from;  // now and then, one moves
        const int to = any(kHosts) + 1;
        const bool is_tagged = any(3) == 0;
        for (uint32_t number = 0; number < kFrames; ++number) {
          exchange.Send(from, Frame(Station(to), Station(source), is_tagged, number));
        }
        // So that it is sent before others that may take another way.
        auto received = exchange.Collect();
        for (int host = 1; host <= kHosts; ++host) story.push_back(received.at(host));
      }
    }
    carried_ = CarriedFrom("vnet1") + CarriedFrom("vnet2") + CarriedFrom("vnet3");
    return story;
  }

  uint64_t carried_ = 0;

 private:
  static std::vector<std::byte> Frame(MacAddress to, MacAddress from, bool is_tagged,
                                      uint32_t number) {
    FrameBuilder builder(to, from);
    if (is_tagged) builder.Tag(EtherType::kVlan, 10);
    return builder.Type(kTestType).U32(number).Pad(64).Build();
  }

  // Nothing that would keep broadcasts from anybody, by which an exchange knows that all has come.
  template <typename Any>
  void Change(Any any) {
    const std::string dev = "vnet" + std::to_string(any(kHosts) + 1);
    const bool on = any(2) == 0;
    const std::string station = Station(any(kHosts) + 1).ToString();
    switch (any(8)) {
      case 0:
        return static_cast<void>(client_->Call("link.set", {{"dev", dev}, {"flood", on}}));
      case 1:
        return static_cast<void>(client_->Call("link.set", {{"dev", dev}, {"learning", on}}));
      case 2:
        return static_cast<void>(client_->Call("link.set", {{"dev", dev}, {"gro", on}}));
      case 3:
        return static_cast<void>(client_->Call("bridge.set", {{"vlan_filtering", on}}));
      case 4:
        if (!on) return static_cast<void>(client_->Call("vlan.del", {{"dev", dev}, {"vid", "10"}}));
        return static_cast<void>(
            client_->Call("vlan.add", {{"dev", dev}, {"vid", "10"}, {"untagged", any(2) == 0}}));
      case 5:
        return static_cast<void>(client_->Call("fdb.flush", json::object()));
      case 6:
        return static_cast<void>(client_->Request("fdb.del", {{"mac", station}, {"dev", dev}}));
      default:
        return;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Io, DifferentialTest, kEachIo, IoName);

TEST_P(DifferentialTest, TheSameFramesReachTheSameHostsInTheSameOrder) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  const Story with = Tell(seed, {});
  if (IsSkipped()) return;
  EXPECT_GT(carried_, 0U);
  const Story without = Tell(seed, {"--kernel_forwarding=off"});
  EXPECT_EQ(carried_, 0U);
  ASSERT_EQ(with.size(), without.size());
  for (size_t i = 0; i < with.size(); ++i) {
    ASSERT_EQ(with[i], without[i]) << "conversation " << i / kHosts << ", host " << i % kHosts + 1;
  }
}

}  // namespace
}  // namespace tapswitch::kernel_differential_test
