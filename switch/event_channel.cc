#include "switch/event_channel.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<EventChannel>> EventChannel::Create() {
  FileDescriptor wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  return std::unique_ptr<EventChannel>(new EventChannel(std::move(wake)));
}

void EventChannel::Publish(const FdbEventLog& log) {
  {
    const std::lock_guard lock(mutex_);
    const size_t room = kMaxWaiting - std::min(kMaxWaiting, waiting_.events.size());
    const size_t taken = std::min(room, log.events().size());
    for (size_t i = 0; i < taken; ++i) waiting_.events.emplace_back(log.events()[i]);
    waiting_.missed += log.events().size() - taken + log.missed();
  }
  Wake();
}

void EventChannel::Publish(LinkStateEvent event) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.events.emplace_back(std::move(event));
  }
  Wake();
}

EventChannel::Taken EventChannel::Take() {
  uint64_t count = 0;
  static_cast<void>(read(wake_.get(), &count, sizeof(count)));
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void EventChannel::Wake() const {
  // It fails only when the counter is full, and then the reader is awake.
  const uint64_t one = 1;
  static_cast<void>(write(wake_.get(), &one, sizeof(one)));
}

}  // namespace tapswitch
