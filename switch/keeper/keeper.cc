#include "switch/keeper/keeper.h"

#include <utility>

#include "ports/os/clock.h"

namespace tapswitch {
namespace {

// For the rest of a call of which something has arrived, and for the switch to take the answer.
constexpr std::chrono::seconds kCallPatience(5);
// For a switch that has claimed an interface to keep the host out.
constexpr std::chrono::seconds kTakeUpTime(2);

}  // namespace

Keeper::Event Keeper::Serve(const DescriptorChannel& channel) {
  const auto deadline = DescriptorChannel::Clock::now() + kCallPatience;
  auto message = channel.Receive(deadline);
  if (!message.ok()) return Event::kGone;
  auto call = DecodeCall(*std::move(message));
  if (!call.ok()) return Event::kGone;
  const KeeperCall::Kind kind = call->kind;
  if (kind == KeeperCall::Kind::kForget) Forget(call->part);
  if (kind == KeeperCall::Kind::kKeep) Keep(*std::move(call));
  if (kind == KeeperCall::Kind::kGiveUp) GiveUpParts();
  if (kind == KeeperCall::Kind::kReady) ForgetUnclaimed();
  if (kind == KeeperCall::Kind::kEnd) GiveBack();
  const OutgoingMessage answer = kind == KeeperCall::Kind::kHello
                                     ? EncodeKeeperAnswer(parts_, died_at_)
                                     : EncodeKeeperAnswer({}, {});
  if (!channel.Send(answer.text, answer.files, deadline).ok() && kind != KeeperCall::Kind::kEnd) {
    return Event::kGone;
  }
  if (kind == KeeperCall::Kind::kEnd) return Event::kEnd;
  return kind == KeeperCall::Kind::kReady ? Event::kReady : Event::kServed;
}

void Keeper::OnDeath() {
  died_at_ = MonotonicTime();
  for (const auto& [part, files] : parts_) unclaimed_.insert(part);
  for (const auto& [part, leased] : leases_) unclaimed_.insert(part);
}

void Keeper::ForgetUnclaimed() {
  for (const std::string& part : std::exchange(unclaimed_, {})) {
    parts_.erase(part);
    leases_.erase(part);
  }
}

void Keeper::GiveUpOverlay() {
  if (unclaimed_.contains(kOverlayPart)) Forget(kOverlayPart);
}

void Keeper::GiveBack() {
  parts_.clear();
  leases_.clear();
}

void Keeper::EndNeedlessLeases(int ifindex) {
  const auto now = Clock::now();
  for (auto& [part, leased] : leases_) {
    if (!leased.taken_since && leased.lease.IsTakenUp()) leased.taken_since = now;
  }
  std::erase_if(leases_, [&](const auto& one) {
    const auto& [lease, since] = one.second;
    if (lease.HasGone()) return true;
    return since && (lease.ifindex() == ifindex || now - *since >= kTakeUpTime);
  });
}

// The files that are replaced are closed by then, as the switch has them open itself.
void Keeper::Keep(KeeperCall call) {
  Forget(call.part);
  if (HostLease::IsPossible(call.files)) {
    auto lease = HostLease::Take(call.files);
    if (lease.ok()) leases_.emplace(call.part, Leased{*std::move(lease)});
  }
  parts_.emplace(std::move(call.part), std::move(call.files));
}

void Keeper::Forget(const std::string& part) {
  unclaimed_.erase(part);
  leases_.erase(part);
  parts_.erase(part);
}

}  // namespace tapswitch
