// The link thread: it asks the kernel, and tells those who forward.

#include "switch/workers/link_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tapswitch::link_thread_test {
namespace {

using ::testing::ElementsAre;

constexpr NetnsId kHere{.inode = 7};

class LinkThreadTest : public ::testing::Test {
 protected:
  LinkThreadTest() : links_(LinkThread::Create().value()) {
    const absl::Status started = links_->Start(
        {.on_change =
             [this](const LinkEvent& link, const std::function<void()>& taken) {
               Tell("change " + std::to_string(link.ifindex));
               taken();
             },
         .on_answer =
             [this](PortId id, uint16_t generation) {
               Tell("answer " + std::to_string(id.value) + "/" + std::to_string(generation));
             }});
    EXPECT_TRUE(started.ok()) << started;
  }

  void Tell(std::string what) {
    const std::lock_guard lock(mutex_);
    told_.push_back(std::move(what));
    is_told_.notify_all();
  }

  std::vector<std::string> Await(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        is_told_.wait_for(lock, std::chrono::seconds(30), [&] { return told_.size() >= count; }));
    return told_;
  }

  // The interface of port 3 is `link_`, which a test may change between questions.
  SharedLinkQueries Share() {
    return links_->Share({.id = {3}, .generation = 9, .name = "vnet3"},
                         [this]() -> absl::StatusOr<LinkEvent> {
                           ++asked_;
                           askers_.push_back(std::this_thread::get_id());
                           if (gate_.valid()) gate_.wait();
                           return link_;
                         });
  }

  void Change(const LinkEvent& link) {
    link_ = link;
    links_->Report(link);
  }

  std::mutex mutex_;
  std::condition_variable is_told_;
  std::vector<std::string> told_;

  LinkEvent link_{.netns = kHere, .ifindex = 5, .name = "vnet3", .up = true, .mtu = 1500};
  std::atomic<int> asked_ = 0;
  std::vector<std::thread::id> askers_;
  std::shared_future<void> gate_;
  std::unique_ptr<LinkThread> links_;
};

TEST_F(LinkThreadTest, OnlyItAsksAndAllQueuesHaveTheLastAnswer) {
  const SharedLinkQueries queries = Share();
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(queries.first()->mtu, 1500U);
  link_.mtu = 9000;
  EXPECT_EQ(queries.first()->mtu, 1500U);
  EXPECT_EQ(queries.others()->mtu, 1500U);
  EXPECT_EQ(asked_, 1);
  queries.refresh();
  EXPECT_THAT(Await(1), ElementsAre("answer 3/9"));
  EXPECT_EQ(queries.first()->mtu, 9000U);
  EXPECT_EQ(queries.others()->mtu, 9000U);
  EXPECT_EQ(askers_.front(), askers_.back());
  EXPECT_NE(askers_.front(), std::this_thread::get_id());
}

TEST_F(LinkThreadTest, NobodyWaitsForAnAnswerThatTheKernelKeepsBack) {
  const SharedLinkQueries queries = Share();
  std::promise<void> open;
  gate_ = open.get_future().share();
  link_.up = false;
  for (int i = 0; i < 1000; ++i) {
    queries.refresh();
    EXPECT_TRUE(queries.first()->up);
  }
  open.set_value();
  Await(1);
  EXPECT_FALSE(queries.first()->up);
  links_->Report({.netns = kHere, .ifindex = 77});  // after whatever was asked
  EXPECT_LE(asked_, 3) << "once for all that was asked while one was under way";
}

TEST_F(LinkThreadTest, AChangeIsToldOnceTheAnswersAreThere) {
  const SharedLinkQueries queries = Share();
  Change({.netns = kHere, .ifindex = 5, .name = "vnet3", .up = false, .mtu = 1500});
  EXPECT_THAT(Await(1), ElementsAre("change 5"));
  EXPECT_FALSE(queries.first()->up);
  EXPECT_EQ(asked_, 2);
}

TEST_F(LinkThreadTest, WhatConcernsOthersIsToldAndNotAskedFor) {
  const SharedLinkQueries queries = Share();
  links_->Report({.netns = kHere, .ifindex = 6, .name = "other"});
  links_->Report({.netns = {.inode = 8}, .ifindex = 5, .name = "vnet3"});
  EXPECT_THAT(Await(2), ElementsAre("change 6", "change 5"));
  EXPECT_EQ(asked_, 1);
}

TEST_F(LinkThreadTest, AnInterfaceThatReturnsIsAskedForByItsName) {
  absl::StatusOr<LinkEvent> answer = link_;
  const SharedLinkQueries queries =
      links_->Share({.id = {3}, .generation = 9, .name = "vnet3"}, [&] {
        ++asked_;
        return answer;
      });
  answer = absl::NotFoundError("gone");
  links_->Report({.netns = kHere, .ifindex = 5, .removed = true});
  EXPECT_TRUE(absl::IsNotFound(queries.first().status()));
  links_->Report({.netns = kHere, .ifindex = 5, .name = "other", .up = true});
  EXPECT_EQ(asked_, 2) << "another has its number now";
  answer = LinkEvent{.netns = kHere, .ifindex = 12, .name = "vnet3", .up = true};
  links_->Report({.netns = kHere, .ifindex = 12, .name = "vnet3", .up = true});
  EXPECT_EQ(queries.first()->ifindex, 12);
}

TEST_F(LinkThreadTest, WhatAQueryOwnsGoesWithTheFirstQueue) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owned;
  SharedLinkQueries queries = links_->Share({.id = {3}, .name = "vnet3"},
                                            [this, owned = std::move(owned)] { return link_; });
  const LinkQuery others = queries.others;
  const std::function<void()> refresh = queries.refresh;
  queries = {};
  EXPECT_TRUE(watched.expired());
  refresh();
  EXPECT_TRUE(others().ok()) << "a queue that is still there has the last answer";
  links_->Report(link_);
  EXPECT_THAT(Await(1), ElementsAre("change 5")) << "and nobody was asked";
}

TEST_F(LinkThreadTest, AfterItsEndQueriesMayStillGo) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owned;
  SharedLinkQueries queries = links_->Share({.id = {3}, .name = "vnet3"},
                                            [this, owned = std::move(owned)] { return link_; });
  links_->Stop();
  EXPECT_FALSE(watched.expired());
  queries = {};
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace tapswitch::link_thread_test
