#include "switch/process/parts.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ports/interface/exclusion/host_exclusion.h"
#include "ports/os/runtime_locks.h"
#include "ports/port_types.h"
#include "switch/control/attach/attach_rule.h"
#include "switch/control/methods/files/startup_file.h"
#include "switch/control/metrics/listen_address.h"

namespace tapswitch {
namespace {

// The folder of the system's switches may be closed to an ordinary user.
absl::Status Explain(const absl::Status& status) {
  if (!absl::IsPermissionDenied(status)) return status;
  return absl::PermissionDeniedError(absl::StrCat(status.message(),
                                                  "; be root, or say --control_socket=PATH, or set "
                                                  "XDG_RUNTIME_DIR to a directory of your own"));
}

KernelPart MakeKernelPart(const Config& config, PreparedState* inherited) {
  return inherited == nullptr
             ? LoadKernelForwarding(config.kernel_forwarding)
             : InheritKernelForwarding(config.kernel_forwarding, inherited->kernel);
}

}  // namespace

std::string CountersText(const PortCounters& counters) {
  std::string drops;
  for (size_t reason = 0; reason < kDropReasonCount; ++reason) {
    if (counters.drops[reason] == 0) continue;
    absl::StrAppend(&drops, " ", std::string(kDropReasons[reason].name), "=",
                    counters.drops[reason]);
  }
  return absl::StrCat("received ", counters.received.frames, " frames, forwarded ",
                      counters.forwarded, ", sent ", counters.sent.frames,
                      "; dropped:", drops.empty() ? " none" : drops);
}

LinkPlace LinkPlaceOf(const Config& config) {
  return {.bridge = config.name,
          .control_socket = config.control_socket,
          .user = config.user ? std::optional(config.user->uid) : std::nullopt,
          .group = config.control_group};
}

absl::Status CheckConfig(const Config& config) {
  for (const PortSpec& spec : config.ports) {
    if (absl::Status checked = CheckPort(spec); !checked.ok()) return checked;
  }
  if (const auto rules = ReadAttachRules(config.attach); !rules.ok()) return rules.status();
  if (!config.metrics_address.empty()) {
    const auto address = ParseListenAddress(config.metrics_address);
    if (!address.ok()) return address.status();
  }
  return config.startup_file.empty() ? absl::OkStatus() : CheckStartupFile(config.startup_file);
}

absl::StatusOr<Parts> MakeFirstParts(const Config& config) {
  if (absl::Status checked = CheckConfig(config); !checked.ok()) return checked;
  // The locks are opened with the rights of the starting user. Without them each claim of an
  // interface fails with an error.
  static_cast<void>(RuntimeLocks::OfProcess());
  // A switch that was killed may have left the host without the frames of an interface.
  if (const auto own = NetworkNamespace::Current(); own.ok()) HostExclusion::RepairAll(*own);
  return MakeParts(config);
}

absl::StatusOr<Parts> MakeParts(const Config& config, PreparedState* inherited) {
  auto signals = StopSignals::Block();
  if (!signals.ok()) return signals.status();
  auto commands = CommandQueue::Create();
  if (!commands.ok()) return commands.status();
  auto call = WakeEvent::Create();
  if (!call.ok()) return call.status();
  auto events = EventChannel::Create();
  if (!events.ok()) return events.status();
  auto ring = MakeRing(config.io);
  if (!ring.ok()) return ring.status();
  auto links = LinkThread::Create();
  if (!links.ok()) return links.status();
  const auto netns = NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  // Early, so that a second switch of the same name ends before it touches anything, and clients
  // may wait for the answer.
  auto clock = std::make_unique<SystemClock>();
  const ControlSocket::Options options{.path = config.control_socket,
                                       .group = config.control_group};
  auto socket = inherited == nullptr
                    ? ControlSocket::Listen(options, *clock)
                    : ControlSocket::Inherit(options, std::move(inherited->control), *clock);
  if (!socket.ok()) return Explain(socket.status());
  return Parts{*std::move(signals), *std::move(commands),
               *std::move(call),    *std::move(events),
               std::move(clock),    *std::move(socket),
               *std::move(ring),    *std::move(links),
               netns->id(),         MakeKernelPart(config, inherited)};
}

}  // namespace tapswitch
