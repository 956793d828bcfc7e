// The work that is done now and then, whether or not frames come: expired addresses are reclaimed,
// and idle ports are due to release memory.
//
// One thread calls everything, with the bridge locked.

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

  // Reclaims expired addresses, in steps of some tens of microseconds, when it is time. True when
  // that has gone round the table: then idle ports should release memory, so for as long as there
  // is a station that was heard of.
  [[nodiscard]] bool Sweep(Tick now);

  // When Sweep has something to do; nothing: never, as nothing in the table ages.
  [[nodiscard]] std::optional<Tick> next_deadline(Tick now) const;

 private:
  MacTable& table_;
  Tick next_sweep_;
  bool is_sweeping_ = false;
};

}  // namespace tapswitch
