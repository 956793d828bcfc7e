// The events of a MAC table, for tests that look at them after each step.

#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "switch/forwarding/fdb/change_journal.h"
#include "switch/forwarding/fdb/fdb_events.h"

namespace tapswitch {

class RecordedEvents {
 public:
  RecordedEvents() { journal_.set_lists_flushed(true); }

  // The journal for MacTable::set_journal.
  [[nodiscard]] ChangeJournal& journal() { return journal_; }

  // Since the last Clear.
  [[nodiscard]] const std::vector<FdbEvent>& events() {
    reader_.Read(std::numeric_limits<size_t>::max(), [this](const Change& change) {
      if (const auto event = EventOf(change)) events_.push_back(*event);
    });
    return events_;
  }
  [[nodiscard]] uint64_t missed() const { return reader_.lost(); }

  void Clear() {
    reader_.Resync();
    events_.clear();
  }

 private:
  ChangeJournal journal_;
  ChangeReader reader_{journal_};
  std::vector<FdbEvent> events_;
};

}  // namespace tapswitch
