#include "switch/workers/channels/fdb_publisher.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "switch/forwarding/fdb/fdb_events.h"

namespace tapswitch {
namespace {

// Records that a turn looks at: some tens of microseconds, so that frames do not wait for all that
// a large flush removes.
constexpr size_t kRecordsAtOnce = 2048;

}  // namespace

void FdbPublisher::Watch(bool watched) {
  bridge_.journal().set_lists_flushed(watched);
  reader_.reset();
  if (watched) reader_.emplace(bridge_.journal());
}

void FdbPublisher::Follow(bool followed) {
  bridge_.journal().set_followed(followed);
  follower_.reset();
  if (followed) follower_.emplace(bridge_.journal());
}

void FdbPublisher::Refollow() {
  if (follower_) follower_->Resync();
}

bool FdbPublisher::Publish() {
  if (follower_ && !follower_is_told_ && follower_->waiting() != 0) {
    follower_is_told_ = true;
    events_.Publish(TableNewsEvent());
  }
  if (bridge_.groups().has_changes()) {
    auto [changes, missed] = bridge_.groups().TakeChanges();
    events_.Publish(GroupChanges{.changes = std::move(changes), .missed = missed});
  }
  if (!reader_ || reader_->waiting() == 0) return false;
  uint64_t missed = reader_->SkipLost();
  std::vector<SwitchEvent> events;
  events.reserve(std::min<uint64_t>(kRecordsAtOnce, reader_->waiting()));
  reader_->Read(kRecordsAtOnce, [&](const Change& change) {
    missed += change.unlisted;
    if (const auto event = EventOf(change)) events.emplace_back(*event);
  });
  if (!events.empty() || missed != 0) events_.Publish(std::move(events), missed);
  return reader_->waiting() != 0;
}

}  // namespace tapswitch
