// What is done now and then, whether or not frames come: expired addresses are reclaimed, and memory
// that idle ports hold is released.

#pragma once

#include <optional>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

class Housekeeping {
 public:
  // `table` outlives this.
  explicit Housekeeping(MacTable& table) : table_(table) {}

  // Learned addresses age in so long; those that are too old by then go at once.
  void SetAgeing(Ticks ageing, Tick now);

  // Reclaims expired addresses, in steps of some tens of microseconds, when it is time.
  // Precondition: the bridge is locked.
  void Sweep(Tick now);

  // When Sweep has something to do; nothing: never, as nothing in the table ages.
  [[nodiscard]] std::optional<Tick> next_deadline(Tick now) const;

  // Whether idle ports should release memory, which is due after each sweep of the table: as long as
  // there is a station that was heard of.
  [[nodiscard]] bool is_release_due() const { return is_release_due_; }
  void NoteReleased() { is_release_due_ = false; }

 private:
  MacTable& table_;
  Tick next_sweep_;
  bool is_sweeping_ = false;
  bool is_release_due_ = false;
};

}  // namespace tapswitch
