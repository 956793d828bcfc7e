// Links that flap: their carrier goes off and on again some times. The thread that owns the
// bridge's control takes the steps; the configuration says meanwhile that the carrier is on.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

class CarrierFlaps {
 public:
  static constexpr std::chrono::milliseconds kShortestPeriod{20};
  static constexpr uint64_t kMost = 1'000'000;

  struct Flapping {
    std::chrono::nanoseconds period = std::chrono::seconds(2);  // half of it off
    uint64_t count = 1;
  };

  // `control` outlives this.
  explicit CarrierFlaps(BridgeControl& control) : control_(control) {}

  // Begins with the carrier off; another flapping of the port ends. An error is one of SetCarrier,
  // and nothing has changed.
  [[nodiscard]] absl::Status Begin(const std::string& port, const Flapping& flapping);
  // Ends that of a port, and leaves its carrier as it is.
  void End(std::string_view port);

  // Ends all of them, with the carrier on.
  void EndAll();

  // Takes the steps that are due.
  void Step();
  // The time until the next one; nothing: there is none.
  [[nodiscard]] std::optional<std::chrono::milliseconds> Wait() const;

 private:
  using Clock = std::chrono::steady_clock;

  struct Flap {
    std::chrono::nanoseconds half{};
    uint64_t changes_left = 0;  // the last one is on
    Clock::time_point next;
  };

  [[nodiscard]] bool Change(const std::string& port, Flap& flap);

  BridgeControl& control_;
  std::map<std::string, Flap, std::less<>> flaps_;
};

}  // namespace tapswitch
