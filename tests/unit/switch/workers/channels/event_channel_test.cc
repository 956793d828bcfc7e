// Events on their way from the worker: in order, bounded, and nothing left out in silence.

#include "switch/workers/channels/event_channel.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <vector>

namespace tapswitch::event_channel_test {
namespace {

bool IsReadable(int fd) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&ready, 1, 0) == 1;
}

std::vector<SwitchEvent> Changes(size_t count) { return {count, FdbEvent{}}; }

TEST(EventChannelTest, WhatIsPublishedIsTakenOnceInOrder) {
  const auto channel = EventChannel::Create().value();
  EXPECT_FALSE(IsReadable(channel->fd()));
  channel->Publish(Changes(2), 0);
  channel->Publish(LinkStateEvent{.port = {3}, .up = false, .reason = "gone"});
  EXPECT_TRUE(IsReadable(channel->fd()));

  const auto taken = channel->Take();
  ASSERT_EQ(taken.events.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<FdbEvent>(taken.events[0]));
  EXPECT_EQ(std::get<LinkStateEvent>(taken.events[2]).reason, "gone");
  EXPECT_EQ(taken.missed, 0U);
  EXPECT_FALSE(IsReadable(channel->fd()));
  EXPECT_TRUE(channel->Take().events.empty());
}

TEST(EventChannelTest, WhatDoesNotFitIsCounted) {
  const auto channel = EventChannel::Create().value();
  constexpr size_t kAtOnce = 4096;
  size_t published = 0;
  while (published < EventChannel::kMaxWaiting + 10'000) {
    channel->Publish(Changes(kAtOnce), 1);
    published += kAtOnce + 1;
  }
  channel->Publish(LinkStateEvent{.port = {3}, .up = true, .reason = ""});
  const auto taken = channel->Take();
  EXPECT_EQ(taken.events.size(), EventChannel::kMaxWaiting + 1) << "link states are never left out";
  EXPECT_EQ(taken.events.size() - 1 + taken.missed, published);
}

TEST(EventChannelTest, NothingIsKeptWithoutLimit) {
  auto channel = EventChannel::Create();
  ASSERT_TRUE(channel.ok());
  constexpr size_t kMost = 2 * EventChannel::kMaxWaiting;
  for (size_t i = 0; i < kMost + 3; ++i) (*channel)->Publish(LinkStateEvent{PortId{1}, true, ""});
  const EventChannel::Taken taken = (*channel)->Take();
  EXPECT_EQ(taken.events.size(), kMost);
  EXPECT_EQ(taken.missed, 3U);
}

}  // namespace
}  // namespace tapswitch::event_channel_test
