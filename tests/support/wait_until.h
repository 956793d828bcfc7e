// Waits for actions of the kernel or of another process.

#pragma once

#include <chrono>
#include <thread>

namespace tapswitch {

// Returns true as soon as `condition()` is true, or false after `limit`. The limit only ends a test
// when something is broken; it says nothing about how long anything should take.
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
