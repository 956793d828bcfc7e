// Lowers the number of descriptors that this process may open, for the life of this object. Open
// descriptors stay open. Functions that are called meanwhile have to be called once before: UBSan
// opens a pipe when it meets a type for the first time.

#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace tapswitch {

class DescriptorLimit {
 public:
  // Only descriptors with numbers below `limit` can be opened.
  explicit DescriptorLimit(rlim_t limit) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit lowered{.rlim_cur = limit, .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace tapswitch
