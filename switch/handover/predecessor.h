// The side of the process that hands over: it starts its successor, gives it all that it has, and
// goes on as if nothing had been if the successor does not get there.
//
// Exactly one forwards. This process forwards until all its ports have paused; then nobody does
// until the successor has the rest of the state. If the successor says that it forwards, this
// process never does again. If it says anything else, or nothing in time, it is killed, and once it
// has ended this process goes on.

#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/attach/attacher.h"
#include "switch/handover/handover_state.h"
#include "switch/handover/successor_process.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class Predecessor {
 public:
  struct Options {
    std::string program;                 // that this process runs
    std::vector<std::string> arguments;  // those behind its name
    std::string version;
    int metrics = -1;                 // that listens for scrapes; negative: there are none
    int keeper = -1;                  // the channel to it; negative: there is none
    std::vector<std::string> stored;  // the names of files that the service manager keeps
    // Calls a function so that programs which it starts have the rights that this one needs.
    std::function<absl::Status(const std::function<absl::Status()>&)> with_rights;
  };

  struct Outcome {
    SuccessorProcess successor;
    std::chrono::nanoseconds gap{};     // for which nobody forwarded
    std::vector<std::string> not_kept;  // lines for people
  };

  // All outlive this. `control_socket` is the descriptor of the listening socket.
  Predecessor(Options options, RunningSwitch running, BridgeControl& control,
              const Attacher& attacher, int control_socket);

  // Hands over to `program`, or to the present one. Called by the control thread. After an error
  // this process goes on forwarding; otherwise it never forwards again, and has to end at once,
  // without undoing anything.
  [[nodiscard]] absl::StatusOr<Outcome> HandOver(const std::optional<std::string>& program);

 private:
  using Clock = DescriptorChannel::Clock;

  [[nodiscard]] absl::StatusOr<PreparedState> Collect(std::optional<ChangeReader>& reader) const;
  [[nodiscard]] absl::Status CollectPorts(PreparedState& state) const;
  [[nodiscard]] absl::StatusOr<SuccessorProcess> Start(const std::string& program) const;
  [[nodiscard]] absl::StatusOr<SuccessorProcess> Prepare(const std::string& program,
                                                         const PreparedState& state) const;
  [[nodiscard]] absl::StatusOr<Outcome> SwitchOver(SuccessorProcess successor,
                                                   const PreparedState& state,
                                                   ChangeReader& reader) const;

  Options options_;
  RunningSwitch running_;
  BridgeControl& control_;
  const Attacher& attacher_;
  int control_socket_;
};

}  // namespace tapswitch
