// How other threads reach the worker.

#include "switch/workers/channels/command_queue.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace tapswitch::command_queue_test {
namespace {

bool IsReadable(int fd) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&ready, 1, 0) == 1;
}

TEST(CommandQueueTest, RunsInOrderWhatWasPosted) {
  const auto queue = CommandQueue::Create().value();
  EXPECT_FALSE(IsReadable(queue->fd()));
  std::string ran;
  queue->Post([&] { ran += 'a'; });
  queue->Post([&] { ran += 'b'; });
  EXPECT_TRUE(IsReadable(queue->fd()));
  EXPECT_EQ(ran, "");

  queue->RunAll();

  EXPECT_EQ(ran, "ab");
  EXPECT_FALSE(IsReadable(queue->fd()));
}

TEST(CommandQueueTest, WhatACommandPostsRunsTheNextTime) {
  const auto queue = CommandQueue::Create().value();
  int runs = 0;
  queue->Post([&] { queue->Post([&] { ++runs; }); });
  queue->RunAll();
  EXPECT_EQ(runs, 0);
  EXPECT_TRUE(IsReadable(queue->fd()));
  queue->RunAll();
  EXPECT_EQ(runs, 1);
}

TEST(CommandQueueTest, CallsFromManyThreadsEachGetTheirAnswer) {
  const auto queue = CommandQueue::Create().value();
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  std::atomic<int> finished = 0;
  int sum = 0;  // only ever touched by the thread that runs commands
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < kCalls; ++call) {
        EXPECT_EQ(queue->Call([&, call] { return ++sum, call * 2; }), call * 2);
      }
      queue->Post([&] { ++finished; });
    });
  }
  while (finished != kThreads) {
    pollfd ready{.fd = queue->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&ready, 1, -1), 1);
    queue->RunAll();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, kThreads * kCalls);
}

}  // namespace
}  // namespace tapswitch::command_queue_test
