// Common parts of tests of the running switch, which run once for each way of I/O.

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "ports/ring/ring_factory.h"
#include "tests/support/netns_sandbox.h"

namespace tapswitch {

// Returns why a switch cannot be tested here with --io=`io`; otherwise empty.
[[nodiscard]] inline std::string WhyUnavailable(const std::string& io) {
  std::string why = NetnsSandbox::WhyUnavailable();
  if (!why.empty() || io != "uring") return why;
  const auto ring = MakeRing(IoMode::kUring);
  return ring.ok() ? "" : std::string(ring.status().message());
}

// Returns what $TAPSWITCH_TEST_IO names, "uring" or "epoll", and both where it is not set. A run
// with sanitizers names one: a test takes the same ways by each, but for those of a ring, whose own
// tests have both.
[[nodiscard]] inline std::vector<std::string> IosToTest() {
  const char* const only = std::getenv("TAPSWITCH_TEST_IO");
  if (only != nullptr) return {only};
  return {"uring", "epoll"};
}

inline const auto kEachIo = testing::ValuesIn(IosToTest());

// The parameter is the value of --io:
// INSTANTIATE_TEST_SUITE_P(Io, MyTest, kEachIo, IoName);
class SwitchTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = WhyUnavailable(io()); !why.empty()) GTEST_SKIP() << why;
  }

  [[nodiscard]] static const std::string& io() { return GetParam(); }
};

inline std::string IoName(const testing::TestParamInfo<std::string>& info) { return info.param; }

// The parameter is the value of --io and a case, which has a member `name`:
// INSTANTIATE_TEST_SUITE_P(All, MyTest, testing::Combine(kEachIo, ...), IoAndCaseName<MyCase>);
template <typename Case>
class SwitchCaseTest : public testing::TestWithParam<std::tuple<std::string, Case>> {
 protected:
  void SetUp() override {
    if (const std::string why = WhyUnavailable(io()); !why.empty()) GTEST_SKIP() << why;
  }

  [[nodiscard]] static const std::string& io() { return std::get<0>(SwitchCaseTest::GetParam()); }
  [[nodiscard]] static const Case& test_case() { return std::get<1>(SwitchCaseTest::GetParam()); }
};

template <typename Case>
std::string IoAndCaseName(const testing::TestParamInfo<std::tuple<std::string, Case>>& info) {
  return std::get<0>(info.param) + "_" + std::string(std::get<1>(info.param).name);
}

}  // namespace tapswitch
