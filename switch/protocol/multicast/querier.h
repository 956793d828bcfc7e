// The querier of one VLAN and family, which asks hosts for their groups: the bridge itself, or
// another one that was elected (RFC 3376, 6.6.2). This decides when to ask; others send.

#pragma once

#include <cstdint>
#include <optional>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ip_address.h"
#include "switch/protocol/multicast/multicast_settings.h"

namespace tapswitch {

// One that was heard.
struct HeardQuerier {
  IpAddress address;
  PortId port;
  uint8_t version = 0;
  Tick first_heard;
  Tick last_heard;
  Tick until;

  [[nodiscard]] bool is_alive(Tick now) const { return now < until; }
  bool operator==(const HeardQuerier&) const = default;
};

// The part of a querier's state that another process goes on with.
struct QuerierMemory {
  HeardQuerier other;
  HeardQuerier rival;
  Tick next;
  uint32_t startup_left = 0;
  bool was_asked = false;
  Tick answered_at;

  bool operator==(const QuerierMemory&) const = default;
};

class Querier {
 public:
  // Takes effect at once. One that is switched on begins to ask.
  void Configure(const VlanMulticast& settings, IpAddress own, Tick now);
  [[nodiscard]] const VlanMulticast& settings() const { return settings_; }
  [[nodiscard]] IpAddress own() const { return own_; }

  // A general query, or one for a group, came in. One without a source is no querier (RFC 4541,
  // 2.1.1).
  void OnQuery(IpAddress sender, PortId port, uint8_t version, Ticks max_response, Tick now);
  // The port has gone, and with it who was heard there.
  void Forget(PortId port, Tick now);

  // Whether the bridge is the one who asks.
  [[nodiscard]] bool asks(Tick now) const { return settings_.querier && !other_.is_alive(now); }
  // Whether hosts were asked, and have had the time to answer.
  [[nodiscard]] bool is_active(Tick now) const {
    return (asks(now) || other_.is_alive(now)) && now >= answered_at_;
  }
  // When is_active may become true.
  [[nodiscard]] Tick answered_at() const { return answered_at_; }

  // Whether a general query is due, which is sent then; schedules the next one.
  [[nodiscard]] bool TakeDue(Tick now);
  // It could not be sent: it is due again shortly.
  void Retry(Tick now) { next_ = now + Ticks{1}; }
  // Asks again, soon several times: hosts may have moved. Frames are flooded until they have
  // answered.
  void AskAgain(Tick now);
  // When something is to be done; nothing: never.
  [[nodiscard]] std::optional<Tick> next_deadline(Tick now) const;

  // The one that was elected, and one that was not. The latter asks nevertheless if it was heard
  // more than once.
  [[nodiscard]] const HeardQuerier& other() const { return other_; }
  [[nodiscard]] const HeardQuerier& rival() const { return rival_; }

  [[nodiscard]] QuerierMemory Remember() const {
    return {other_, rival_, next_, startup_left_, was_asked_, answered_at_};
  }
  // After Configure.
  void Restore(const QuerierMemory& memory) {
    other_ = memory.other;
    rival_ = memory.rival;
    next_ = memory.next;
    startup_left_ = memory.startup_left;
    was_asked_ = memory.was_asked;
    answered_at_ = memory.answered_at;
  }

 private:
  void Start(Tick now);

  VlanMulticast settings_;
  IpAddress own_;
  HeardQuerier other_;
  HeardQuerier rival_;
  Tick next_;  // of general queries, while it asks
  uint32_t startup_left_ = 0;
  bool was_asked_ = false;  // somebody has asked, and the answers are still true
  Tick answered_at_;
};

}  // namespace tapswitch
