#include "switch/workers/channels/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace tapswitch::mailbox_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(MailboxTest, WhatIsPutInIsTakenOnceInOrder) {
  Mailbox<int> box;
  EXPECT_THAT(box.TakeAll(), IsEmpty());
  for (const int value : {1, 2, 3}) box.Put(value);
  EXPECT_THAT(box.TakeAll(), ElementsAre(1, 2, 3));
  EXPECT_THAT(box.TakeAll(), IsEmpty());
  box.Put(4);
  EXPECT_THAT(box.TakeAll(), ElementsAre(4));
}

TEST(MailboxTest, WhatNobodyTakesEndsWithIt) {
  const auto thing = std::make_shared<int>(0);
  {
    Mailbox<std::shared_ptr<int>> box;
    box.Put(thing);
    box.Put(thing);
  }
  EXPECT_EQ(thing.use_count(), 1);
}

// Several put things in while one takes them: each comes once, and those of one thread in order.
TEST(MailboxTest, NothingIsLostOrMixedUpAmongThreads) {
  constexpr size_t kThreads = 3;
  constexpr size_t kEach = 20'000;
  Mailbox<std::pair<size_t, size_t>> box;
  std::vector<std::jthread> writers;
  for (size_t writer = 0; writer < kThreads; ++writer) {
    writers.emplace_back([&box, writer] {
      for (size_t i = 0; i < kEach; ++i) box.Put({writer, i});
    });
  }
  std::array<size_t, kThreads> next{};
  for (size_t taken = 0; taken < kThreads * kEach;) {
    for (const auto& [writer, number] : box.TakeAll()) {
      ASSERT_EQ(number, next.at(writer)++);
      ++taken;
    }
    std::this_thread::yield();
  }
}

}  // namespace
}  // namespace tapswitch::mailbox_test
