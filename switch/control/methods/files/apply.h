// Makes the running bridge what a text of commands says, by the differences alone.
//
// The commands are tried on a PlannedBridge first. A text that is refused there changes nothing.
// Then the differences between the plan and the running bridge are carried out. A step may fail, as
// when a device cannot be opened: it ends the work, and the steps before it are undone.

#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/control/config/bridge_config.h"
#include "switch/control/methods/method.h"

namespace tapswitch {

struct ApplyRequest {
  std::string text;   // commands, one a line
  std::string name;   // that people know the text by
  BridgeConfig base;  // the bridge that the first command of the text finds
  // Whether the text is carried out on the bridge that runs, so that what it does not name is kept.
  bool merge = false;
  bool dry_run = false;  // nothing is carried out
};

struct Applied {
  std::vector<std::string> commands;  // that lead from the bridge before to the one that is wanted
};

// Ports that come and go with their interfaces are left alone.
[[nodiscard]] absl::StatusOr<Applied> ApplyText(const MethodContext& context,
                                                const ApplyRequest& request);

}  // namespace tapswitch
