// A `tapctl capture` that goes on while a test does something else.

#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/netns_sandbox.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

// A capture by tapctl beside the test.
class RunningCapture {
 public:
  // `words` may redirect. Returns once it captures.
  RunningCapture(TestNetwork& network, const std::string& words)
      : network_(network), begun_(network.tapswitchd().CountInLog(": begins")) {
    sandbox().Run("sh -c '" TAPCTL_PATH " capture " + words + " 2>" + Path("errors") +
                  " & echo $! >" + Path("pid") + "; wait $!; echo $? >" + Path("status") +
                  "' >/dev/null 2>&1 &");
    EXPECT_TRUE(network.tapswitchd().WaitForLog(": begins", begun_ + 1))
        << ContentOf(Path("errors"));
  }

  void Signal(const std::string& name) const {
    sandbox().Run("kill -" + name + " " + ContentOf(Path("pid")));
  }
  // Waits for its end; its exit status.
  [[nodiscard]] std::string Status() const {
    std::string status;
    EXPECT_TRUE(WaitUntil([&] { return !(status = ContentOf(Path("status"))).empty(); }));
    return status.substr(0, status.find('\n'));
  }
  [[nodiscard]] std::string errors() const { return ContentOf(Path("errors")); }

 private:
  [[nodiscard]] const NetnsSandbox& sandbox() const { return network_.sandbox(); }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }

  TestNetwork& network_;
  TemporaryDirectory directory_;
  size_t begun_;
};

}  // namespace tapswitch
