// The two ends of a handover as parts of the process: handing over to a program, and taking over
// in place of opening ports.

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/user_accounts.h"
#include "switch/control/apply/running_bridge.h"
#include "switch/control/attach/attacher.h"
#include "switch/control/control_thread.h"
#include "switch/handover/successor.h"
#include "switch/process/daemon.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

// The open files that are handed over beside those of ports.
struct HandedFiles {
  int control_socket = -1;
  int metrics = -1;                   // negative: nobody scrapes
  int keeper = -1;                    // negative: there is none
  std::vector<std::string> stored{};  // by name, what the service manager keeps
};

// Hands over to `wanted`, or to a new process of `present`, and tells the service manager. Returns
// what is shown of that. After a success this process has to end at once.
[[nodiscard]] absl::StatusOr<JsonText> HandOverTo(const std::optional<std::string>& wanted,
                                                  const ProgramImage& present,
                                                  const RunningSwitch& running,
                                                  RunningBridge& control, const Attacher& attacher,
                                                  const HandedFiles& files);

// Ends a process that does not take over, and tells the other one why; null: that knows. Nothing is
// undone, as all that this process has is the other's.
[[noreturn]] void EndRefusing(const Successor* successor, const absl::Status& why);

// Gives up what a switch for `user` has no right to, before anything is made; nothing: all is kept.
// No thread runs yet but that of the log.
[[nodiscard]] absl::Status GiveUpRightsEarly(const std::optional<UserAccount>& user);

// Takes over, for the control thread.
class Heir final : public Inheritance {
 public:
  // Both outlive it.
  Heir(Successor& successor, RunningSwitch running)
      : successor_(successor), running_(std::move(running)) {}

  [[nodiscard]] absl::Status Inherit(RunningBridge& control, const MethodContext& context) override;
  [[nodiscard]] absl::StatusOr<HandoverReport> TakeOver() override;
  void WaitForEnd() override;
  [[nodiscard]] FileDescriptor TakeMetricsListener() override;
  void Refuse(const absl::Status& why) override;

 private:
  Successor& successor_;
  RunningSwitch running_;
};

}  // namespace tapswitch
