// Starts threads where there may be none left: a control group and a user may have only so many.

#pragma once

#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"

namespace tapswitch {

// ResourceExhausted, with the cure, for a thread that could not be started. `what` names it, as
// "the thread that answers scrapes".
[[nodiscard]] absl::Status NoThread(std::string_view what, const std::system_error& error);

// Has `run` run in a thread, which the caller joins or detaches.
template <typename Function>
[[nodiscard]] absl::StatusOr<std::thread> StartThread(std::string_view what, Function&& run) {
  try {
    return std::thread(std::forward<Function>(run));
  } catch (const std::system_error& error) {
    return NoThread(what, error);
  }
}

}  // namespace tapswitch
