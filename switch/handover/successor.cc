#include "switch/handover/successor.h"

#include <fcntl.h>

#include <sstream>
#include <utility>

#include "ports/os/clock.h"
#include "ports/os/runtime_locks.h"
#include "ports/os/thread_priority.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/control/apply/planned_bridge.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/files/command_file.h"
#include "switch/control/rpc/monitor.h"
#include "switch/handover/group_transfer.h"
#include "switch/handover/handover_message.h"

namespace tapswitch {
namespace {

using SteadyClock = DescriptorChannel::Clock;

constexpr std::chrono::seconds kPatience(30);
// The first process has said that it is ready to be ended.
constexpr std::chrono::seconds kEndPatience(5);

absl::Status SendAnswer(const DescriptorChannel& channel, const OutgoingMessage& message) {
  return channel.Send(message.text, message.files, SteadyClock::now() + kPatience);
}

absl::Status RunLine(const std::string& line, const MethodContext& plan) {
  std::istringstream text(line);
  return RunCommands(text, "handover", plan);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Successor>> Successor::Receive(int fd) {
  DescriptorChannel channel{FileDescriptor(fd)};
  fcntl(fd, F_SETFD, FD_CLOEXEC);  // not for a successor of this one
  auto message = channel.Receive(SteadyClock::now() + kPatience);
  if (!message.ok()) return message.status();
  auto state = DecodePrepared(*std::move(message));
  if (state.ok() && !(state->locks.valid() && state->control.valid())) {
    state = absl::InvalidArgumentError("the state lacks the locks or the control socket");
  }
  if (!state.ok()) {
    const OutgoingMessage refusal = EncodeRefusal(std::string(state.status().message()));
    static_cast<void>(SendAnswer(channel, refusal));
    return state.status();
  }
  RuntimeLocks::Inherit(std::move(state->locks));
  return std::unique_ptr<Successor>(new Successor(std::move(channel), *std::move(state)));
}

std::unique_ptr<Successor> Successor::OfKilled(PreparedState state,
                                               std::chrono::nanoseconds died_at) {
  RuntimeLocks::Inherit(std::move(state.locks));
  std::unique_ptr<Successor> successor(new Successor(std::nullopt, std::move(state)));
  successor->died_at_ = died_at;
  for (const HandedPort& port : successor->state_.ports) {
    if (!port.handover.files.empty()) continue;
    successor->not_kept_.push_back(fmt::format("port {}: it is opened anew", port.name));
  }
  return successor;
}

void Successor::Refuse(const absl::Status& why) const {
  if (!channel_) return;
  static_cast<void>(SendAnswer(*channel_, EncodeRefusal(std::string(why.message()))));
}

// A command that this version does not know is left out, but for one that adds a port.
absl::StatusOr<BridgeConfig> Successor::PlanConfig(const RunningBridge& control,
                                                   const MethodContext& context) {
  PlannedBridge planned(control.identity(), {});
  Monitor nobody([](ClientId, const std::string&) { return true; });
  EventPublisher publisher(planned, nobody);
  const MethodContext plan{planned,          nobody,    context.captures,
                           context.attacher, publisher, context.initial};
  for (const std::string& command : state_.commands) {
    const absl::Status ran = RunLine(command, plan);
    if (ran.ok()) continue;
    if (command.starts_with("port add")) return ran;
    not_kept_.push_back(fmt::format("{}: {}", command, std::string(ran.message())));
  }
  BridgeConfig config = planned.config();
  for (const HandedPort& port : state_.ports) {
    PortConfig* const made = config.port(port.name);
    if (made == nullptr) continue;
    made->ephemeral = port.ephemeral;
    made->attached_by = port.attached_by;
  }
  return config;
}

absl::Status Successor::Inherit(const RunningSwitch& running, RunningBridge& control,
                                const MethodContext& context) {
  const auto config = PlanConfig(control, context);
  if (!config.ok()) return config.status();
  if (!channel_ && config->bridge.tree.is_on) {
    not_kept_.emplace_back("the states of the spanning tree, which begins anew");
  }
  for (HandedPort& port : state_.ports) ports_.emplace(port.name, std::move(port.handover));
  running.workers.BeginStandby();
  running.commands.Call([&] { running.worker.SetSilent(true); });
  std::map<std::string, PortId, std::less<>> ids;
  for (const HandedPort& port : state_.ports) ids.emplace(port.name, port.id);
  control.set_inherited(&ports_, std::move(ids));
  absl::Status changed = control.Change(*config);
  control.set_inherited(nullptr, {});
  if (!changed.ok()) return changed;
  for (const HandedPort& port : state_.ports) {
    if (const auto id = control.FindPort(port.name); id.ok()) ids_.emplace(port.id, *id);
  }
  running.commands.Call([&] {
    RestoreEntries(running, std::move(state_.entries), ids_);
    RestoreGroups(running, state_.groups, ids_);
  });
  return absl::OkStatus();
}

absl::StatusOr<FinalState> Successor::AwaitFinal() {
  if (absl::Status sent = SendAnswer(*channel_, EncodeReady()); !sent.ok()) return sent;
  auto message = channel_->Receive(SteadyClock::now() + kPatience);
  if (!message.ok()) return message.status();
  return DecodeFinal(*std::move(message));
}

// Returns once nobody forwards.
absl::StatusOr<FinalState> Successor::GetReady() {
  if (!channel_) {
    not_kept_.emplace_back(
        "counters, connections to sockets, and what changed in the last second, as the process "
        "before was killed");
    return FinalState{.paused_at = died_at_};
  }
  auto final_state = AwaitFinal();
  if (absl::IsUnavailable(final_state.status())) {
    not_kept_.emplace_back("what changed in the last moment, as the process before was killed");
    return FinalState{.paused_at = MonotonicTime()};
  }
  if (final_state.ok()) UpdateLive(state_.live, std::move(final_state->live));
  return final_state;
}

void Successor::Restore(const RunningSwitch& running, FinalState& final_state) {
  if (final_state.has_entries) {
    running.bridge.table().FlushAll();
    RestoreEntries(running, final_state.entries, ids_);
  }
  RestoreChanges(running, final_state.changes, ids_);
  RestoreGroups(running, final_state.groups, ids_);
  RestorePaused(running, final_state.ports, ids_);
  RestoreLive(running, state_.live, ids_);
}

// Returns for how long nobody forwarded; 0 where that is not known. Its workers are not in haste
// while the first process still forwards.
absl::StatusOr<std::chrono::nanoseconds> Successor::BeginToForward(const RunningSwitch& running) {
  const Haste own_haste(Haste::Of::kThread);
  auto final_state = GetReady();
  if (!final_state.ok()) return final_state.status();
  const Haste haste(Haste::Of::kProcess);
  running.commands.Call([&] { Restore(running, *final_state); });
  running.workers.EndStandby();
  const bool is_known = final_state->paused_at.count() != 0;
  return is_known ? MonotonicTime() - final_state->paused_at : std::chrono::nanoseconds(0);
}

absl::StatusOr<HandoverReport> Successor::TakeOver(const RunningSwitch& running) {
  const auto gap = BeginToForward(running);
  if (!gap.ok()) return gap.status();
  if (channel_) static_cast<void>(SendAnswer(*channel_, EncodeRunning(*gap, not_kept_)));
  running.commands.Call([&] {
    running.worker.SetSilent(false);
    for (const Neighbour& neighbour : state_.neighbours) {
      running.protocols.neighbours().table().Restore(neighbour);
    }
  });
  return HandoverReport{.count = state_.handovers + 1,
                        .from_version = state_.version,
                        .gap = *gap,
                        .after_death = !channel_,
                        .not_kept = std::move(not_kept_)};
}

void Successor::WaitForEnd() {
  if (channel_ && !channel_->WaitForEnd(SteadyClock::now() + kEndPatience)) {
    spdlog::warn("the process that handed over has not ended");
  }
  if (const auto locks = RuntimeLocks::OfProcess(); locks.ok()) locks->EndInheritance();
  channel_.reset();
  state_ = {};
  ports_.clear();  // with the files that nobody has taken
}

}  // namespace tapswitch
