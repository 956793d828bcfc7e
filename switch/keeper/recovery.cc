#include "switch/keeper/recovery.h"

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "ports/os/clock.h"
#include "switch/control/apply/vni_host.h"
#include "switch/handover/handover_message.h"
#include "switch/keeper/sealed_state.h"

namespace tapswitch {
namespace {

PortHandover TakePart(KeptParts& parts, std::string_view name) {
  const auto found = parts.find(name);
  return found == parts.end() ? PortHandover() : std::move(found->second);
}

void Rejuvenate(std::vector<MacEntry>& entries, std::chrono::nanoseconds written_at) {
  constexpr std::chrono::milliseconds kCentisecond(10);
  const std::chrono::nanoseconds age = MonotonicTime() - written_at;
  if (age <= std::chrono::nanoseconds::zero()) return;
  for (MacEntry& entry : entries) {
    entry.last_seen.centiseconds += static_cast<uint64_t>(age / kCentisecond);
  }
}

void ForgetCounters(LiveState& live) {
  for (PortLiveState& port : live.ports) port.counters = {};
  live.vlans.clear();
  live.evictions = 0;
  live.loops = {};
  live.neighbours = {};
}

void ForgetProtocols(LiveState& live) {
  live.tree.reset();
  live.snooping.reset();
}

}  // namespace

bool HasState(const KeptParts& parts) { return parts.contains(kBridgePart); }

absl::StatusOr<PreparedState> Recover(KeptParts parts) {
  const auto kept = ReadKeptText(parts);
  if (!kept) return absl::DataLossError("no whole state was kept");
  auto state = DecodePrepared({.text = kept->text, .files = {}});
  if (!state.ok()) return state;
  PortHandover bridge = TakePart(parts, kBridgePart);
  state->locks = bridge.Take("locks");
  state->control = bridge.Take("control");
  state->metrics = bridge.Take("metrics");
  if (!state->locks.valid() || !state->control.valid()) {
    return absl::DataLossError("the locks or the control socket were not kept");
  }
  state->kernel.files = TakePart(parts, kKernelPart).files;
  state->kernel.numbers["killed"] = 1;
  PortHandover overlay = TakePart(parts, kOverlayPart);
  for (HandedPort& port : state->ports) {
    port.handover.files = TakePart(parts, port.name).files;
    if (overlay.has(port.name)) {
      port.handover.files.insert_or_assign(std::string(kShadowFile), overlay.Take(port.name));
    }
    port.handover.numbers["killed"] = 1;
  }
  Rejuvenate(state->entries, kept->written_at);
  ForgetCounters(state->live);
  ForgetProtocols(state->live);
  return state;
}

}  // namespace tapswitch
