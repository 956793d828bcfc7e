// The side of the process that takes over: it prepares itself with what the first process hands it,
// and takes over when that says so, or ends.
//
// From the moment when it has the state, it holds all open files of the ports. So if the first
// process is killed, it takes over with what it has.

#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/unix/descriptor_channel.h"
#include "switch/control/apply/running_bridge.h"
#include "switch/control/methods/method.h"
#include "switch/handover/handover_state.h"
#include "switch/handover/state_transfer.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class Successor {
 public:
  // Waits for the state that comes by descriptor `fd`. The locks of the first process, which it
  // shares, become those of this one. An error is told to the first process, too.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Successor>> Receive(int fd);

  // Takes the place of a process that was killed; nobody is there to be answered. `died_at` is
  // when, of the monotonic clock; 0: unknown.
  [[nodiscard]] static std::unique_ptr<Successor> OfKilled(PreparedState state,
                                                           std::chrono::nanoseconds died_at);

  // Parts of it are taken by those who make the parts of the switch.
  [[nodiscard]] PreparedState& state() { return state_; }

  // Brings the bridge to its configuration, with the ports that were handed over. They stay paused.
  [[nodiscard]] absl::Status Inherit(const RunningSwitch& running, RunningBridge& control,
                                     const MethodContext& context);

  // Says that it is ready, waits until nobody forwards, takes in the rest of the state, and
  // forwards. After an error it has to end at once, without undoing anything.
  [[nodiscard]] absl::StatusOr<HandoverReport> TakeOver(const RunningSwitch& running);

  // Tells the first process that it does not take over, and why.
  void Refuse(const absl::Status& why) const;

  // Waits for the first process to end, and takes locks for this process alone from then on. All
  // that is left of what was handed over goes.
  void WaitForEnd();

 private:
  Successor(std::optional<DescriptorChannel> channel, PreparedState state)
      : channel_(std::move(channel)), state_(std::move(state)) {}

  [[nodiscard]] absl::StatusOr<BridgeConfig> PlanConfig(const RunningBridge& control,
                                                        const MethodContext& context);
  [[nodiscard]] absl::StatusOr<FinalState> AwaitFinal();
  [[nodiscard]] absl::StatusOr<FinalState> GetReady();
  [[nodiscard]] absl::StatusOr<std::chrono::nanoseconds> BeginToForward(
      const RunningSwitch& running);
  void Restore(const RunningSwitch& running, FinalState& final_state);

  std::optional<DescriptorChannel> channel_;  // nothing: the first process was killed before
  std::chrono::nanoseconds died_at_{};        // then
  PreparedState state_;
  std::map<std::string, PortHandover, std::less<>> ports_;
  PortIds ids_;
  std::vector<std::string> not_kept_;
};

}  // namespace tapswitch
