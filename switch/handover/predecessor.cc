#include "switch/handover/predecessor.h"

#include <fcntl.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "ports/os/clock.h"
#include "ports/os/runtime_locks.h"
#include "ports/os/thread_priority.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/handover/group_transfer.h"
#include "switch/handover/handover_message.h"
#include "switch/handover/state_transfer.h"

namespace tapswitch {
namespace {

// The time for a successor to start and to prepare itself, while this process forwards.
constexpr std::chrono::seconds kPreparation(8);
// The time for which nobody may forward.
constexpr std::chrono::milliseconds kSwitchOver(700);

FileDescriptor CopyOf(int fd) { return FileDescriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

absl::Status Send(const DescriptorChannel& channel, const OutgoingMessage& message,
                  DescriptorChannel::Clock::time_point deadline) {
  return channel.Send(message.text, message.files, deadline);
}

// Waits for one kind of answer.
absl::StatusOr<SuccessorAnswer> Await(const DescriptorChannel& channel, SuccessorAnswer::Kind kind,
                                      DescriptorChannel::Clock::time_point deadline) {
  const auto message = channel.Receive(deadline);
  if (!message.ok()) return message.status();
  auto answer = DecodeAnswer(message->text);
  if (!answer.ok() || answer->kind == kind) return answer;
  if (answer->kind == SuccessorAnswer::Kind::kRefused) {
    return absl::FailedPreconditionError(answer->why);
  }
  return absl::InvalidArgumentError("the new process answers what it was not asked");
}

absl::Status About(const absl::Status& status) {
  return {status.code(), fmt::format("the new process does not take over: {}; this one goes on",
                                     std::string(status.message()))};
}

}  // namespace

Predecessor::Predecessor(Options options, RunningSwitch running, BridgeControl& control,
                         const Attacher& attacher, int control_socket)
    : options_(std::move(options)),
      running_(std::move(running)),
      control_(control),
      attacher_(attacher),
      control_socket_(control_socket) {}

absl::StatusOr<Predecessor::Outcome> Predecessor::HandOver(
    const std::optional<std::string>& program) {
  const auto locks = RuntimeLocks::OfProcess();
  if (!locks.ok()) return locks.status();
  locks->Share();
  running_.workers.BeginHandover();
  absl::Cleanup cancel = [this] { running_.workers.CancelHandover(); };
  std::optional<ChangeReader> reader;
  auto state = Collect(reader);
  if (!state.ok()) return state.status();
  auto successor = Prepare(program.value_or(options_.program), *state);
  if (!successor.ok()) return About(successor.status());
  auto outcome = SwitchOver(*std::move(successor), *state, *reader);
  if (!outcome.ok()) return About(outcome.status());
  std::move(cancel).Cancel();
  return outcome;
}

absl::StatusOr<PreparedState> Predecessor::Collect(std::optional<ChangeReader>& reader) const {
  PreparedState state = ReadBridge(running_, control_, attacher_, options_.version);
  state.locks = CopyOf(RuntimeLocks::OfProcess().value().fd());
  state.control = CopyOf(control_socket_);
  if (options_.metrics >= 0) state.metrics = CopyOf(options_.metrics);
  if (options_.keeper >= 0) state.keeper = CopyOf(options_.keeper);
  state.stored = options_.stored;
  if (running_.kernel != nullptr && !running_.kernel->HandOver(state.kernel)) {
    return absl::ResourceExhaustedError("no descriptors are left: raise LimitNOFILE=");
  }
  if (absl::Status collected = CollectPorts(state); !collected.ok()) return collected;
  state.entries = ReadEntries(running_, control_, reader);
  state.neighbours = ReadNeighbours(running_);
  state.groups = ReadGroups(running_);
  const SwitchSnapshot snapshot = running_.workers.Snapshot();
  state.live = running_.commands.Call([&] { return ReadLive(running_, snapshot); });
  return state;
}

absl::Status Predecessor::CollectPorts(PreparedState& state) const {
  for (const PortConfig& port : control_.config().ports) {
    auto handed = ReadHandedPort(running_, control_, port);
    if (!handed.ok()) return handed.status();
    if (!control_.HandOverVni(port.spec.name, handed->handover)) {
      return absl::ResourceExhaustedError("no descriptors are left: raise LimitNOFILE=");
    }
    state.ports.push_back(*std::move(handed));
  }
  return absl::OkStatus();
}

// By the link thread: a program inherits the priority of the thread that starts it, and that of the
// control thread is low.
absl::StatusOr<SuccessorProcess> Predecessor::Start(const std::string& program) const {
  std::optional<SuccessorProcess> process;
  const absl::Status started = running_.links.Call([&] {
    return options_.with_rights([&]() -> absl::Status {
      auto made = SuccessorProcess::Start(program, options_.arguments);
      if (!made.ok()) return made.status();
      process.emplace(*std::move(made));
      return absl::OkStatus();
    });
  });
  if (!started.ok()) return started;
  return *std::move(process);
}

absl::StatusOr<SuccessorProcess> Predecessor::Prepare(const std::string& program,
                                                      const PreparedState& state) const {
  const auto deadline = Clock::now() + kPreparation;
  auto successor = Start(program);
  if (!successor.ok()) return successor;
  spdlog::info("handing over to process {} ({})", successor->pid(), program);
  const absl::Status sent = Send(successor->channel(), EncodePrepared(state), deadline);
  if (!sent.ok()) return sent;
  const auto ready = Await(successor->channel(), SuccessorAnswer::Kind::kReady, deadline);
  if (!ready.ok()) return ready.status();
  return successor;
}

// By the link thread, whose priority is not low, up to where no port receives; then by the primary
// worker, which neither forwards nor says anything meanwhile.
absl::StatusOr<Predecessor::Outcome> Predecessor::SwitchOver(SuccessorProcess successor,
                                                             const PreparedState& state,
                                                             ChangeReader& reader) const {
  const auto traffic = running_.flows != nullptr ? running_.flows->traffic().Read()
                                                 : std::map<PortId, PortTraffic>();
  absl::StatusOr<SuccessorAnswer> answer = absl::UnknownError("");
  const Haste haste(Haste::Of::kProcess);
  const absl::Status paused = running_.links.Call([&]() -> absl::Status {
    const auto paused_at = MonotonicTime();
    const auto deadline = Clock::now() + kSwitchOver;
    if (!running_.workers.PauseAll()) {
      return absl::DeadlineExceededError("the ports of this one do not pause");
    }
    running_.commands.Call([&] {
      running_.worker.SetSilent(true);
      auto final_state = ReadFinal(running_, reader, state, traffic);
      absl::Status sent = final_state.status();
      if (sent.ok()) {
        final_state->paused_at = paused_at;
        sent = Send(successor.channel(), EncodeFinal(*final_state), deadline);
      }
      if (sent.ok()) {
        answer = Await(successor.channel(), SuccessorAnswer::Kind::kRunning, deadline);
      } else {
        answer = sent;
      }
    });
    return absl::OkStatus();
  });
  if (!paused.ok()) return paused;
  if (answer.ok()) {
    return Outcome{.successor = std::move(successor),
                   .gap = answer->gap,
                   .not_kept = std::move(answer->not_kept)};
  }
  { const SuccessorProcess ended = std::move(successor); }  // it has ended before this one goes on
  running_.commands.Call([&] { running_.worker.SetSilent(false); });
  running_.workers.ResumeAll();
  return answer.status();
}

}  // namespace tapswitch
