// The events that the switch brings about by itself, on their way from the worker to whoever
// watches.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/netlink/link_monitor.h"
#include "ports/os/wake_event.h"
#include "switch/forwarding/fdb/fdb_events.h"
#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/ids.h"
#include "switch/protocol/protocol_event.h"
#include "switch/workers/channels/mailbox.h"

namespace tapswitch {

// A port's link came up or went down.
struct LinkStateEvent {
  PortId port;
  bool up = false;
  std::string reason;  // why it is down
};

// Entries of multicast groups that have come or gone, and how many more there were.
struct GroupChanges {
  std::vector<GroupChange> changes;
  uint64_t missed = 0;
};

// A port that was shut down forwards again.
struct RecoveryEvent {
  PortId port;
};

// The workers want another one to help them.
struct WorkerWantedEvent {};

// The address table has changed, for one who follows it (fdb_publisher.h).
struct TableNewsEvent {};

// An event of any kind. A LinkEvent is about an interface in the network namespace that the switch
// runs in.
using SwitchEvent = std::variant<FdbEvent, GroupChanges, LinkStateEvent, Alarm, RecoveryEvent,
                                 LinkEvent, WorkerWantedEvent, TableNewsEvent, ProtocolEvent>;

// One thread publishes, and never waits for another one, which takes.
class EventChannel {
 public:
  // Changes of the address table that wait to be taken at most; further ones are only counted. Some
  // megabytes. Of others there may be as many more: whoever connects to a port and leaves again
  // makes two each time.
  static constexpr size_t kMaxWaiting = 65536;

  struct Taken {
    std::vector<SwitchEvent> events;
    uint64_t missed = 0;  // after these events
  };

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<EventChannel>> Create();

  // Readable once there is something to take. Non-blocking; Take reads it.
  [[nodiscard]] int fd() const { return wake_.fd(); }

  // Changes of the address table, of which `missed` are not there any more.
  void Publish(std::vector<SwitchEvent> changes, uint64_t missed);
  void Publish(SwitchEvent event);
  [[nodiscard]] Taken Take();

 private:
  explicit EventChannel(WakeEvent wake) : wake_(std::move(wake)) {}

  void Put(std::vector<SwitchEvent> events, uint64_t missed);

  WakeEvent wake_;
  Mailbox<std::vector<SwitchEvent>> waiting_;
  std::atomic<size_t> count_ = 0;     // of events in waiting_
  std::atomic<uint64_t> missed_ = 0;  // since Take was called last
};

}  // namespace tapswitch
