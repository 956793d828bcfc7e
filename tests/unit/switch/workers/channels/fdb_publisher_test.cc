// From the change journal to whoever watches the address table.

#include "switch/workers/channels/fdb_publisher.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <variant>

#include "tests/support/mac_stations.h"

namespace tapswitch::fdb_publisher_test {
namespace {

constexpr PortId kPort1{1};
constexpr PortId kPort2{2};
constexpr Tick kNow{1000};

class FdbPublisherTest : public ::testing::Test {
 protected:
  // Publishes and takes all that there is.
  EventChannel::Taken Take() {
    while (publisher_.Publish()) continue;
    return channel_->Take();
  }

  Bridge bridge_{{.capacity = 65536, .ageing = {300}, .salt = 7}};
  std::unique_ptr<EventChannel> channel_ = EventChannel::Create().value();
  FdbPublisher publisher_{bridge_, *channel_};
};

TEST_F(FdbPublisherTest, TellsWhatTheTableDidFromTheFirstMomentOn) {
  LearnRange(bridge_.table(), 1, 1, kPort1, kNow);
  EXPECT_TRUE(Take().events.empty());
  publisher_.Watch(true);
  EXPECT_TRUE(Take().events.empty());
  LearnRange(bridge_.table(), 1, 2, kPort2, kNow);
  bridge_.table().FlushPort(kPort2);
  ASSERT_TRUE(bridge_.table().Set({.address = Station(7), .port = kPort1}, kNow));
  const auto taken = Take();
  ASSERT_EQ(taken.events.size(), 4U) << "moved, learned, flushed twice; not what is set by hand";
  EXPECT_EQ(std::get<FdbEvent>(taken.events[0]).kind, FdbEvent::Kind::kMoved);
  EXPECT_EQ(std::get<FdbEvent>(taken.events[3]).kind, FdbEvent::Kind::kFlushed);
  publisher_.Watch(false);
  LearnRange(bridge_.table(), 1, 2, kPort1, kNow);
  EXPECT_TRUE(Take().events.empty());
}

TEST_F(FdbPublisherTest, TellsHowManyItMissed) {
  constexpr uint64_t kCount = ChangeJournal::kCapacity + 3;
  publisher_.Watch(true);
  LearnRange(bridge_.table(), 1, kCount, kPort1, kNow);
  auto taken = Take();
  EXPECT_EQ(taken.missed, 3U);
  EXPECT_EQ(taken.events.size(), ChangeJournal::kCapacity);
  bridge_.table().FlushPort(kPort1);
  taken = Take();
  EXPECT_EQ(taken.events.size() + taken.missed, kCount);
  EXPECT_EQ(taken.events.size(), ChangeJournal::kMostListed);
}

}  // namespace
}  // namespace tapswitch::fdb_publisher_test
