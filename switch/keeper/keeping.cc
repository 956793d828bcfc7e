#include "switch/keeper/keeping.h"

#include <fcntl.h>

#include <utility>

#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/keeper/guardian.h"
#include "switch/keeper/recovery.h"
#include "switch/keeper/sealed_state.h"

namespace tapswitch {
namespace {

// So many processes may begin with the same state without getting ready.
constexpr uint64_t kMostAttempts = 2;

}  // namespace

PartStore* Keeping::store() const {
  if (keeper) return keeper.get();
  return manager.get();
}

std::vector<std::string> Keeping::stored() const {
  return manager ? manager->stored() : std::vector<std::string>();
}

void Keeping::GiveUp() {
  kept.clear();
  if (keeper) static_cast<void>(keeper->GiveUp());
  if (manager) manager->Clear();
}

absl::StatusOr<Keeping> BeginKeeping(int kept_by, std::chrono::milliseconds lease,
                                     const std::function<absl::Status()>& give_up_rights) {
  Keeping keeping;
  if (kept_by >= 0) {
    fcntl(kept_by, F_SETFD, FD_CLOEXEC);
    keeping.scope = StateKeeper::Scope::kEverything;
    keeping.keeper = std::make_unique<KeeperClient>(DescriptorChannel(FileDescriptor(kept_by)));
    auto answer = keeping.keeper->Hello();
    if (!answer.ok()) return answer.status();
    keeping.kept = std::move(answer->parts);
    keeping.died_at = answer->died_at;
    return keeping;
  }
  if (ServiceStore::IsThere()) {
    keeping.scope = StateKeeper::Scope::kEverything;
    keeping.kept = ServiceStore::TakeKept();
    std::vector<std::string> stored;
    for (const auto& [part, files] : keeping.kept) {
      for (const auto& [name, file] : files.files) {
        stored.push_back(fmt::format("{}/{}", part, name));
      }
    }
    keeping.manager = std::make_unique<ServiceStore>(stored);
    return keeping;
  }
  if (lease.count() == 0) return keeping;
  auto guardian = StartGuardian(lease, give_up_rights);
  if (!guardian.ok()) return guardian.status();
  keeping.keeper = std::make_unique<KeeperClient>(*std::move(guardian));
  return keeping;
}

Keeping InheritKeeping(PreparedState& state, bool is_supervised) {
  Keeping keeping;
  if (is_supervised) keeping.scope = StateKeeper::Scope::kEverything;
  if (state.keeper.valid()) {
    keeping.keeper = std::make_unique<KeeperClient>(DescriptorChannel(std::move(state.keeper)));
  } else if (ServiceStore::IsThere()) {
    keeping.scope = StateKeeper::Scope::kEverything;
    keeping.manager = std::make_unique<ServiceStore>(state.stored);
  }
  return keeping;
}

absl::StatusOr<std::unique_ptr<Successor>> RecoverKept(
    Keeping& keeping, const std::function<absl::Status()>& give_up_rights) {
  if (!HasState(keeping.kept)) return nullptr;
  const bool is_hopeless = keeping.manager != nullptr && CountAttempt(keeping.kept) > kMostAttempts;
  absl::StatusOr<PreparedState> state = absl::AbortedError("it did not work before");
  if (!is_hopeless) {
    if (absl::Status given_up = give_up_rights(); !given_up.ok()) return given_up;
    state = Recover(std::move(keeping.kept));
  }
  if (state.ok()) return Successor::OfKilled(*std::move(state), keeping.died_at);
  spdlog::error("what a process that was killed has left is not taken over: {}",
                std::string(state.status().message()));
  keeping.GiveUp();
  return nullptr;
}

}  // namespace tapswitch
