#include "switch/control/evpn/neighbour_synchroniser.h"

#include <iterator>

namespace tapswitch {

void NeighbourSynchroniser::OnKernel(const KernelNeighbour& entry) {
  if (!entry.ip || !entry.ip->is_station()) return;
  const IpAddress address = *entry.ip;
  here_.erase(address);
  elsewhere_.erase(address);
  waiting_.insert(address);
  const bool is_known = !entry.removed && entry.reachable && !entry.mac.is_zero();
  if (!is_known || here_.size() + elsewhere_.size() >= kMost) return;
  const NeighbourOwner owner{.mac = entry.mac, .router = entry.router};
  // Its protocol says nothing: the kernel keeps zebra's where this switch has taken the entry over.
  if (entry.extern_learn) {
    elsewhere_.emplace(address, owner);
  } else if (entry.permanent) {
    here_.emplace(address, owner);
  }
}

void NeighbourSynchroniser::BeginResync() {
  here_.clear();
  elsewhere_.clear();
  for (const auto& [address, owner] : installed_) waiting_.insert(address);
}

void NeighbourSynchroniser::ForgetInstalled() {
  installed_.clear();
  for (const auto& [address, owner] : elsewhere_) waiting_.insert(address);
}

std::vector<NeighbourSynchroniser::Installation> NeighbourSynchroniser::TakeInstallations(
    size_t max) {
  std::vector<Installation> changes;
  const auto find = [](const NeighbourOwners& owners, IpAddress address) {
    const auto found = owners.find(address);
    return found == owners.end() ? std::nullopt : std::optional(found->second);
  };
  while (!waiting_.empty() && changes.size() < max) {
    const IpAddress address = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    const auto wanted = find(elsewhere_, address);
    if (wanted == find(installed_, address)) continue;
    changes.push_back({address, wanted});
    installed_.erase(address);
    if (wanted) installed_.emplace(address, *wanted);
  }
  return changes;
}

std::vector<NeighbourChange> NeighbourSynchroniser::Announce(const NeighbourOwners& here,
                                                             int bridge) const {
  std::vector<NeighbourChange> changes;
  for (const auto& [address, owner] : here_) {
    if (here.contains(address)) continue;
    changes.push_back({.kind = NeighbourChange::Kind::kRemoveIp, .ifindex = bridge, .ip = address});
  }
  for (const auto& [address, owner] : here) {
    const auto announced = here_.find(address);
    if (announced != here_.end() && announced->second == owner) continue;
    // Two stations claim it.
    const auto other = elsewhere_.find(address);
    if (other != elsewhere_.end() && other->second.mac != owner.mac) continue;
    changes.push_back({.kind = NeighbourChange::Kind::kSetIp,
                       .ifindex = bridge,
                       .mac = owner.mac,
                       .ip = address,
                       .router = owner.router});
  }
  return changes;
}

}  // namespace tapswitch
