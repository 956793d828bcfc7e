// A main function for programs whose tests come from many files: --file=NAME runs those of the
// file NAME, so that each file is a test of its own to ctest, in a process of its own. Where
// nothing could be tested, as a program is missing, the exit status is what ctest shows as skipped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kFileFlag = "--file=";
constexpr int kSkipped = 77;

bool IsIn(const testing::TestInfo& test, std::string_view file) {
  const std::string_view path = test.file();
  return path.substr(path.rfind('/') + 1) == file;
}

// The filter of GoogleTest that lets through the tests of a file; empty if there are none.
std::string FilterOf(std::string_view file) {
  std::string filter;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const testing::TestInfo& test = *suite.GetTestInfo(j);
      if (IsIn(test, file)) filter += std::string(suite.name()) + "." + test.name() + ":";
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (argc > 1 && std::string_view(argv[1]).starts_with(kFileFlag)) {
    const std::string filter = FilterOf(std::string_view(argv[1]).substr(kFileFlag.size()));
    if (filter.empty()) {
      std::fprintf(stderr, "%s: no such file has tests here\n", argv[1]);
      return 1;
    }
    testing::GTEST_FLAG(filter) = filter;
  }
  const int status = RUN_ALL_TESTS();
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  const bool tried = all.test_to_run_count() > all.skipped_test_count();
  return status == 0 && !tried && all.skipped_test_count() > 0 ? kSkipped : status;
}
