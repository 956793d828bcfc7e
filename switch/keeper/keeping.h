// The ends of keeping in one process: who keeps what is to outlive it, and what was kept of a
// process that was killed.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/handover/handover_state.h"
#include "switch/handover/successor.h"
#include "switch/keeper/keeper_client.h"
#include "switch/keeper/keeper_message.h"
#include "switch/keeper/service_store.h"
#include "switch/keeper/state_keeper.h"

namespace tapswitch {

// Exactly one of the first two, or neither.
struct Keeping {
  std::unique_ptr<KeeperClient> keeper;   // a guardian, or the supervisor
  std::unique_ptr<ServiceStore> manager;  // of services
  StateKeeper::Scope scope = StateKeeper::Scope::kExclusions;
  KeptParts kept;                      // of a switch that was killed
  std::chrono::nanoseconds died_at{};  // when it was; 0: unknown

  [[nodiscard]] PartStore* store() const;
  [[nodiscard]] int keeper_fd() const { return keeper ? keeper->fd() : -1; }
  [[nodiscard]] std::vector<std::string> stored() const;
  // Closes all that was kept, as it is of no use.
  void GiveUp();
};

// Finds out who keeps the state of a process that begins: a supervisor by descriptor `kept_by`, or
// the manager of services, or a guardian, which is started. Negative: there is no supervisor. It is
// to be called before threads are started and files are opened.
// A guardian has the `lease`, is not needed without one, and calls `give_up_rights`.
[[nodiscard]] absl::StatusOr<Keeping> BeginKeeping(
    int kept_by, std::chrono::milliseconds lease,
    const std::function<absl::Status()>& give_up_rights);

// Finds that out for a process that takes over from another.
[[nodiscard]] Keeping InheritKeeping(PreparedState& state, bool is_supervised);

// Returns the state of the process that was killed; null when there is none of use, and it is given
// up. `give_up_rights` is called before anything of it is used, as the process that has left it may
// have had fewer rights than this one.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Successor>> RecoverKept(
    Keeping& keeping, const std::function<absl::Status()>& give_up_rights);

}  // namespace tapswitch
