// The state that a switch had which was killed, put together of what was kept.

#pragma once

#include "absl/status/statusor.h"
#include "switch/handover/handover_state.h"
#include "switch/keeper/keeper_message.h"

namespace tapswitch {

// Whether anything was kept that a switch could begin with.
[[nodiscard]] bool HasState(const KeptParts& parts);

// Puts the state together.
//
// Counters begin anew: those of the text are older than the last that were read, and a counter must
// not go back a little. An address that was in the table was seen within the ageing time, so all
// are taken for as much younger as the text is old.
//
// The spanning tree and multicast snooping begin anew: neighbours may have changed roles since the
// text was written, and groups are not in it.
[[nodiscard]] absl::StatusOr<PreparedState> Recover(KeptParts parts);

}  // namespace tapswitch
