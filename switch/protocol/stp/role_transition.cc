// Port Role Transitions (IEEE 802.1D-2004, 17.29): how a port gets from the role that it has to the
// one that is selected for it, without a loop on the way.

#include <algorithm>

#include "switch/protocol/stp/tree.h"

namespace tapswitch::stp {

bool Tree::StepRoleTransition(TreePort& port) {
  if (!port.selected || port.update_info) return false;
  if (port.role != port.selected_role) return EnterRole(port);
  switch (port.role) {
    case Role::kDisabled:
      return StepDisabledRole(port);
    case Role::kRoot:
      return StepRootRole(port);
    case Role::kDesignated:
      return StepDesignatedRole(port);
    case Role::kAlternate:
    case Role::kBackup:
      return StepBlockedRole(port);
  }
  return false;
}

// DISABLE_PORT, ROOT_PORT, DESIGNATED_PORT, BLOCK_PORT. A root port holds rrWhile at FwdDelay, so
// that is started here when it ceases to be one.
bool Tree::EnterRole(TreePort& port) {
  if (port.role == Role::kRoot) port.rr_while = now_ + TicksOf(port.designated_times.forward_delay);
  // So are fdWhile, and rbWhile of a backup port.
  if (port.role == Role::kBackup) {
    port.rb_while = now_ + Ticks{2 * TicksOf(port.designated_times.hello_time).centiseconds};
  }
  const bool held_longer = port.role == Role::kDisabled && port.send_rstp;
  const bool held = port.role != Role::kRoot && port.role != Role::kDesignated;
  if (held) {
    port.fd_while =
        now_ + (held_longer ? TicksOf(port.designated_times.max_age) : ForwardDelayOf(port));
  }
  port.role = port.selected_role;
  if (port.role == Role::kRoot || port.role == Role::kDesignated) return true;
  port.learn = port.forward = false;
  if (port.role == Role::kAlternate && port.admin.root_block &&
      port.port_priority.root < identifier_) {
    ++port.counts.guard_hits;
    Tell(Event::Kind::kRootGuard, port.id);
  }
  return true;
}

// DISABLED_PORT
bool Tree::StepDisabledRole(TreePort& port) {
  if (port.learning || port.forwarding) return false;
  if (port.synced && !port.sync && !port.re_root && !runs(port.rr_while)) return false;
  port.rr_while = now_;
  port.synced = true;
  port.sync = port.re_root = false;
  return true;
}

bool Tree::StepRootRole(TreePort& port) { return StepRootAgreement(port) || StepRootState(port); }

bool Tree::StepRootAgreement(TreePort& port) {
  if (port.proposed && !port.agree) {  // ROOT_PROPOSED
    SetSyncTree();
    port.proposed = false;
    return true;
  }
  if ((!port.agree && AllSynced()) || (port.proposed && port.agree)) {  // ROOT_AGREED
    port.proposed = port.sync = false;
    port.agree = true;
    port.new_info = true;
    return true;
  }
  return false;
}

// The standard has a root port forward while others do that have not agreed to what the bridge says
// now. Here these discard first: a neighbour of theirs may have found a better root.
bool Tree::StepRootState(TreePort& port) {
  if (!port.forward && !port.re_root) {  // REROOT
    SetReRootTree();
    return true;
  }
  if (!port.forward && AskToSync(port)) return true;
  if (port.re_root && port.forward) {  // REROOTED
    port.re_root = false;
    return true;
  }
  const bool is_rstp = settings_.mode == SpanningTreeSettings::Mode::kRstp;
  const auto may_go_on = [&] {
    return AllSynced() &&
           (!runs(port.fd_while) || (is_rstp && !runs(port.rb_while) && ReRooted(port)));
  };
  if (!port.learn && may_go_on()) {  // ROOT_LEARN
    port.fd_while = now_ + ForwardDelayOf(port);
    port.learn = true;
    return true;
  }
  if (port.learn && !port.forward && may_go_on()) {  // ROOT_FORWARD
    port.fd_while = now_;
    port.forward = true;
    return true;
  }
  return false;
}

bool Tree::StepDesignatedRole(TreePort& port) {
  return StepProposal(port) || StepDesignatedSync(port) || StepDesignatedState(port);
}

bool Tree::StepProposal(TreePort& port) {
  if (port.hold == Hold::kLoopedBack && !runs(port.hold_while)) {
    Release(port);
    return true;
  }
  if (!port.forward && !port.agreed && !port.proposing && !port.oper_edge) {  // DESIGNATED_PROPOSE
    port.proposing = true;
    const Ticks edge_delay =
        port.admin.is_point_to_point() ? kMigrateTime : TicksOf(port.designated_times.max_age);
    port.edge_delay_while = std::max(port.edge_delay_while, now_ + edge_delay);
    port.new_info = true;
    return true;
  }
  if (port.proposes_again && !runs(port.restless_until)) {
    port.proposes_again = false;
    port.proposing = !port.forward && !port.agreed && !port.oper_edge;
    port.new_info = true;
    return true;
  }
  return false;
}

bool Tree::StepDesignatedSync(TreePort& port) {
  const bool is_settled = (!port.learning && !port.forwarding) || port.agreed || port.oper_edge;
  if ((is_settled && !port.synced) || (port.sync && port.synced)) {  // DESIGNATED_SYNCED
    port.rr_while = now_;
    port.synced = true;
    port.sync = false;
    return true;
  }
  if (port.re_root && !runs(port.rr_while)) {  // DESIGNATED_RETIRED
    port.re_root = false;
    return true;
  }
  return false;
}

bool Tree::StepDesignatedState(TreePort& port) {
  const bool is_held = port.hold != Hold::kNone;
  const bool gives_way = (port.sync && !port.synced) || (port.re_root && runs(port.rr_while));
  const bool passes = port.learn || port.forward;
  // DESIGNATED_DISCARD. A dispute starts fdWhile again while the port discards, too.
  if (!port.oper_edge && ((passes && (gives_way || is_held)) || port.disputed)) {
    port.learn = port.forward = port.disputed = false;
    port.fd_while = now_ + ForwardDelayOf(port);
    return true;
  }
  const bool may_go_on = (!runs(port.fd_while) || port.agreed || port.oper_edge) &&
                         (!port.re_root || !runs(port.rr_while)) && !port.sync && !is_held;
  if (!may_go_on || port.forward) return false;
  if (!port.learn) {  // DESIGNATED_LEARN
    port.learn = true;
    port.fd_while = now_ + ForwardDelayOf(port);
  } else {  // DESIGNATED_FORWARD
    port.forward = true;
    port.fd_while = now_;
    port.agreed = port.send_rstp;
  }
  return true;
}

// It begins anew, as if it had just been blocked.
void Tree::Release(TreePort& port) {
  port.hold = Hold::kNone;
  port.fd_while = now_ + ForwardDelayOf(port);
  Touch(port.id);
}

// ALTERNATE_PORT and BACKUP_PORT
bool Tree::StepBlockedRole(TreePort& port) {
  if (port.proposed && !port.agree) {  // ALTERNATE_PROPOSED
    SetSyncTree();
    port.proposed = false;
    return true;
  }
  if ((!port.agree && AllSynced()) || (port.proposed && port.agree)) {  // ALTERNATE_AGREED
    port.proposed = false;
    port.agree = true;
    port.new_info = true;
    return true;
  }
  if (port.learning || port.forwarding) return false;
  if (port.synced && !port.sync && !port.re_root && !runs(port.rr_while)) return false;
  port.synced = true;
  port.rr_while = now_;
  port.sync = port.re_root = false;
  return true;
}

// 17.20.3
bool Tree::AllSynced() const {
  bool all = true;
  there_.ForEach([&](PortId id) {
    const TreePort& port = ports_[id.value];
    const bool is_in_place = port.selected && port.role == port.selected_role && !port.update_info;
    all = all && is_in_place && (port.synced || port.role == Role::kRoot);
  });
  return all;
}

// 17.20.10
bool Tree::ReRooted(const TreePort& port) const {
  bool all = true;
  there_.ForEach([&](PortId id) {
    if (id != port.id && runs(ports_[id.value].rr_while)) all = false;
  });
  return all;
}

// 17.21.18
void Tree::SetSyncTree() {
  there_.ForEach([this](PortId id) { at(id).sync = true; });
  TouchAll();
}

// Tells all other ports that are not synced to give way. False if none had to be told.
bool Tree::AskToSync(const TreePort& port) {
  bool has_asked = false;
  there_.ForEach([&](PortId id) {
    if (id == port.id || at(id).synced || at(id).sync) return;
    at(id).sync = has_asked = true;
    Touch(id);
  });
  return has_asked;
}

// 17.21.16
void Tree::SetReRootTree() {
  there_.ForEach([this](PortId id) { at(id).re_root = true; });
  TouchAll();
}

// 17.20.6 has HelloTime for RSTP. Where no agreement was given, so that a port has to wait, that is
// too short while news of a lost root are on their way: two ports would forward before they know.
Ticks Tree::ForwardDelayOf(const TreePort& port) {
  return TicksOf(port.designated_times.forward_delay);
}

}  // namespace tapswitch::stp
