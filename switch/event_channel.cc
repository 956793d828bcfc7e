#include "switch/event_channel.h"

#include <algorithm>

namespace tapswitch {

absl::StatusOr<std::unique_ptr<EventChannel>> EventChannel::Create() {
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  return std::unique_ptr<EventChannel>(new EventChannel(*std::move(wake)));
}

void EventChannel::Publish(const FdbEventLog& log) {
  {
    const std::lock_guard lock(mutex_);
    const size_t room = kMaxWaiting - std::min(kMaxWaiting, waiting_.events.size());
    const size_t taken = std::min(room, log.events().size());
    for (size_t i = 0; i < taken; ++i) waiting_.events.emplace_back(log.events()[i]);
    waiting_.missed += log.events().size() - taken + log.missed();
  }
  wake_.Signal();
}

void EventChannel::Publish(SwitchEvent event) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.events.size() >= 2 * kMaxWaiting) {
      ++waiting_.missed;
    } else {
      waiting_.events.emplace_back(std::move(event));
    }
  }
  wake_.Signal();
}

EventChannel::Taken EventChannel::Take() {
  wake_.Clear();
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

}  // namespace tapswitch
