// Tells whoever watches the address table what it did by itself: from the bridge's change journal
// to the event channel. The same of multicast groups, from their table.

#pragma once

#include <optional>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/fdb/change_journal.h"
#include "switch/workers/channels/event_channel.h"

namespace tapswitch {

// The primary worker's thread calls everything, with the bridge locked.
class FdbPublisher {
 public:
  // Both outlive this.
  FdbPublisher(Bridge& bridge, EventChannel& events) : bridge_(bridge), events_(events) {}

  // From now on; while nobody watches, a flush need not list what it removes.
  void Watch(bool watched);

  // Publishes a TableNewsEvent when something has changed, from now on, for one who then reads the
  // changes by the two functions below.
  void Follow(bool followed);
  // Calls visit(const Change&) for the next changes, at most `max`. Nothing when some are lost,
  // which Refollow then skips: what the table has is to be read as a whole after that.
  template <typename Visit>
  [[nodiscard]] std::optional<size_t> ReadFollowed(size_t max, Visit&& visit) {
    follower_is_told_ = false;
    if (!follower_ || follower_->needs_resync()) return std::nullopt;
    return follower_->Read(max, visit);
  }
  void Refollow();

  // Publishes some of what is new; true when there is more. What the journal does not have any more
  // is published as a number of missed events.
  [[nodiscard]] bool Publish();

 private:
  Bridge& bridge_;
  EventChannel& events_;
  std::optional<ChangeReader> reader_;    // while somebody watches
  std::optional<ChangeReader> follower_;  // while somebody follows
  bool follower_is_told_ = false;
};

}  // namespace tapswitch
