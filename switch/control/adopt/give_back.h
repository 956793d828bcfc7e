// Gives a bridge back what was taken over from it, by the record alone: no switch has to run.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/adopt/adoption_record.h"

namespace tapswitch {

// Makes the interfaces ports of the bridge again, with their settings, VLANs and entries. `learned`
// are entries that were learned meanwhile. Interfaces that are gone, or belong to another bridge by
// now, are left out; the result has a line about each. NotFound if the bridge is gone. Called
// again, it does what is left.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> ReturnPorts(
    const AdoptionRecord& record, std::span<const LinuxBridgeEntry> learned);

// Deletes the TAP that joined the bridge device to the switch, if it is still there.
[[nodiscard]] absl::Status RemoveUplink(const AdoptionRecord& record);

// All of it, where no switch runs: also what a killed switch has left on the interfaces. Then the
// record is removed. Returns lines about what could not be given back.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> GiveBack(const std::string& file,
                                                                bool dry_run);

// Describes what would be done, a line each.
[[nodiscard]] std::vector<std::string> DescribeGivingBack(const AdoptionRecord& record);

}  // namespace tapswitch
