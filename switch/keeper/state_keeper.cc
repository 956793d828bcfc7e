#include "switch/keeper/state_keeper.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "ports/interface/host_lease.h"
#include "ports/os/runtime_locks.h"
#include "spdlog/spdlog.h"
#include "switch/control/apply/vni_host.h"
#include "switch/handover/handover_message.h"
#include "switch/handover/state_transfer.h"
#include "switch/keeper/keeper_message.h"
#include "switch/keeper/sealed_state.h"

namespace tapswitch {
namespace {

// A large table takes long to write: it is written so seldom that this takes a twentieth of the
// time.
constexpr std::chrono::milliseconds kTextPeriod(1000);
constexpr int kShareOfTime = 20;
// After a change of ports or settings it is written at once, if this takes a fifth of the time.
constexpr int kShareAfterChange = 5;

}  // namespace

StateKeeper::StateKeeper(Options options, PartStore& store, RunningSwitch running)
    : options_(std::move(options)), store_(store), running_(std::move(running)) {}

void StateKeeper::Begin(BridgeControl& control, const Attacher& attacher, int metrics_listener) {
  control_ = &control;
  attacher_ = &attacher;
  if (keeps_everything()) KeepBridge(metrics_listener);
  KeepPorts();
  if (keeps_everything()) WriteText();
}

void StateKeeper::Ready() { store_.Ready(); }

void StateKeeper::OnRemoved(PortId port) {
  const auto kept = kept_.find(port);
  if (kept == kept_.end()) return;
  Note(store_.Forget(kept->second.name));
  kept_.erase(kept);
  has_changed_ = true;
}

std::optional<std::chrono::milliseconds> StateKeeper::Step() {
  if (control_ == nullptr) return std::nullopt;
  if (!changed_ports_.empty() || control_->changes() != seen_changes_) KeepPorts();
  if (!keeps_everything()) return std::nullopt;
  const auto now = Clock::now();
  if (now >= next_text_ || (has_changed_ && now >= next_after_change_)) {
    if (IsTextOld()) WriteText();
    next_text_ = std::max(next_text_, now + kTextPeriod);
  }
  const auto next = has_changed_ ? std::min(next_text_, next_after_change_) : next_text_;
  return std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
}

void StateKeeper::KeepBridge(int metrics_listener) {
  auto attempts = MakeAttempts();
  if (!attempts.ok()) return Note(attempts.status());
  PortHandover files;
  files.files.insert_or_assign(kAttemptsFile, *std::move(attempts));
  const auto locks = RuntimeLocks::OfProcess();
  const bool is_copied = locks.ok() && files.AddCopy("locks", locks->fd()) &&
                         files.AddCopy("control", options_.control_socket) &&
                         (metrics_listener < 0 || files.AddCopy("metrics", metrics_listener));
  if (!is_copied) return Note(absl::ResourceExhaustedError("no descriptors are left"));
  KeepFiles(kBridgePart, std::move(files));
  PortHandover kernel;
  if (running_.kernel == nullptr || !running_.kernel->HandOver(kernel)) return;
  KeepFiles(kKernelPart, std::move(kernel));
}

void StateKeeper::KeepPorts() {
  const uint64_t changes = control_->changes();
  for (const PortConfig& port : control_->config().ports) {
    const auto id = control_->FindPort(port.spec.name);
    if (!id.ok()) continue;
    const bool is_kept = kept_.contains(*id) && kept_.at(*id).name == port.spec.name;
    if (!is_kept || changed_ports_.contains(*id)) KeepPort(port);
  }
  changed_ports_.clear();
  if (keeps_everything() && store_.closes_in_time()) KeepOverlay();
  has_changed_ = true;
  seen_changes_ = changes;
}

// A port that cannot be handed over is opened anew by a switch that takes over.
void StateKeeper::KeepPort(const PortConfig& port) {
  auto read = ReadHandedPort(running_, *control_, port);
  if (!read.ok()) return;
  PortHandover files = std::move(read->handover);
  read->handover = {.files = {}, .numbers = files.numbers};
  if (!keeps_everything()) {
    files = HostLease::IsPossible(files) ? HostLease::Reduce(std::move(files)) : PortHandover();
  }
  const PortId id = read->id;
  const bool was_kept = kept_.contains(id);
  if (was_kept || !files.files.empty()) KeepFiles(read->name, std::move(files));
  kept_.insert_or_assign(id, *std::move(read));
}

// A shadow port that is made anew later is not kept. Its routes are then announced anew.
void StateKeeper::KeepOverlay() {
  const std::vector<EvpnConfig>& vnis = control_->config().evpn;
  if (vnis == kept_vnis_) return;
  kept_vnis_ = vnis;
  PortHandover all;
  for (const EvpnConfig& vni : vnis) {
    PortHandover one;
    if (!control_->HandOverVni(vni.dev, one)) {
      return Note(absl::ResourceExhaustedError("no descriptors are left"));
    }
    if (one.has(kShadowFile)) all.files.insert_or_assign(vni.dev, one.Take(kShadowFile));
  }
  if (all.files.empty()) return Note(store_.Forget(kOverlayPart));
  KeepFiles(kOverlayPart, std::move(all));
}

void StateKeeper::KeepFiles(const std::string& part, PortHandover files) {
  Note(store_.Keep(part, std::move(files)));
}

bool StateKeeper::IsTextOld() const {
  if (has_changed_) return true;
  const uint64_t journal = running_.commands.Call([&] { return running_.bridge.journal().next(); });
  return journal != written_journal_;
}

void StateKeeper::WriteText() {
  const auto begin = Clock::now();
  has_changed_ = false;
  KeepText(MakeText());
  const auto end = Clock::now();
  next_after_change_ = end + (end - begin) * kShareAfterChange;
  next_text_ = end + std::max<Clock::duration>(kTextPeriod, (end - begin) * kShareOfTime);
}

// The text before it stays kept until the next one.
void StateKeeper::KeepText(const std::string& text) {
  const uint64_t sequence = ++texts_;
  auto file = SealState(text, sequence);
  if (!file.ok()) return Note(file.status());
  PortHandover files;
  files.files.insert_or_assign(kStateFile, *std::move(file));
  KeepFiles(kStateParts[sequence % kStateParts.size()], std::move(files));
}

// The journal is read first: what changes meanwhile is written the next time.
std::string StateKeeper::MakeText() {
  written_journal_ = running_.commands.Call([&] { return running_.bridge.journal().next(); });
  PreparedState state = ReadBridge(running_, *control_, *attacher_, options_.version);
  if (running_.kernel != nullptr) {
    if (PortHandover kernel; running_.kernel->HandOver(kernel)) {
      state.kernel.numbers = std::move(kernel.numbers);
    }
  }
  for (const PortConfig& port : control_->config().ports) {
    const auto id = control_->FindPort(port.spec.name);
    const auto kept = id.ok() ? kept_.find(*id) : kept_.end();
    if (kept == kept_.end()) continue;
    state.ports.push_back({.name = kept->second.name,
                           .id = kept->second.id,
                           .ephemeral = port.ephemeral,
                           .attached_by = port.attached_by,
                           .handover = {.files = {}, .numbers = kept->second.handover.numbers}});
  }
  std::optional<ChangeReader> unused;
  state.entries = ReadEntries(running_, *control_, unused);
  state.neighbours = ReadNeighbours(running_);
  const SwitchSnapshot snapshot = running_.workers.Snapshot();
  state.live = running_.commands.Call([&] { return ReadLive(running_, snapshot); });
  return EncodePrepared(state).text;
}

void StateKeeper::Note(const absl::Status& status) {
  if (status.ok() || std::exchange(has_failed_, true)) return;
  spdlog::warn("what is to outlive this process is not all kept: {}",
               std::string(status.message()));
}

}  // namespace tapswitch
