#include "switch/control/apply/carrier_flaps.h"

#include <algorithm>
#include <iterator>

namespace tapswitch {

absl::Status CarrierFlaps::Begin(const std::string& port, const Flapping& flapping) {
  const auto id = control_.FindPort(port);
  if (!id.ok()) return id.status();
  if (absl::Status off = control_.SetCarrier(*id, false); !off.ok()) return off;
  const std::chrono::nanoseconds half = flapping.period / 2;
  flaps_.insert_or_assign(
      port,
      Flap{.half = half, .changes_left = 2 * flapping.count - 1, .next = Clock::now() + half});
  return absl::OkStatus();
}

void CarrierFlaps::End(std::string_view port) {
  if (const auto found = flaps_.find(port); found != flaps_.end()) flaps_.erase(found);
}

void CarrierFlaps::EndAll() {
  for (const auto& [port, flap] : flaps_) {
    const auto id = control_.FindPort(port);
    if (id.ok()) static_cast<void>(control_.SetCarrier(*id, true));
  }
  flaps_.clear();
}

void CarrierFlaps::Step() {
  for (auto one = flaps_.begin(); one != flaps_.end();) {
    const bool is_over = one->second.next <= Clock::now() && !Change(one->first, one->second);
    one = is_over ? flaps_.erase(one) : std::next(one);
  }
}

// Returns whether there is more to do.
bool CarrierFlaps::Change(const std::string& port, Flap& flap) {
  const auto id = control_.FindPort(port);
  if (!id.ok()) return false;
  const bool is_on = flap.changes_left % 2 == 1;
  if (!control_.SetCarrier(*id, is_on).ok()) return false;
  flap.next += flap.half;
  return --flap.changes_left > 0;
}

std::optional<std::chrono::milliseconds> CarrierFlaps::Wait() const {
  std::optional<std::chrono::milliseconds> wait;
  const auto now = Clock::now();
  for (const auto& [port, flap] : flaps_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(flap.next - now);
    const auto bounded = std::max(left, std::chrono::milliseconds(0));
    wait = std::min(wait.value_or(bounded), bounded);
  }
  return wait;
}

}  // namespace tapswitch
