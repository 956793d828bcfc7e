#include "switch/control/apply/fdb_walk.h"

#include <vector>

namespace tapswitch {
namespace {

// The number of slots per step, which takes some tens of microseconds between two batches.
constexpr size_t kSlotsAtOnce = 4096;

}  // namespace

void VisitEntries(const RunningSwitch& running,
                  const std::function<void(std::span<const MacEntry>)>& visit) {
  std::vector<MacEntry> some;
  some.reserve(kSlotsAtOnce);
  const MacTable& table = running.bridge.table();
  auto cursor = running.commands.Call([&] { return table.BeginWalk(); });
  for (bool done = false; !done;) {
    some.clear();
    done = running.commands.Call([&] {
      return table.Walk(cursor, kSlotsAtOnce, running.clock.Now(),
                        [&](const MacEntry& entry) { some.push_back(entry); });
    });
    visit(some);
  }
}

uint64_t FlushEntries(const RunningSwitch& running,
                      const std::function<bool(const MacEntry&)>& unwanted) {
  uint64_t flushed = 0;
  std::vector<MacEntry> some;
  MacTable& table = running.bridge.table();
  auto cursor = running.commands.Call([&] { return table.BeginWalk(); });
  for (bool done = false; !done;) {
    done = running.commands.Call([&] {
      some.clear();
      const bool at_end =
          table.Walk(cursor, kSlotsAtOnce, running.clock.Now(), [&](const MacEntry& entry) {
            if (unwanted(entry)) some.push_back(entry);
          });
      for (const MacEntry& entry : some) {
        if (table.Flush(entry.vlan, entry.address, entry.port)) ++flushed;
      }
      return at_end;
    });
  }
  return flushed;
}

}  // namespace tapswitch
