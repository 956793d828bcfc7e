#include "switch/workers/impairment/impairments.h"

#include <algorithm>
#include <utility>

#include "ports/os/clock.h"

namespace tapswitch {

Nanoseconds Impairments::Now() { return static_cast<Nanoseconds>(MonotonicTime().count()); }

void Impairments::set_wake(std::function<void()> wake) {
  const ImpairmentLock lock(*this);
  wake_ = std::move(wake);
}

void Impairments::EraseIdle() {
  std::erase_if(entries_, [](const Entry& entry) {
    const HeldFrames& held = entry.impaired->held();
    return entry.is_leaving && held.size() == 0 && !held.has_taken();
  });
}

void Impairments::Set(PortId port, PortDirection direction,
                      std::unique_ptr<ImpairedDirection> impaired) {
  const ImpairmentLock lock(*this);
  for (Entry& entry : entries_) {
    if (entry.port != port || entry.direction != direction) continue;
    entry.is_leaving = true;
    if (!impaired) entry.impaired->held().MakeAllDue();
  }
  EraseIdle();
  if (impaired) {
    entries_.push_back({.port = port,
                        .direction = direction,
                        .impaired = std::move(impaired),
                        .is_leaving = false});
  }
}

void Impairments::Forget(PortId port) {
  const ImpairmentLock lock(*this);
  for (Entry& entry : entries_) {
    if (entry.port != port) continue;
    entry.impaired->held().Clear();
    entry.is_leaving = true;
  }
  EraseIdle();
}

void Impairments::ReleaseAll() {
  const ImpairmentLock lock(*this);
  for (Entry& entry : entries_) entry.impaired->held().MakeAllDue();
}

Impairments::Ports Impairments::ports() const {
  const ImpairmentLock lock(*this);
  Ports ports;
  for (const Entry& entry : entries_) {
    if (entry.is_leaving) continue;
    (entry.direction == PortDirection::kIngress ? ports.ingress : ports.egress).insert(entry.port);
    const bool keeps_gso = entry.direction == PortDirection::kEgress && entry.impaired->keeps_gso();
    if (keeps_gso) ports.keeping_gso.insert(entry.port);
  }
  return ports;
}

PortImpairmentSnapshot Impairments::Snapshot(PortId port) const {
  const ImpairmentLock lock(*this);
  PortImpairmentSnapshot snapshot;
  size_t leaving[kPortDirectionCount] = {};
  for (const Entry& entry : entries_) {
    if (entry.port != port) continue;
    const auto direction = static_cast<size_t>(entry.direction);
    const size_t held = entry.impaired->held().size();
    if (entry.is_leaving) {
      leaving[direction] += held;
    } else {
      snapshot[direction] = {.counters = entry.impaired->counters(),
                             .held = held + leaving[direction],
                             .began = entry.impaired->began()};
    }
  }
  return snapshot;
}

size_t Impairments::held() const {
  const ImpairmentLock lock(*this);
  size_t held = 0;
  for (const Entry& entry : entries_) held += entry.impaired->held().size();
  return held;
}

ImpairedDirection* Impairments::Find(PortId port, PortDirection direction) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.port == port && entry.direction == direction && !entry.is_leaving;
  });
  return found == entries_.end() ? nullptr : found->impaired.get();
}

void Impairments::Admitted(const ImpairedDirection& impaired) {
  const Nanoseconds next = impaired.held().next_release();
  if (next >= sleeps_until_ || !wake_) return;
  sleeps_until_ = next;
  wake_();
}

void Impairments::FreeTaken() {
  for (Entry& entry : entries_) {
    if (entry.impaired->held().has_taken()) entry.impaired->held().FreeTaken();
  }
}

bool Impairments::has_taken() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.impaired->held().has_taken(); });
}

Nanoseconds Impairments::Sleep() {
  Nanoseconds next = kNoMoment;
  for (const Entry& entry : entries_) next = std::min(next, entry.impaired->held().next_release());
  sleeps_until_ = next;
  return next;
}

}  // namespace tapswitch
