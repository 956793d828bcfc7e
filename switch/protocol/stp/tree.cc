#include "switch/protocol/stp/tree.h"

#include <algorithm>
#include <tuple>

namespace tapswitch::stp {
namespace {

// So much later than it asked for, and the process was not there to hear its neighbours.
constexpr Ticks kStall{50};

std::optional<Tick> Sooner(std::optional<Tick> a, std::optional<Tick> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// The state as others see it: 17.30 has no other states that last.
PortState StateOf(const TreePort& port) {
  if (!port.enabled) return PortState::kBlocking;
  if (port.forwarding) return PortState::kForwarding;
  return port.learning ? PortState::kLearning : PortState::kBlocking;
}

}  // namespace

void Tree::Configure(const SpanningTreeSettings& settings, MacAddress address, Tick now) {
  now_ = now;
  const bool other_version = settings.mode != settings_.mode;
  settings_ = settings;
  identifier_ = {.priority = settings.priority, .address = address};
  bridge_times_ = TimesOf(settings);
  cause_ = {.kind = Cause::Kind::kConfigured};
  there_.ForEach([&](PortId id) {
    Reselect(at(id));
    if (other_version) at(id).mcheck = true;
  });
  reselect_ = true;
}

void Tree::SetPort(PortId id, const SpanningTreePort& settings, Tick now) {
  now_ = now;
  TreePort& port = at(id);
  if (port.is_there && port.admin == settings) return;
  cause_ = {.kind = Cause::Kind::kConfigured, .port = id};
  if (!port.is_there) {
    port = {.admin = settings, .id = id, .shown = port.shown};
    Reset(port);
    there_.insert(id);
  }
  const bool becomes_edge = settings.admin_edge && !port.admin.admin_edge;
  if (becomes_edge && !port.has_heard) port.oper_edge = true;
  if (!settings.loop_guard && port.hold == Hold::kLoopGuard) Release(port);
  port.admin = settings;
  port.port_id = MakePortIdentifier(settings.priority, id);
  Reselect(port);
}

void Tree::RemovePort(PortId id, Tick now) {
  now_ = now;
  if (!at(id).is_there) return;
  cause_ = {.kind = Cause::Kind::kLinkDown, .port = id};
  const PortState shown = at(id).shown;
  at(id) = {.id = id, .shown = shown};
  there_.erase(id);
  reselect_ = true;
  TouchAll();
}

void Tree::SetEnabled(PortId id, bool enabled, Tick now) {
  now_ = now;
  TreePort& port = at(id);
  if (!port.is_there || port.enabled == enabled) return;
  cause_ = {.kind = enabled ? Cause::Kind::kLinkUp : Cause::Kind::kLinkDown, .port = id};
  Reset(port);
  port.enabled = enabled;
  port.edge_delay_while = now + kMigrateTime;
  port.mdelay_while = now + kMigrateTime;
  Reselect(port);
}

// Forgets all but what it is, and what is to be shown of it.
void Tree::Reset(TreePort& port) const {
  port = {.admin = port.admin,
          .id = port.id,
          .port_id = port.port_id,
          .is_there = true,
          .shown = port.shown,
          .told_role = port.told_role,
          .counts = port.counts};
  port.new_info = true;
  port.synced = true;
  port.oper_edge = port.admin.admin_edge;
  port.send_rstp = settings_.mode == SpanningTreeSettings::Mode::kRstp;
}

void Tree::CheckMigration(PortId id, Tick now) {
  now_ = now;
  at(id).mcheck = at(id).is_there;
  if (at(id).is_there) Touch(id);
}

void Tree::Reselect(TreePort& port) {
  port.selected = false;
  reselect_ = true;
  Touch(port.id);
}

uint32_t Tree::path_cost(PortId id) const {
  const uint32_t cost = port(id).admin.cost;
  return cost == 0 ? PathCostOf(port(id).admin.link_speed) : cost;
}

void Tree::Run(Tick now, TreeEffects& effects) {
  now_ = now;
  if (next_ && *next_ <= now) {
    ForgiveStall();
    next_.reset();
    TouchAll();
    if (!reselect_) cause_ = {.kind = Cause::Kind::kTimer};
  }
  effects_ = &effects;
  RunMachines();
  effects_ = nullptr;
}

// What came in meanwhile waits to be read, and there is time for that.
void Tree::ForgiveStall() {
  if (now_ < *next_ + kStall) return;
  const uint64_t late = now_.centiseconds - next_->centiseconds + kStall.centiseconds;
  there_.ForEach([&](PortId id) { at(id).rcvd_info_while.centiseconds += late; });
}

void Tree::RunMachines() {
  PortSet ran;
  while (reselect_ || !dirty_.empty()) {
    if (reselect_) SelectRoles();
    const PortSet ports = dirty_;
    dirty_ = {};
    ran |= ports;
    (ports & there_).ForEach([this](PortId id) { RunPort(id); });
  }
  (ran & there_).ForEach([this](PortId id) {
    TellChanges(at(id));
    Transmit(at(id));
    ExpectDeadlineOf(at(id));
  });
}

void Tree::RunPort(PortId id) {
  TreePort& port = at(id);
  const auto seen_by_others = [&port, this] {
    return std::make_tuple(port.role, port.selected_role, port.selected, port.update_info,
                           port.synced, runs(port.rr_while));
  };
  const auto before = seen_by_others();
  while (StepMigration(port) || StepBridgeDetection(port) || StepInformation(port) ||
         StepRoleTransition(port) || StepStateTransition(port) || StepTopologyChange(port)) {
  }
  if (seen_by_others() != before) TouchAll();
}

void Tree::TellChanges(TreePort& port) {
  const PortState state = StateOf(port);
  if (port.told_role == port.role && port.shown == state) return;
  effects_->Tell({.kind = Event::Kind::kPort,
                  .port = port.id,
                  .from_role = port.told_role,
                  .role = port.role,
                  .from_state = port.shown,
                  .state = state,
                  .cause = cause_});
  port.told_role = port.role;
  port.shown = state;
}

PortState Tree::state(PortId id) const { return StateOf(port(id)); }

Tree::Memory Tree::Remember() const {
  Memory memory{.now = now_, .changes = topology_changes_, .ports = {}};
  there_.ForEach([&](PortId id) { memory.ports.push_back(port(id)); });
  return memory;
}

// What follows from the ports is selected again, and the machines of all ports run next: they find
// nothing to do where nothing has changed.
void Tree::Restore(const Memory& memory) {
  now_ = memory.now;
  topology_changes_ = memory.changes;
  next_.reset();
  for (const TreePort& remembered : memory.ports) {
    TreePort& port = at(remembered.id);
    if (!port.is_there) continue;
    const SpanningTreePort admin = port.admin;
    const PortIdentifier port_id = port.port_id;
    port = remembered;
    port.admin = admin;
    port.port_id = port_id;
    port.is_there = true;
    port.received_message = false;
    ExpectDeadlineOf(port);
  }
  SelectRoles();
  TouchAll();
}

void Tree::Tell(Event::Kind kind, PortId port) {
  effects_->Tell({.kind = kind,
                  .port = port,
                  .role = at(port).role,
                  .state = StateOf(at(port)),
                  .cause = cause_});
}

std::optional<Tick> Tree::next_deadline() const {
  if (reselect_ || !dirty_.empty()) return Tick{};
  return next_;
}

// The timers that somebody waits for.
std::optional<Tick> Tree::DeadlineOf(const TreePort& port) const {
  if (!port.enabled) return std::nullopt;
  std::optional<Tick> next;
  const auto expect = [&](Tick timer, bool is_awaited) {
    if (is_awaited && runs(timer)) next = Sooner(next, timer);
  };
  const bool may_forward = port.role == Role::kRoot || port.role == Role::kDesignated;
  expect(port.edge_delay_while, port.proposing && port.admin.auto_edge && !port.oper_edge);
  expect(port.fd_while, may_forward && !port.forward);
  expect(port.hello_when,
         port.role == Role::kDesignated || (port.role == Role::kRoot && runs(port.tc_while)));
  expect(port.mdelay_while, port.migration != TreePort::Migration::kSensing);
  expect(port.rb_while, port.role == Role::kRoot && !port.forward);
  expect(port.rcvd_info_while, port.info_is == InfoIs::kReceived);
  expect(port.rr_while, port.role != Role::kRoot);
  expect(port.restless_until, port.proposes_again);
  expect(port.hold_while, port.hold == Hold::kLoopedBack);
  expect(port.tx_second, port.new_info && port.tx_count > 0);
  return next;
}

void Tree::ExpectDeadlineOf(const TreePort& port) { next_ = Sooner(next_, DeadlineOf(port)); }

}  // namespace tapswitch::stp
