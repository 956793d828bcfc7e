#include "switch/process/parts.h"

#include <utility>

#include "absl/strings/str_cat.h"

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
