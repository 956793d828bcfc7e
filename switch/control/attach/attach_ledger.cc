#include "switch/control/attach/attach_ledger.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

void AttachLedger::OnLink(const LinkEvent& link) {
  if (link.removed) return Lose(link.ifindex);
  const auto port = ports_.find(link.ifindex);
  const auto known = interfaces_.find(link.ifindex);
  const bool is_renamed = (port != ports_.end() && port->second != link.name) ||
                          (known != interfaces_.end() && known->second.name != link.name);
  if (is_renamed) Lose(link.ifindex);
  if (!matches_(link.name)) return;

  Interface& interface = interfaces_[link.ifindex];
  interface.name = link.name;
  interface.up = link.up;
  if (settled_in_advance_.erase(link.ifindex) != 0) interface.attention = Attention::kSettled;
  if (!link.up && interface.attention == Attention::kPostponed) {
    interface.attention = Attention::kWanted;
  }
  if (link.up && interface.attention == Attention::kWanted) news_.push_back(link.ifindex);
}

void AttachLedger::Lose(int ifindex) {
  interfaces_.erase(ifindex);
  const auto port = ports_.find(ifindex);
  if (port == ports_.end()) return;
  gone_.push_back({Task::Kind::kDetach, ifindex, std::move(port->second)});
  ports_.erase(port);
}

std::optional<AttachLedger::Task> AttachLedger::Next() {
  while (!gone_.empty()) {
    Task task = std::move(gone_.front());
    gone_.pop_front();
    // An interface that came in its place, and has the port by now, is not to lose it.
    if (!InterfaceOf(task.name)) return task;
  }
  while (!news_.empty()) {
    const int ifindex = news_.front();
    news_.pop_front();
    const auto found = interfaces_.find(ifindex);
    if (found == interfaces_.end()) continue;
    const Interface& interface = found->second;
    if (!interface.up || interface.attention != Attention::kWanted) continue;
    return Task{Task::Kind::kAttach, ifindex, interface.name};
  }
  return std::nullopt;
}

void AttachLedger::NotePort(int ifindex, const std::string& name) {
  ports_[ifindex] = name;
  Settle(ifindex);
}

std::optional<int> AttachLedger::InterfaceOf(std::string_view name) const {
  const auto found = std::find_if(ports_.begin(), ports_.end(),
                                  [&](const auto& port) { return port.second == name; });
  return found == ports_.end() ? std::nullopt : std::optional(found->first);
}

void AttachLedger::Settle(int ifindex) { SetAttention(ifindex, Attention::kSettled); }

void AttachLedger::SettleInAdvance(std::span<const uint64_t> ifindexes) {
  for (const uint64_t ifindex : ifindexes) settled_in_advance_.insert(static_cast<int>(ifindex));
}

std::vector<uint64_t> AttachLedger::Settled() const {
  std::vector<uint64_t> settled;
  for (const auto& [ifindex, interface] : interfaces_) {
    if (interface.attention == Attention::kSettled)
      settled.push_back(static_cast<uint64_t>(ifindex));
  }
  return settled;
}

void AttachLedger::Postpone(int ifindex) { SetAttention(ifindex, Attention::kPostponed); }

void AttachLedger::SetAttention(int ifindex, Attention attention) {
  const auto found = interfaces_.find(ifindex);
  if (found != interfaces_.end()) found->second.attention = attention;
}

}  // namespace tapswitch
