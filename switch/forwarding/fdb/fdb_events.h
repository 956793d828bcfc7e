// What the MAC table did of its own accord, for those who watch it. What is set and erased by hand
// is not among it: who did that knows.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

struct FdbEvent {
  enum class Kind : uint8_t {
    kLearned,  // new
    kMoved,    // from port `from`
    kAged,     // removed: not seen for too long, or given up for a new one in a full table
    kFlushed,  // removed by a flush
  };

  Kind kind = Kind::kLearned;
  MacEntry entry;  // after the event; a removed one as it was
  PortId from;     // kMoved: the former port; otherwise that of the entry

  bool operator==(const FdbEvent&) const = default;
};

// Events in order, up to a fixed number, after which they are only counted.
class FdbEventLog {
 public:
  static constexpr size_t kCapacity = 4096;

  FdbEventLog() { events_.reserve(kCapacity); }

  void Record(const FdbEvent& event) {
    if (is_full()) return Miss(1);
    events_.push_back(event);
  }
  void Miss(uint64_t count) { missed_ += count; }

  [[nodiscard]] bool is_full() const { return events_.size() == kCapacity; }
  [[nodiscard]] std::span<const FdbEvent> events() const { return events_; }
  // Not zero when events were left out. It may be lower than their number: a flush that finds the
  // log full does not go on to count what it removes from a VLAN.
  [[nodiscard]] uint64_t missed() const { return missed_; }

  void Clear() {
    events_.clear();
    missed_ = 0;
  }

 private:
  std::vector<FdbEvent> events_;
  uint64_t missed_ = 0;
};

}  // namespace tapswitch
