// Port State Transition (IEEE 802.1D-2004, 17.30) and Topology Change (17.31).

#include "switch/protocol/stp/tree.h"

namespace tapswitch::stp {

bool Tree::StepStateTransition(TreePort& port) {
  if (port.learning == port.learn && port.forwarding == port.forward) return false;
  const bool stops = (port.forwarding && !port.forward) || (port.learning && !port.learn);
  const bool starts = port.forward && !port.forwarding;
  port.learning = port.learn;
  port.forwarding = port.forward;
  const PortState passing = port.learning ? PortState::kLearning : PortState::kBlocking;
  effects_->SetState(port.id, port.forwarding ? PortState::kForwarding : passing);
  if (stops) ++port.counts.to_discarding;
  if (starts) ++port.counts.to_forwarding;
  return true;
}

bool Tree::StepTopologyChange(TreePort& port) {
  using State = TreePort::TopologyState;
  const bool is_active_role = port.role == Role::kRoot || port.role == Role::kDesignated;
  switch (port.topology) {
    case State::kInactive:
      if (!port.learn) return false;
      port.topology = State::kLearning;
      return true;
    case State::kLearning:
      if (port.received_tc || port.received_tcn || port.received_tc_ack || port.tc_prop) {
        port.received_tc = port.received_tcn = port.received_tc_ack = port.tc_prop = false;
        return true;
      }
      if (is_active_role && port.forward && !port.oper_edge) {  // DETECTED
        port.topology = State::kActive;
        StartTcWhile(port);
        SetTcPropTree(port);
        port.new_info = true;
        NoteTopologyChange(port);
        return true;
      }
      if (is_active_role || port.learn || port.learning) return false;
      port.topology = State::kInactive;
      port.tc_while = now_;
      port.tc_ack = false;
      effects_->Flush(port.id);
      return true;
    case State::kActive:
      return StepActiveTopology(port);
  }
  return false;
}

// NOTIFIED_TCN, NOTIFIED_TC, PROPAGATING, ACKNOWLEDGED
bool Tree::StepActiveTopology(TreePort& port) {
  const bool is_active_role = port.role == Role::kRoot || port.role == Role::kDesignated;
  if (!is_active_role || port.oper_edge) {
    port.topology = TreePort::TopologyState::kLearning;
    port.received_tc = port.received_tcn = port.received_tc_ack = port.tc_prop = false;
    return true;
  }
  if (port.received_tcn || port.received_tc) {
    if (port.received_tcn) StartTcWhile(port);
    port.tc_ack = port.tc_ack || (port.received_tcn && port.role == Role::kDesignated);
    port.received_tcn = port.received_tc = false;
    SetTcPropTree(port);
    NoteTopologyChange(port);
    return true;
  }
  if (port.tc_prop) {
    port.tc_prop = false;
    StartTcWhile(port);
    effects_->Flush(port.id);
    return true;
  }
  if (port.received_tc_ack) {
    port.received_tc_ack = false;
    port.tc_while = now_;
    return true;
  }
  return false;
}

// newTcWhile (17.21.7)
void Tree::StartTcWhile(TreePort& port) {
  if (runs(port.tc_while)) return;
  if (port.send_rstp) {
    constexpr Ticks kMore{100};
    port.tc_while = now_ + TicksOf(port.designated_times.hello_time) + kMore;
    port.new_info = true;
  } else {
    port.tc_while = now_ + TicksOf(root_times_.max_age) + TicksOf(root_times_.forward_delay);
    if (port.role == Role::kRoot) port.new_info = true;
  }
}

// 17.21.18
void Tree::SetTcPropTree(const TreePort& port) {
  if (port.admin.restricted_tcn) return;
  there_.ForEach([&](PortId id) {
    if (id != port.id) at(id).tc_prop = true;
  });
  TouchAll();
}

void Tree::NoteTopologyChange(TreePort& port) {
  ++port.counts.topology_changes;
  ++topology_changes_.count;
  topology_changes_.last = now_;
  if (topology_changes_.ports[0] != port.id) {
    topology_changes_.ports[1] = topology_changes_.ports[0];
    topology_changes_.ports[0] = port.id;
  }
  Tell(Event::Kind::kTopologyChange, port.id);
}

}  // namespace tapswitch::stp
