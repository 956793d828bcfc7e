// Changes that the MAC table has made by itself, as those who watch it are told. Those that were
// made by hand are not among them: whoever made them tells of them.

#pragma once

#include <cstdint>
#include <optional>

#include "switch/forwarding/fdb/change_journal.h"
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

// Nothing for a change that is no such event.
[[nodiscard]] constexpr std::optional<FdbEvent> EventOf(const Change& change) {
  const auto event = [&](FdbEvent::Kind kind) {
    return FdbEvent{.kind = kind, .entry = change.entry, .from = change.from};
  };
  switch (change.kind) {
    case Change::Kind::kLearned:
      return event(FdbEvent::Kind::kLearned);
    case Change::Kind::kMoved:
      return event(FdbEvent::Kind::kMoved);
    case Change::Kind::kAged:
      return event(FdbEvent::Kind::kAged);
    case Change::Kind::kFlushed:
      return event(FdbEvent::Kind::kFlushed);
    default:
      return std::nullopt;
  }
}

}  // namespace tapswitch
