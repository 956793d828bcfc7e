// A user, or a control group, may have no thread left. Before, the switch ended then: a worker that
// was to help under load is a thread.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "ports/os/clock.h"
#include "ports/os/thread_start.h"
#include "switch/control/metrics/metrics_server.h"
#include "switch/forwarding/bridge.h"
#include "switch/workers/link_thread.h"
#include "switch/workers/secondary_worker.h"
#include "switch/workers/shared_bridge.h"

namespace tapswitch::no_threads_left_test {
namespace {

constexpr uid_t kNobody = 65534;

void ForbidThreads() {
  if (geteuid() == 0) {
    static_cast<void>(setresgid(kNobody, kNobody, kNobody));
    static_cast<void>(setresuid(kNobody, kNobody, kNobody));
  }
  constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
  static_cast<void>(setrlimit(RLIMIT_NPROC, &kNone));
}

// To be run in a process of its own: ends it with 0 if the status is as it has to be.
[[noreturn]] void EndWith(const absl::Status& status) {
  const bool is_told = absl::IsResourceExhausted(status) &&
                       status.message().find("raise ulimit -u") != std::string_view::npos;
  if (!is_told) std::fputs(status.ToString().c_str(), stderr);
  _exit(is_told ? 0 : 1);
}

// GoogleTest's EXPECT_EXIT is a macro with a switch.
// NOLINTBEGIN(*-avoid-goto, *-avoid-non-const-global-variables)

TEST(NoThreadsLeftTest, AWorkerIsNotStarted) {
  const auto start = [] {
    Bridge bridge({.capacity = 64, .ageing = {30000}, .salt = 7});
    SharedBridge shared(bridge, SharedBridge::Users::kSeveral);
    const SystemClock clock;
    const WakeEvent wake = WakeEvent::Create().value();
    ForbidThreads();
    EndWith(SecondaryWorker::Start({.index = 1}, clock, shared, wake).status());
  };
  EXPECT_EXIT(start(), testing::ExitedWithCode(0), "");
}

TEST(NoThreadsLeftTest, NorAreLinksFollowed) {
  const auto start = [] {
    const auto links = LinkThread::Create().value();
    ForbidThreads();
    EndWith(links->Start({.on_change = [](const LinkEvent&, const std::function<void()>&) {},
                          .on_answer = [](PortId, uint16_t) {}}));
  };
  EXPECT_EXIT(start(), testing::ExitedWithCode(0), "");
}

TEST(NoThreadsLeftTest, NorAreScrapesAnswered) {
  const auto start = [] {
    ForbidThreads();
    EndWith(MetricsServer::Listen("127.0.0.1:0", {.bridge = "br0", .version = "1"}, [] {
              return std::optional<SwitchSnapshot>();
            }).status());
  };
  EXPECT_EXIT(start(), testing::ExitedWithCode(0), "");
}

// NOLINTEND(*-avoid-goto, *-avoid-non-const-global-variables)

}  // namespace
}  // namespace tapswitch::no_threads_left_test
