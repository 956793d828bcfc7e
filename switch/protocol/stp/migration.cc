// Port Protocol Migration (IEEE 802.1D-2004, 17.24): which version a neighbour is spoken to in. And
// Bridge Detection (17.25): whether there is a neighbour at all.

#include "switch/protocol/stp/tree.h"

namespace tapswitch::stp {

bool Tree::StepMigration(TreePort& port) {
  using State = TreePort::Migration;
  const bool is_rstp = settings_.mode == SpanningTreeSettings::Mode::kRstp;
  const auto check = [&] {
    port.migration = State::kCheckingRstp;
    port.mcheck = false;
    port.send_rstp = is_rstp;
    port.mdelay_while = now_ + kMigrateTime;
  };
  switch (port.migration) {
    case State::kCheckingRstp:
      if (!port.enabled || runs(port.mdelay_while)) return false;
      break;
    case State::kSelectingStp:
      if (port.enabled && runs(port.mdelay_while) && !port.mcheck) return false;
      break;
    case State::kSensing:
      if (!port.enabled || port.mcheck || (is_rstp && !port.send_rstp && port.received_rstp)) {
        check();
        return true;
      }
      if (!port.send_rstp || !port.received_stp) return false;
      port.migration = State::kSelectingStp;
      port.send_rstp = false;
      port.mdelay_while = now_ + kMigrateTime;
      return true;
  }
  port.migration = State::kSensing;
  port.received_rstp = false;
  port.received_stp = false;
  return true;
}

bool Tree::StepBridgeDetection(TreePort& port) {
  if (!port.enabled) {
    if (port.oper_edge == port.admin.admin_edge) return false;
    port.oper_edge = port.admin.admin_edge;
    return true;
  }
  const bool nobody_answers = !runs(port.edge_delay_while) && port.admin.auto_edge &&
                              port.send_rstp && port.proposing && port.hold == Hold::kNone;
  if (port.oper_edge || !nobody_answers) return false;
  port.oper_edge = true;
  return true;
}

}  // namespace tapswitch::stp
