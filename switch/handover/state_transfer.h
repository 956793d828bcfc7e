// Reading a running switch for its successor, and bringing a new one to that state.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/attach/attacher.h"
#include "switch/handover/handover_state.h"
#include "switch/workers/running_switch.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

// ---- By the first process

// Reads all addresses, by a thread that may wait. `reader` then reads what has changed since.
[[nodiscard]] std::vector<MacEntry> ReadEntries(const RunningSwitch& running,
                                                const BridgeControl& control,
                                                std::optional<ChangeReader>& reader);
[[nodiscard]] std::vector<Neighbour> ReadNeighbours(const RunningSwitch& running);

// Reads what changes with each frame, given the snapshot of now. By a command of the primary.
[[nodiscard]] LiveState ReadLive(const RunningSwitch& running, const SwitchSnapshot& snapshot);

// Reads what has become of a state that was read before. By a command of the primary, when no frame
// is forwarded. `traffic` is what the kernel carried, which it does no more.
// ResourceExhausted when no descriptors are left.
[[nodiscard]] absl::StatusOr<FinalState> ReadFinal(const RunningSwitch& running,
                                                   ChangeReader& reader,
                                                   const PreparedState& before,
                                                   const std::map<PortId, PortTraffic>& traffic);

// Reads the bridge as a whole, without any open file.
[[nodiscard]] PreparedState ReadBridge(const RunningSwitch& running, const BridgeControl& control,
                                       const Attacher& attacher, const std::string& version);

// Reads a port, as ReadPort does.
[[nodiscard]] absl::StatusOr<HandedPort> ReadHandedPort(const RunningSwitch& running,
                                                        const BridgeControl& control,
                                                        const PortConfig& port);

// Reads what a successor needs of a port. FailedPrecondition names one that cannot be handed over.
[[nodiscard]] absl::StatusOr<PortHandover> ReadPort(const RunningSwitch& running, PortId id,
                                                    const std::string& name);

// ---- By the successor, by commands of its primary

// The ports of the first process by their ids there.
using PortIds = std::map<PortId, PortId>;

// Sets entries. Those behind ports that are not there, and addresses of the bridge itself, which
// it sets by itself, are left out.
void RestoreEntries(const RunningSwitch& running, std::vector<MacEntry> entries,
                    const PortIds& ids);
void RestoreChanges(const RunningSwitch& running, std::span<const Change> changes,
                    const PortIds& ids);
void RestoreLive(const RunningSwitch& running, const LiveState& live, const PortIds& ids);
// Has ports take over what was only known once they had paused.
void RestorePaused(const RunningSwitch& running, std::span<HandedPort> ports, const PortIds& ids);
// Takes the place of the parts of `live` that were read again.
void UpdateLive(LiveState& live, LiveState now);

}  // namespace tapswitch
