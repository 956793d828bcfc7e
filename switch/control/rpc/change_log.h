// Says who has changed what: a line of the log for each change, and an event for those who watch.

#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "switch/control/rpc/client.h"

namespace tapswitch {

// Returns what an event tells of a change: the method, its parameters but for the text of a whole
// file, and whose process called it.
[[nodiscard]] nlohmann::ordered_json ShowChange(const ControlPeer& peer, std::string_view method,
                                                const nlohmann::json& params);

// A script may make thousands of changes a second. Only kMostAtOnce a second are logged, and the
// number of the others, so that the log has room for what else happens.
class ChangeLog {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr uint32_t kMostAtOnce = 20;

  // Returns the line for a change that was made; nothing if there were too many.
  [[nodiscard]] std::optional<std::string> Line(const ControlPeer& peer, std::string_view method,
                                                const nlohmann::json& params,
                                                Clock::time_point now);

 private:
  Clock::time_point second_{};
  uint32_t in_second_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace tapswitch
