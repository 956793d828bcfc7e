#include "switch/workers/channels/event_channel.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tapswitch {

absl::StatusOr<std::unique_ptr<EventChannel>> EventChannel::Create() {
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  return std::unique_ptr<EventChannel>(new EventChannel(*std::move(wake)));
}

void EventChannel::Publish(std::vector<SwitchEvent> changes, uint64_t missed) {
  const size_t room = kMaxWaiting - std::min<size_t>(kMaxWaiting, count_);
  if (changes.size() > room) {
    missed += changes.size() - room;
    changes.resize(room);
  }
  Put(std::move(changes), missed);
}

void EventChannel::Publish(SwitchEvent event) {
  std::vector<SwitchEvent> events;
  if (count_ < 2 * kMaxWaiting) events.push_back(std::move(event));
  const uint64_t missed = events.empty() ? 1 : 0;
  Put(std::move(events), missed);
}

void EventChannel::Put(std::vector<SwitchEvent> events, uint64_t missed) {
  missed_ += missed;
  if (!events.empty()) {
    count_ += events.size();
    waiting_.Put(std::move(events));
  }
  wake_.Signal();
}

EventChannel::Taken EventChannel::Take() {
  wake_.Clear();
  Taken taken;
  for (std::vector<SwitchEvent>& events : waiting_.TakeAll()) {
    count_ -= events.size();
    std::move(events.begin(), events.end(), std::back_inserter(taken.events));
  }
  taken.missed = missed_.exchange(0);
  return taken;
}

}  // namespace tapswitch
