// What the queues of a port are told of its interface. ThreadSanitizer looks on, too.

#include "ports/interface/link_answer.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/share_link.h"

namespace tapswitch::link_answer_test {
namespace {

LinkEvent Link(int ifindex) {
  return {.netns = {100}, .ifindex = ifindex, .name = "vnet0", .up = true, .mtu = 1500};
}

TEST(SharedLink, OthersAreToldWhatTheFirstWasAnsweredLast) {
  absl::StatusOr<LinkEvent> answer = Link(1);
  int asked = 0;
  const SharedLinkQueries queries = ShareLink({}, [&] {
    ++asked;
    return answer;
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(queries.others().status())) << "nobody has asked yet";
  EXPECT_EQ(*queries.first(), Link(1));
  answer = Link(2);
  EXPECT_EQ(*queries.others(), Link(1));
  EXPECT_EQ(asked, 1) << "only the first asks the kernel";
  answer = absl::NotFoundError("deleted");
  EXPECT_TRUE(absl::IsNotFound(queries.first().status()));
  EXPECT_TRUE(absl::IsNotFound(queries.others().status()));
}

TEST(SharedLink, AllMayAskAtTheSameTime) {
  constexpr int kQuestions = 2000;
  int next = 0;
  const SharedLinkQueries queries = ShareLink({}, [&next] { return Link(++next); });
  ASSERT_TRUE(queries.first().ok());
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&queries] {
      int last = 0;
      for (int question = 0; question < kQuestions; ++question) {
        const int told = queries.others()->ifindex;
        EXPECT_GE(told, last);
        last = told;
      }
    });
  }
  for (int question = 0; question < kQuestions; ++question) EXPECT_TRUE(queries.first().ok());
  for (std::thread& other : others) other.join();
}

}  // namespace
}  // namespace tapswitch::link_answer_test
