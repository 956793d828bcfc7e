#include "switch/workers/port_gates.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

void PortGates::Add(PortId id, bool is_masked) {
  if (ports_.size() <= id.value) ports_.resize(id.value + 1U);
  ports_[id.value] = {.is_there = true, .is_masked = is_masked};
  Apply(id);
}

void PortGates::Remove(PortId id) {
  ports_[id.value] = {};
  Apply(id);
}

void PortGates::SetMasked(PortId id, bool is_masked) {
  ports_[id.value].is_masked = is_masked;
  Apply(id);
}

bool PortGates::SetLink(PortId id, bool is_up) {
  if (std::exchange(ports_[id.value].is_link_up, is_up) == is_up) return false;
  Apply(id);
  return true;
}

void PortGates::ShutDownPort(PortId id, const ShutDown& why) {
  ports_[id.value].shut_down = why;
  if (why.until) Expect(*why.until);
  Apply(id);
}

bool PortGates::Recover(PortId id) {
  if (!Find(id).shut_down) return false;
  ports_[id.value].shut_down.reset();
  Apply(id);
  return true;
}

void PortGates::FollowView() {
  bridge_.view().ports().ForEach([this](PortId id) { Apply(id); });
}

void PortGates::ActOnTime(Tick now, const std::function<void(PortId)>& recover) {
  if (!next_deadline_ || *next_deadline_ > now) return;
  next_deadline_.reset();
  for (size_t i = 0; i < ports_.size(); ++i) {
    const Port& port = ports_[i];
    if (!port.shut_down || !port.shut_down->until) continue;
    if (*port.shut_down->until <= now) {
      recover(PortId{static_cast<uint16_t>(i)});
    } else {
      Expect(*port.shut_down->until);
    }
  }
}

bool PortGates::TakeChanged() { return std::exchange(is_changed_, false); }

const PortGates::Port& PortGates::Find(PortId id) const {
  static const Port kNone;
  return id.value < ports_.size() ? ports_[id.value] : kNone;
}

PortGate PortGates::GateOf(PortId id) const {
  const Port& port = Find(id);
  const bool is_open = port.is_there && !port.is_masked && port.is_link_up;
  const bool passes = is_open && !port.shut_down;
  return {.state = passes ? bridge_.view().wanted_state(id) : PortState::kDisabled,
          .is_shut_down = port.shut_down.has_value()};
}

void PortGates::Apply(PortId id) {
  bridge_.SetGate(id, GateOf(id));
  is_changed_ = true;
}

void PortGates::Expect(Tick deadline) {
  next_deadline_ = std::min(next_deadline_.value_or(deadline), deadline);
}

}  // namespace tapswitch
