// Waiting for what the kernel or another process is about to do.

#pragma once

#include <chrono>
#include <thread>

namespace tapswitch {

// True as soon as `condition()` is; false when it is not within `limit`, which is there for the
// test to end when something is broken and says nothing about how long anything should take.
template <typename Condition>
[[nodiscard]] bool WaitUntil(Condition condition,
                             std::chrono::seconds limit = std::chrono::seconds(30)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace tapswitch
