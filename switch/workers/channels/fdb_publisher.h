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

  // Publishes some of what is new; true when there is more. What the journal does not have any more
  // is published as a number of missed events.
  [[nodiscard]] bool Publish();

 private:
  Bridge& bridge_;
  EventChannel& events_;
  std::optional<ChangeReader> reader_;  // while somebody watches
};

}  // namespace tapswitch
