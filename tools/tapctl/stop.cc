#include "tools/tapctl/stop.h"

#include <poll.h>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::StatusOr<ControlConnection::Json> RunStop(ControlConnection& connection, int patience) {
  const FileDescriptor process = connection.WatchProcess();
  auto answer = connection.Call("bridge.stop", nlohmann::json::object());
  if (!answer.ok() || !process.valid()) return answer;
  constexpr int kMillisecondsPerSecond = 1000;
  pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
  if (poll(&end, 1, patience * kMillisecondsPerSecond) == 1) return answer;
  return absl::DeadlineExceededError(fmt::format(
      "the switch was told to end, and has not in {} s: is it stopped? (-timeout waits longer)",
      patience));
}

}  // namespace tapswitch
