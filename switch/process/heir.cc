#include "switch/process/heir.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "switch/handover/predecessor.h"
#include "switch/process/log.h"
#include "switch/process/privileges.h"
#include "switch/workers/channels/notification.h"

namespace tapswitch {

absl::StatusOr<JsonText> HandOverTo(const std::optional<std::string>& wanted,
                                    const ProgramImage& present, const RunningSwitch& running,
                                    RunningBridge& control, const Attacher& attacher,
                                    const HandedFiles& files) {
  Predecessor predecessor({.program = present.path,
                           .arguments = present.arguments,
                           .version = present.version,
                           .metrics = files.metrics,
                           .keeper = files.keeper,
                           .stored = files.stored,
                           .with_rights = WithRightsForPrograms},
                          running, control, attacher, files.control_socket);
  auto outcome = predecessor.HandOver(wanted);
  if (!outcome.ok()) {
    spdlog::error("{}", std::string(outcome.status().message()));
    return outcome.status();
  }
  const pid_t pid = outcome->successor.pid();
  outcome->successor.Leave();
  spdlog::info("process {} has taken over", pid);
  Notify(absl::StrCat("MAINPID=", pid));
  const double gap = std::chrono::duration<double, std::milli>(outcome->gap).count();
  return nlohmann::ordered_json{{"pid", pid}, {"gap_ms", gap}, {"not_kept", outcome->not_kept}};
}

void EndRefusing(const Successor* successor, const absl::Status& why) {
  constexpr std::chrono::seconds kPatience(1);
  if (successor != nullptr) successor->Refuse(why);
  spdlog::error("not taken over: {}", std::string(why.message()));
  static_cast<void>(CloseLog(kPatience));
  _exit(EXIT_FAILURE);
}

absl::Status GiveUpRightsEarly(const std::optional<UserAccount>& user) {
  if (!user) return absl::OkStatus();
  return GiveUpPrivileges(user, [](PrivilegeStep step) {
    absl::Status own = step();
    return own.ok() ? CallOnLogThread(step) : own;
  });
}

absl::Status Heir::Inherit(RunningBridge& control, const MethodContext& context) {
  if (absl::Status made = successor_.Inherit(running_, control, context); !made.ok()) return made;
  return context.attacher.Inherit(successor_.state().settled);
}

absl::StatusOr<HandoverReport> Heir::TakeOver() { return successor_.TakeOver(running_); }

FileDescriptor Heir::TakeMetricsListener() { return std::move(successor_.state().metrics); }

void Heir::WaitForEnd() { successor_.WaitForEnd(); }

void Heir::Refuse(const absl::Status& why) { EndRefusing(&successor_, why); }

}  // namespace tapswitch
