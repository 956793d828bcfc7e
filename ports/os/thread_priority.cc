#include "ports/os/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace tapswitch {
namespace {

std::vector<pid_t> ThreadsOfProcess() {
  std::vector<pid_t> threads;
  std::error_code error;
  for (std::filesystem::directory_iterator i("/proc/self/task", error), end; !error && i != end;
       i.increment(error)) {
    const std::string name = i->path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    if (thread > 0) threads.push_back(thread);
  }
  return threads;
}

}  // namespace

void YieldToFrames() {
  constexpr int kNiceness = 10;
  // Linux takes 0 for the calling thread (setpriority(2), "C library/kernel differences").
  static_cast<void>(setpriority(PRIO_PROCESS, 0, kNiceness));
}

Haste::Haste(Of whom) {
  const sched_param lowest{.sched_priority = 1};
  const auto threads = whom == Of::kProcess ? ThreadsOfProcess() : std::vector<pid_t>{gettid()};
  for (const pid_t thread : threads) {
    if (sched_getscheduler(thread) != SCHED_OTHER) continue;
    if (sched_setscheduler(thread, SCHED_RR, &lowest) == 0) threads_.push_back(thread);
  }
}

Haste::~Haste() {
  const sched_param none{};
  for (const pid_t thread : threads_) sched_setscheduler(thread, SCHED_OTHER, &none);
}

}  // namespace tapswitch
